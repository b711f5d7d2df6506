"""A small task in which a network must both keep and overwrite: say the latest letter that was read.

Letters are rare among dots and dashes that mean nothing. After the last step the network says which letter came last: until then
it must keep that one, and when the next letter comes, it must let the one before go.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peephole.equations import Cell
from peephole.nn import Recurrent
from peephole.studies.figures.spread import table, told
from peephole.studies.measures import rounded
from peephole.studies.tasks.task import one_hot

LETTERS, SYMBOLS = 4, 6
NAMES: Final = ("A", "B", "C", "D", "·", "–")
_BATCH, _JUDGED, _EVERY, _RATE, _NEEDED = 32, 256, 20, 1e-2, 0.99

Integers = npt.NDArray[np.int64]


def lines(steps: int, count: int, seed: int | list[int], *, letters: int = 2) -> tuple[Integers, Integers]:
    """Draw lines of symbols, and the latest letter of each.

    Args:
        steps: T, at least `letters` + 1: the last symbol is never a letter.
        count: N lines.
        seed: the same seed gives the same lines.
        letters: in each line, at places of chance.

    Returns:
        Symbols `[T, N]`, as positions in `NAMES`, and the answers `[N]`.

    Example:
        >>> symbols, answers = lines(9, 2, 0)
        >>> ["".join(NAMES[k] for k in line) for line in symbols.T], [NAMES[k] for k in answers]
        (['–DB··––––', '–···BD–––'], ['B', 'D'])
    """
    rng = np.random.default_rng(seed)
    symbols = rng.integers(LETTERS, SYMBOLS, (steps, count))
    places = np.sort(rng.random((steps - 1, count)).argsort(axis=0)[:letters], axis=0)
    read = rng.integers(0, LETTERS, (letters, count))
    symbols[places, np.arange(count)] = read
    return symbols, read[-1].copy()


@dataclasses.dataclass(frozen=True, eq=False)
class Reader:
    """A network that learnt the task, or did not.

    Attributes:
        layer: of 16 units.
        head: reads the last h.
        steps: of the optimiser, when 99 % of 256 lines were right; None: that was not reached.
        right: share of those lines that is right at the end.
    """

    layer: Recurrent
    head: nn.Linear
    steps: int | None
    right: float


def learn(cell: Cell, length: int, seed: int, most: int, init: str = "orthogonal", **options: Any) -> Reader:
    """Train a network of 16 units on lines of a length.

    Adam at 0.01, 32 new lines a step, gradients clipped to a norm of 1; every 20 steps it is judged, and stops when it has learnt
    the task.

    Args:
        cell: the equations.
        length: T.
        seed: decides the first weights and all lines.
        most: steps of the optimiser.
        init: the first weights, as `Recurrent` takes it.
        options: of `Recurrent`, such as its `forget_bias`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = Recurrent(cell, SYMBOLS, 16, init=init, **options)
        head = nn.Linear(16, LETTERS)
    weights = [*layer.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, lr=_RATE)
    judged, answers = lines(length, _JUDGED, [seed, 1])
    right = 0.0
    for step in range(1, most + 1):
        symbols, wanted = lines(length, _BATCH, [seed, 2, step])
        optimizer.zero_grad()
        F.cross_entropy(_answer(layer, head, symbols), torch.from_numpy(wanted)).backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        if step % _EVERY == 0:
            with torch.no_grad():
                right = float((_answer(layer, head, judged).argmax(1).numpy() == answers).mean())
            if right >= _NEEDED:
                return Reader(layer, head, step, right)
    return Reader(layer, head, None, right)


def _answer(layer: Recurrent, head: nn.Linear, symbols: Integers) -> Tensor:
    return head(layer(torch.from_numpy(one_hot(symbols, SYMBOLS)))[0][-1])


def results(readers: Sequence[Reader]) -> dict[str, Any]:
    """Return after how many steps the readers of each seed had learnt the task, and what is right at the end, for JSON."""
    return {
        "steps": [reader.steps for reader in readers],
        "right": rounded([reader.right for reader in readers]),
    }


def learning_table(label: str, found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    r"""Return the lines of a table of who learnt the task, and how soon.

    Args:
        label: heads the names.
        found: name → its `results`.

    Example:
        >>> print(*learning_table("network", {"GRU": {"steps": [40, None, 60], "right": [1.0, 0.5, 1.0]}}), sep="\n")
        | network | seeds that learnt it | optimiser's steps | right at the end |
        |---|---|---|---|
        | GRU | 2 of 3 | 60 (40–not in time) | 100 (50–100) % |
    """
    rows = [
        [
            name,
            f"{sum(step is not None for step in own['steps'])} of {len(own['steps'])}",
            told(own["steps"], never="not in time"),
            told(own["right"], scale=100) + " %",
        ]
        for name, own in found.items()
    ]
    return table([label, "seeds that learnt it", "optimiser's steps", "right at the end"], rows)
