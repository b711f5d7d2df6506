"""What is explained: one input of a model, and all that the methods ask of it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from peephole.insight.explanations.portions import portions
from peephole.insight.network import Array, Network
from peephole.insight.passage import Holds, Passage
from peephole.insight.readout import Reader, Readout, read_out
from peephole.ops import Sequences
from peephole.ops.sequences import Integers

Numbers = npt.NDArray[np.float64]
# The first token or step of each word, and the one after its last: `[W, 2]`.
Spans = Integers

_ROWS_AT_ONCE = 1 << 16  # how many tokens are run in one call; bounds the memory of what is run again


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """One input of a model, and the number to explain: a weighted sum of its outputs.

    Attributes:
        network: the recurrent layers.
        reader: pooling and head.
        rows: `[T, D]` what the first layer reads, in the network's dtype.
        spans: `[W, 2]` of its words, in order, none of them empty; together they cover every row.
        weights: `[C]` of the outputs in the number.
        run_again: the outputs `[N, C]` for N selections of the rows, each given by its positions, ascending.
        differentiate: the value and gradient `[T, D]` of the number for other rows `[T, D]`.
        measure: the number that faithfulness looks at, `[N]`, from outputs `[N, C]`: the target's probability, for a classifier.
        holds: what is held while the network runs: track → value → `[T, H]`, NaN where it is free.
    """

    network: Network
    reader: Reader
    rows: Array
    spans: Spans
    weights: Numbers
    run_again: Callable[[Sequence[Integers]], Array]
    differentiate: Callable[[Sequence[Array]], list[tuple[float, Array]]]
    measure: Callable[[Array], Numbers]
    holds: Holds = dataclasses.field(default_factory=dict[str, Mapping[str, Array]])

    @property
    def steps(self) -> int:
        """T, tokens or steps."""
        return len(self.rows)

    @functools.cached_property
    def passage(self) -> Passage:
        """The input's way through the layers, every value kept."""
        return Passage(self.network, self.rows, Sequences.from_lengths([self.steps]), holds=self.holds)

    @functools.cached_property
    def readout(self) -> Readout:
        """What was read from it."""
        return read_out(self.reader, self.passage)

    @functools.cached_property
    def value(self) -> float:
        """The number."""
        return float(self.number(self.readout.logits)[0])

    def number(self, outputs: Array) -> Numbers:
        """Return the number `[N]` that outputs `[N, C]` give."""
        return outputs.astype(np.float64) @ self.weights

    def outputs_of(self, selections: Iterable[Integers]) -> Array:
        """Return the outputs `[N, C]` for selections of the rows; a few of them at a time are run."""
        made = [self.run_again(part) for part in portions(selections, _ROWS_AT_ONCE)]
        return np.concatenate(made) if made else np.zeros((0, len(self.weights)))

    def gradients(self, rows: Iterable[Array]) -> Iterator[tuple[float, Array]]:
        """Yield the value and gradient `[T, D]` of the number for other rows `[T, D]`, which are made when they are needed."""
        for part in portions(rows, _ROWS_AT_ONCE):
            yield from self.differentiate(part)

    def without(self, deleted: Iterable[Integers]) -> Iterator[Integers]:
        """Yield the positions of the rows that are left without some words `[…]`, for each selection of words."""
        for words in deleted:
            gone = np.zeros(len(self.spans), np.bool_)
            gone[words] = True
            yield np.flatnonzero(~gone[self._word_of])

    @functools.cached_property
    def _word_of(self) -> Integers:
        """`[T]` the word of each row."""
        return np.repeat(np.arange(len(self.spans)), self.spans[:, 1] - self.spans[:, 0])
