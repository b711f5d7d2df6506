"""What is measured: named shapes, and the cells that are run on them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from peephole import cells
from peephole.equations import Cell, Step, sigmoid, tanh
from peephole.errors import OptionError

# Tokens (words and punctuation) of the first 32 reviews of the IMDB training file.
REVIEWS = (
    125, 149, 157, 387, 83, 235, 159, 360, 180, 165, 146, 174, 393, 138, 200, 602,
    500, 58, 183, 210, 164, 276, 334, 204, 298, 299, 221, 174, 159, 578, 162, 207,
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """The shape of a problem.

    Attributes:
        name: what it is called on the command line.
        lengths: `[N]` steps of each sequence, longest first, each at least 1.
        inputs: D, features of an input row, at least 1.
        hidden: H, units of a layer and direction, at least 1.
        layers: L, at least 1.
        directions: K, 1 or 2.

    Example:
        >>> CASES["review"].steps, CASES["review"].batch, CASES["review"].rows
        (200, 32, 6400)
    """

    name: str
    lengths: tuple[int, ...]
    inputs: int
    hidden: int
    layers: int = 1
    directions: int = 1

    @property
    def steps(self) -> int:
        """T, steps of the longest sequence."""
        return self.lengths[0]

    @property
    def batch(self) -> int:
        """N, sequences."""
        return len(self.lengths)

    @property
    def rows(self) -> int:
        """R, steps of all sequences together."""
        return sum(self.lengths)

    @property
    def is_ragged(self) -> bool:
        """Whether lengths differ."""
        return self.lengths[0] != self.lengths[-1]

    def multiply_adds(self, cell: Cell, *, training: bool) -> int:
        """Multiply-adds of the matrix products of one forward pass, or of one forward and one backward pass.

        The backward pass has twice as many as the forward pass: for each matrix, one product gives the gradient of what it
        multiplied and one the gradient of the matrix.
        """
        inputs = self.inputs + (self.layers - 1) * self.directions * self.hidden
        per_row = len(cell.gates) * self.hidden * self.directions * (inputs + self.layers * self.hidden)
        return self.rows * per_row * (3 if training else 1)

    def to_json(self) -> dict[str, Any]:
        """Return the sizes by the letters of the documentation."""
        sizes = {"T": self.steps, "N": self.batch, "D": self.inputs, "H": self.hidden}
        sizes |= {"L": self.layers, "K": self.directions, "R": self.rows}
        return sizes | {"lengths": list(self.lengths) if self.is_ragged else "equal"}


def dense(name: str, steps: int, batch: int, inputs: int, hidden: int) -> Case:
    """Return a case of `batch` sequences of `steps` steps each."""
    return Case(name, (steps,) * batch, inputs, hidden)


def ragged(name: str, lengths: Sequence[int], inputs: int, hidden: int, **deep: int) -> Case:
    """Return a case of sequences of these lengths."""
    return Case(name, tuple(sorted(lengths, reverse=True)), inputs, hidden, **deep)


CASES: dict[str, Case] = {
    case.name: case
    for case in (
        dense("single", 100, 1, 128, 128),
        dense("review", 200, 32, 128, 128),
        dense("review-256", 200, 32, 256, 256),
        dense("wide", 200, 64, 512, 512),
        dense("odd", 187, 13, 100, 150),
        ragged("packed", REVIEWS, 128, 128),
        ragged("packed-deep", REVIEWS, 128, 128, layers=2, directions=2),
        dense("short", 25, 32, 128, 128),
    )
}


def custom(text: str) -> Case:
    """Return the case ``T,N,D,H``, which is its name too.

    Raises:
        OptionError: these are not four whole numbers of at least 1.

    Example:
        >>> custom("50,8,64,96").hidden
        96
    """
    if not re.fullmatch(r"[1-9]\d{0,6}(,[1-9]\d{0,6}){3}", text):
        raise OptionError(
            f"bench: a shape must be T,N,D,H (steps, sequences, inputs, units), each at least 1; got {text!r}"
        )
    return dense(text, *map(int, text.split(",")))


class OpenLSTM(Cell):
    """A cell of a user's own, of the LSTM's size: its forget gate begins open by its equation.

    It ships with no kernel: it is compiled on this machine, as any cell that is not in `peephole.cells`.
    """

    gates, states, name = ("i", "f", "g", "o"), ("h", "c"), "own"

    def step(self, pre: Any, prev: Any) -> Step:
        """One step."""
        i = sigmoid(pre.i)
        f = sigmoid(pre.f + 1)
        g = tanh(pre.g)
        o = sigmoid(pre.o)
        c = f * prev.c + i * g
        return Step(h=o * tanh(c), c=c, i=i, f=f, g=g, o=o)


CELLS: dict[str, Cell] = {
    "lstm": cells.LSTM(),
    "gru": cells.GRU(),
    "gru-before": cells.GRU("before"),
    "rnn": cells.RNN(),
    "peephole-lstm": cells.PeepholeLSTM(),
    "own": OpenLSTM(),
}
