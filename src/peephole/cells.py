"""THE EQUATIONS. Every cell that ships, written once, as the textbook writes it.

The letters: x input, h hidden state (the output), c cell state; i, f, o input, forget and output gate, g candidate; r reset
and z update gate, n candidate of a GRU. `pre.i` is W_i x + b_i + U_i h_prev + b'_i. `peephole.equations.cell` explains the rest.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from peephole.equations import Cell, Matrix, Step, Vector, relu, sigmoid, tanh
from peephole.equations.functions import Value
from peephole.equations.listing import listing
from peephole.errors import OptionError, check_choice, nearest

# What `step` is given: arrays of some kind, or symbols. A cell never knows which.
Values = Any


@dataclasses.dataclass(frozen=True)
class RNN(Cell):
    """The plain recurrent network (Elman 1990, Cognitive Science 14, equation of the context layer).

    h is multiplied by U at every step, and so is its gradient: it vanishes or explodes (Bengio et al. 1994).

    Args:
        nonlinearity: ``"tanh"`` or ``"relu"``.
    """

    gates = ("a",)
    states = ("h",)
    name = "rnn"

    nonlinearity: Literal["tanh", "relu"] = "tanh"

    def __post_init__(self) -> None:
        check_choice("RNN", "nonlinearity", self.nonlinearity, ("tanh", "relu"))

    def step(self, pre: Values, prev: Values) -> Step:
        """One step."""
        squash = tanh if self.nonlinearity == "tanh" else relu
        h = squash(pre.a)                           # RNN-1   the whole state is rewritten at every step
        return Step(h=h)


@dataclasses.dataclass(frozen=True)
class LSTM(Cell):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000, eqs. 2-8)."""

    gates = ("i", "f", "g", "o")
    states = ("h", "c")
    name = "lstm"

    def step(self, pre: Values, prev: Values) -> Step:
        """One step."""
        i = sigmoid(pre.i)                          # LSTM-1  input gate: how much of the candidate enters
        f = sigmoid(pre.f)                          # LSTM-2  forget gate: how much of the past stays
        g = tanh(pre.g)                             # LSTM-3  candidate
        o = sigmoid(pre.o)                          # LSTM-4  output gate: how much of the cell is shown
        c = f * prev.c + i * g                      # LSTM-5  the conveyor: an addition, not a multiplication
        h = o * tanh(c)                             # LSTM-6  what the rest of the network sees
        return Step(h=h, c=c, i=i, f=f, g=g, o=o)


@dataclasses.dataclass(frozen=True)
class PeepholeLSTM(Cell):
    """The LSTM whose gates see the cell state (Gers & Schmidhuber 2000; Gers, Schraudolph & Schmidhuber 2002, eqs. 3-9).

    Args:
        peephole: ``"diagonal"``: each unit's gates see that unit's own cell, `weight_ch` `[3, H]` in the order i, f, o, as in
            the papers; ``"full"``: they see every cell, `weight_ch` `[3 · H, H]`.
        output_peephole: ``"new"``: the output gate sees the cell state of this step, as in the papers; ``"previous"``: all three
            gates see the one before, as some textbooks write it.
    """

    gates = ("i", "f", "g", "o")
    states = ("h", "c")
    name = "peephole-lstm"

    peephole: Literal["diagonal", "full"] = "diagonal"
    output_peephole: Literal["new", "previous"] = "new"

    def __post_init__(self) -> None:
        check_choice("PeepholeLSTM", "peephole", self.peephole, ("diagonal", "full"))
        check_choice("PeepholeLSTM", "output_peephole", self.output_peephole, ("new", "previous"))

    @property
    def parameters(self) -> Mapping[str, Vector | Matrix]:
        """`weight_ch`: what each gate sees of the cell state."""
        kind = Vector if self.peephole == "diagonal" else Matrix
        return {"weight_ch": kind(("i", "f", "o"))}

    def _see(self, weight: Values, c: Value) -> Value:
        return weight * c if self.peephole == "diagonal" else weight @ c

    def step(self, pre: Values, prev: Values, own: Values) -> Step:
        """One step."""
        p, see = own.weight_ch, self._see
        i = sigmoid(pre.i + see(p.i, prev.c))       # PLSTM-1 input gate, sees the cell before the step
        f = sigmoid(pre.f + see(p.f, prev.c))       # PLSTM-2 forget gate, sees it too
        g = tanh(pre.g)                             # PLSTM-3 candidate, sees no cell
        c = f * prev.c + i * g                      # PLSTM-4 the conveyor
        c_seen = c if self.output_peephole == "new" else prev.c
        o = sigmoid(pre.o + see(p.o, c_seen))       # PLSTM-5 output gate, sees the new cell (or the one before)
        h = o * tanh(c)                             # PLSTM-6 what the rest of the network sees
        return Step(h=h, c=c, i=i, f=f, g=g, o=o)


@dataclasses.dataclass(frozen=True)
class GRU(Cell):
    """The gated recurrent unit (Cho et al. 2014, eqs. 5-8). One state; z keeps, 1 − z writes.

    The sign of z is that of Cho et al. and of PyTorch; Chung et al. 2014 and many tutorials write it the other way round.

    Args:
        reset: ``"after"``: r multiplies the product U_n h_prev + b'_n (PyTorch, cuDNN); ``"before"``: r multiplies h_prev, and
            the product is taken after (the original). The bias b'_n stays outside the r then.
    """

    gates = ("r", "z", "n")
    states = ("h",)
    name = "gru"

    reset: Literal["after", "before"] = "after"

    def __post_init__(self) -> None:
        check_choice("GRU", "reset", self.reset, ("after", "before"))

    def step(self, pre: Values, prev: Values) -> Step:
        """One step."""
        r = sigmoid(pre.r)                          # GRU-1   reset gate: how much of the past the candidate sees
        z = sigmoid(pre.z)                          # GRU-2   update gate: how much of the past is kept
        seen = r * pre.h.n if self.reset == "after" else pre.recurrent(r * prev.h).n
        n = tanh(pre.x.n + seen)                    # GRU-3   candidate
        h = (1 - z) * n + z * prev.h                # GRU-4   write 1 − z of the candidate, keep z of the past
        return Step(h=h, r=r, z=z, n=n)


@dataclasses.dataclass(frozen=True)
class CoupledLSTM(Cell):
    """The LSTM with coupled gates, f = 1 − i (Greff et al. 2017, variant CIFG): what enters displaces as much."""

    gates = ("i", "g", "o")
    states = ("h", "c")
    name = "coupled-lstm"

    def step(self, pre: Values, prev: Values) -> Step:
        """One step."""
        i = sigmoid(pre.i)                          # CIFG-1  input gate: how much of the candidate enters
        f = 1 - i                                   # CIFG-2  forget gate: the rest of the past stays
        g = tanh(pre.g)                             # CIFG-3  candidate
        o = sigmoid(pre.o)                          # CIFG-4  output gate: how much of the cell is shown
        c = f * prev.c + i * g                      # CIFG-5  the conveyor: a weighted mean of past and candidate
        h = o * tanh(c)                             # CIFG-6  what the rest of the network sees
        return Step(h=h, c=c, i=i, f=f, g=g, o=o)


SHIPPED: dict[str, type[Cell]] = {
    cell.name: cell for cell in (RNN, LSTM, PeepholeLSTM, GRU, CoupledLSTM)
}


def make(name: str, **options: str) -> Cell:
    """Return a shipped cell by its command-line name: ``rnn lstm peephole-lstm gru coupled-lstm``.

    Raises:
        OptionError: no cell has that name, or the cell has no such option or value.

    Example:
        >>> make("gru", reset="before")
        GRU(reset='before')
    """
    if name not in SHIPPED:
        raise OptionError(
            f"cells.make: no cell is named {name!r}{nearest(name, SHIPPED)}; there are: {', '.join(SHIPPED)}"
        )
    kind = SHIPPED[name]
    known = list(kind().options)
    for option in options:
        if option not in known:
            raise OptionError(
                f"cells.make: the cell {name!r} has no option {option!r}{nearest(option, known)}; "
                f"it has: {', '.join(known) or 'none'}"
            )
    return kind(**options)


def describe(cell: str | Cell) -> str:
    """Return the equations of a cell as text, line by line, with their tags.

    Args:
        cell: a cell, its class name (``"PeepholeLSTM"``) or its command-line name (``"peephole-lstm"``).

    Example:
        >>> print(describe("RNN"))
        RNN(nonlinearity='tanh'): The plain recurrent network (Elman 1990, Cognitive Science 14, equation of the context layer).
        <BLANKLINE>
          RNN-1  h = tanh(W_a x + b_a + U_a h_prev + b'_a)   the whole state is rewritten at every step
    """
    if isinstance(cell, str):
        names = {spelling.casefold(): name for name, kind in SHIPPED.items() for spelling in (name, kind.__name__)}
        if cell.casefold() not in names:
            raise OptionError(
                f"describe: no cell is called {cell!r}{nearest(cell.casefold(), names)}; there are: {', '.join(SHIPPED)}"
            )
        cell = make(names[cell.casefold()])
    return listing(cell)
