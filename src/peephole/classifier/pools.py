"""Statistics over the real steps of each sequence, gathered block by block."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole.ops.sequences import Integers

Array = npt.NDArray[np.floating[Any]]


class Pool:
    """Running maximum and sum of packed rows `[R, F]`, for N sequences in sorted order, longest first.

    Args:
        statistics: of ``"max"``, ``"mean"``, ``"last"``; only what these need is kept.
        sequences: N.
        width: F.
        dtype: of the rows, and of the statistics.
    """

    def __init__(
        self,
        statistics: Sequence[str],
        sequences: int,
        width: int,
        dtype: type[np.floating[Any]] | np.dtype[np.floating[Any]] = np.float32,
    ) -> None:
        self._dtype: np.dtype[np.floating[Any]] = np.dtype(dtype)
        self._steps = np.zeros(sequences, np.int64)
        self._maximum = np.full((sequences, width), -np.inf, dtype) if "max" in statistics else None
        # float64: the sum of a million float32 steps would lose half of its digits.
        self._total = np.zeros((sequences, width), np.float64) if "mean" in statistics else None

    def add(self, rows: Array, batch_sizes: Integers) -> None:
        """Take the rows `[R, F]` of the next steps in, `batch_sizes[t]` at step t."""
        for alive, steps in stretches(rows, batch_sizes):
            self._steps[:alive] += len(steps)
            if self._maximum is not None:
                np.maximum(self._maximum[:alive], steps.max(axis=0), out=self._maximum[:alive])
            if self._total is not None:
                self._total[:alive] += steps.sum(axis=0, dtype=np.float64)

    def result(self, statistic: str, last: Array | None) -> Array:
        """Return one statistic `[N, F]`; a sequence without steps has zeros.

        Args:
            statistic: ``"max"``, ``"mean"`` or ``"last"``.
            last: final states `[N, F]`, for ``"last"``.
        """
        if statistic == "last":
            assert last is not None
            return last
        if statistic == "max":
            assert self._maximum is not None
            return np.where(self._steps[:, None] > 0, self._maximum, self._dtype.type(0))
        assert self._total is not None
        return (self._total / np.maximum(self._steps, 1)[:, None]).astype(self._dtype, copy=False)

    def copy(self) -> Pool:
        """Return a pool that goes on from here without changing this one."""
        return copy.deepcopy(self)


def stretches(rows: Array, batch_sizes: Integers) -> Iterator[tuple[int, Array]]:
    """Yield `(n, rows [t, n, F])` for each run of steps with the same number n of sequences."""
    bounds = [0, *(np.flatnonzero(np.diff(batch_sizes)) + 1).tolist(), len(batch_sizes)]
    at = 0
    for first, end in itertools.pairwise(bounds):
        if end > first:
            alive = int(batch_sizes[first])
            count = alive * (end - first)
            yield alive, rows[at : at + count].reshape(end - first, alive, -1)
            at += count
