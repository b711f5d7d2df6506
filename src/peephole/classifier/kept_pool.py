"""A pool that can be gone back through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole.classifier.pools import Pool, stretches
from peephole.classifier.rows import Block
from peephole.ops import Sequences
from peephole.ops.sequences import Integers

Numbers = npt.NDArray[np.floating[Any]]


class KeptPool:
    """A pool that remembers which step won each maximum; of steps that are equal, the first.

    Args:
        statistics: as `Pool` takes them.
        batch: the lengths.
        width: F.
        dtype: of the rows.

    Attributes:
        values: the statistics.
        winners: `[N, F]` the packed row that had the maximum, in sorted order; −1 without rows.
    """

    def __init__(
        self,
        statistics: Sequence[str],
        batch: Sequences,
        width: int,
        dtype: type[np.floating[Any]] | np.dtype[np.floating[Any]] = np.float32,
    ) -> None:
        sequences = len(batch.lengths)
        self.values = Pool(statistics, sequences, width, dtype)
        self.width = width
        self.winners: Integers = np.full((sequences, width), -1, np.int64)
        self._best = np.full((sequences, width), -np.inf, dtype)
        self._lengths = np.maximum(batch.lengths[batch.order], 1).astype(np.float32)
        self._sequence: Integers = batch.row_sorted

    def add(self, block: Block, rows: Numbers) -> None:
        """Take the rows `[r, F]` of a block in; blocks may come last first."""
        self.values.add(rows, block.batch_sizes)
        at = block.rows.start
        for alive, steps in stretches(rows, block.batch_sizes):
            first = steps.argmax(axis=0)
            value = np.take_along_axis(steps, first[None], axis=0)[0]
            row = at + first * alive + np.arange(alive)[:, None]
            best, winner = self._best[:alive], self.winners[:alive]
            better = (value > best) | ((value == best) & (row < winner))
            np.copyto(best, value, where=better)
            np.copyto(winner, row, where=better)
            at += alive * len(steps)

    def backward(self, block: Block, given: Mapping[str, Numbers]) -> Numbers:
        """Return the gradient of a block's rows `[r, F]`.

        Args:
            block: which rows.
            given: statistic → its gradient `[N, F]`, in sorted order, at least one; that of final states is no gradient of rows.
        """
        start, stop = block.rows.start, block.rows.stop
        rows = np.zeros((stop - start, self.width), next(iter(given.values())).dtype)
        if "mean" in given:
            rows += (given["mean"] / self._lengths[:, None])[self._sequence[block.rows]]
        if "max" in given:
            sequence, column = np.nonzero((self.winners >= start) & (self.winners < stop))
            rows[self.winners[sequence, column] - start, column] += given["max"][sequence, column]
        return rows
