"""Who is compared: cells with the first weights that suit them, at sizes that match."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from peephole import cells
from peephole.equations import Cell
from peephole.errors import OptionError, nearest

MATCHES = ("parameters", "units")


@dataclasses.dataclass(frozen=True)
class Contender:
    """A cell in a comparison.

    Attributes:
        name: what ``--contenders`` calls it.
        title: what a reader calls it.
        cell: name of a shipped cell, as `peephole.cells.make` takes it.
        options: the cell's own options.
        init: first weights that it always has; None: those of the comparison, as cells with gates have them.
    """

    name: str
    title: str
    cell: str
    options: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])
    init: Literal["orthogonal", "identity"] | None = None

    def make_cell(self) -> Cell:
        """Return the equations."""
        return cells.make(self.cell, **self.options)


CONTENDERS: dict[str, Contender] = {
    contender.name: contender
    for contender in (
        Contender("rnn", "RNN, tanh, orthogonal", "rnn", init="orthogonal"),
        Contender("irnn", "RNN, ReLU, identity", "rnn", {"nonlinearity": "relu"}, "identity"),
        Contender("lstm", "LSTM", "lstm"),
        Contender("peephole-lstm", "Peephole LSTM", "peephole-lstm"),
        Contender(
            "peephole-lstm-previous",
            "Peephole LSTM, previous cell state",
            "peephole-lstm",
            {"output_peephole": "previous"},
        ),
        Contender(
            "peephole-lstm-full", "Peephole LSTM, full matrices", "peephole-lstm", {"peephole": "full"}
        ),
        Contender("gru", "GRU", "gru"),
        Contender("gru-before", "GRU, reset before the product", "gru", {"reset": "before"}),
        Contender("coupled-lstm", "LSTM, coupled gates", "coupled-lstm"),
    )
}
USUAL = ("rnn", "irnn", "lstm", "peephole-lstm", "peephole-lstm-full", "gru")
REFERENCE = "lstm"  # whose size the others match, and with whom they are compared where it takes part


def choose(names: Sequence[str]) -> tuple[Contender, ...]:
    """Return contenders by their names; all problems at once.

    Raises:
        OptionError: there is none of that name, one is named twice, or none is named.

    Example:
        >>> [contender.title for contender in choose(["gru", "lstm"])]
        ['GRU', 'LSTM']
    """
    problems = [f"{name!r}{nearest(name, CONTENDERS)}" for name in names if name not in CONTENDERS]
    if problems:
        raise OptionError(
            f"compare: contenders must be of {', '.join(CONTENDERS)}; got {', '.join(problems)}"
        )
    if not names or len(set(names)) != len(names):
        raise OptionError(f"compare: contenders must be named once each; got {', '.join(names) or 'none'}")
    return tuple(CONTENDERS[name] for name in names)


def layer_parameters(cell: Cell, inputs: int, hidden: int) -> int:
    """Count the numbers that a layer of one direction learns.

    >>> layer_parameters(cells.LSTM(), 2, 3), layer_parameters(cells.PeepholeLSTM(), 2, 3)
    (84, 93)
    """
    own = sum(math.prod(shape) for shape in cell.parameter_shapes(hidden).values())
    return len(cell.gates) * hidden * (inputs + hidden + 2) + own


def matched_size(count: Callable[[int], int], wanted: int) -> int:
    """Return the size, at least 1, whose count is nearest to the wanted one; the smaller of two that are as near.

    Args:
        count: parameters of a size; grows with it.
        wanted: parameters.

    >>> matched_size(lambda size: size * size, 30), matched_size(lambda size: 10 * size, 1)
    (5, 1)
    """
    high = 1
    while count(high) < wanted:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < wanted else (low, middle)
    return high if low < 1 or count(high) - wanted < wanted - count(low) else low


def sizes_of(
    contenders: Sequence[Contender], hidden: int, match: str, count: Callable[[Contender, int], int]
) -> dict[str, int]:
    """Return the units of each contender, by name.

    Args:
        contenders: who takes part.
        hidden: units of the LSTM, at least 1.
        match: ``"units"`` gives all of them as many; ``"parameters"`` as many as bring each nearest to the LSTM's parameters.
        count: parameters of a contender with so many units.

    Example:
        >>> chosen = choose(["rnn", "lstm", "gru"])
        >>> sizes_of(chosen, 32, "parameters", lambda one, size: layer_parameters(one.make_cell(), 8, size))
        {'rnn': 68, 'lstm': 32, 'gru': 38}
    """
    if match == "units":
        return {contender.name: hidden for contender in contenders}
    wanted = count(CONTENDERS[REFERENCE], hidden)
    return {
        contender.name: matched_size(lambda size, contender=contender: count(contender, size), wanted)
        for contender in contenders
    }
