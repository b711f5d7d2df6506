"""Real lengths: the map between a padded batch and packed rows.

Packed rows are the rows of all sequences, time-major, longest first; `batch_sizes[t]` sequences are alive at step t. It is
the layout of `torch.nn.utils.rnn.PackedSequence`, with sequences of length zero allowed: they have no row.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole.errors import LengthError

Integers = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class Sequences:
    """The lengths of a batch and the index maps that follow from them.

    Attributes:
        lengths: `[N]` steps of each sequence, in the batch's own order.
        order: `[N]` sorted position → position in the batch; longest first, equal lengths in the batch's order.
        batch_sizes: `[T]` sequences alive at each step, T the largest length.

    Example:
        >>> s = Sequences.from_lengths([2, 0, 3])
        >>> s.batch_sizes.tolist(), s.order.tolist()
        ([2, 2, 1], [2, 0, 1])
        >>> s.row_batch.tolist()  # the batch position of each packed row
        [2, 0, 2, 0, 2]
    """

    lengths: Integers
    order: Integers
    batch_sizes: Integers

    @staticmethod
    def from_lengths(lengths: Iterable[int] | npt.ArrayLike) -> Sequences:
        """Build the maps for sequences of these lengths, zero allowed.

        Raises:
            LengthError: `lengths` is not one axis of integers, or one of them is negative.
        """
        given = np.asarray(lengths if isinstance(lengths, np.ndarray) else list(lengths))  # pyright: ignore[reportArgumentType]
        if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
            raise LengthError(
                f"Sequences: lengths must be one axis of integers [N]; got {given.dtype} {list(given.shape)}"
            )
        array = given.astype(np.int64)
        if array.size and array.min() < 0:
            bad = int(np.argmin(array))
            raise LengthError(f"Sequences: lengths must be at least 0; got lengths[{bad}] = {array[bad]}")
        order = np.argsort(-array, kind="stable")
        steps = int(array.max()) if array.size else 0
        # alive at t: how many lengths exceed t
        batch_sizes = len(array) - np.searchsorted(np.sort(array), np.arange(steps), side="right")
        return Sequences(array, order, batch_sizes.astype(np.int64))

    @property
    def rows(self) -> int:
        """R, the number of packed rows: the sum of the lengths."""
        return int(self.lengths.sum())

    @functools.cached_property
    def inverse(self) -> Integers:
        """`[N]` position in the batch → sorted position."""
        inverse = np.empty_like(self.order)
        inverse[self.order] = np.arange(len(self.order))
        return inverse

    @functools.cached_property
    def offsets(self) -> Integers:
        """`[T]` first packed row of each step."""
        return np.cumsum(self.batch_sizes) - self.batch_sizes

    @functools.cached_property
    def row_time(self) -> Integers:
        """`[R]` step of each packed row."""
        return np.repeat(np.arange(len(self.batch_sizes)), self.batch_sizes)

    @functools.cached_property
    def row_sorted(self) -> Integers:
        """`[R]` sorted position of each packed row's sequence."""
        return np.arange(self.rows) - self.offsets[self.row_time]

    @functools.cached_property
    def row_batch(self) -> Integers:
        """`[R]` position in the batch of each packed row's sequence: `dense[row_time, row_batch]` gathers the rows."""
        return self.order[self.row_sorted]

    def rows_of(self, n: int) -> Integers:
        """Packed rows of the batch's sequence `n`, in order of time."""
        return self.offsets[: self.lengths[n]] + self.inverse[n]

    def pack(self, parts: Iterable[npt.ArrayLike], dtype: npt.DTypeLike, *width: int) -> npt.NDArray[Any]:
        """Return the packed rows `[R, …]` of sequences that are given one by one, in the batch's order.

        Args:
            parts: `[T_n, …]` each.
            dtype: of the result.
            *width: shape of a row; none for numbers.

        Example:
            >>> Sequences.from_lengths([1, 2]).pack([[7], [8, 9]], np.int32).tolist()
            [8, 7, 9]
        """
        packed = np.empty((self.rows, *width), dtype)
        for n, own in enumerate(parts):
            packed[self.rows_of(n)] = own
        return packed

    @functools.cached_property
    def first_rows(self) -> Integers:
        """`[N]` packed row of each sequence's first step, in the batch's order; −1 where the length is zero."""
        return np.where(self.lengths > 0, self.inverse, -1)

    @functools.cached_property
    def last_rows(self) -> Integers:
        """`[N]` packed row of each sequence's last step, in the batch's order; −1 where the length is zero."""
        last = np.maximum(self.lengths - 1, 0)
        starts = self.offsets[last] if len(self.offsets) else np.zeros_like(last)
        return np.where(self.lengths > 0, starts + self.inverse, -1)


def sorted_lengths(batch_sizes: Integers) -> Integers:
    """`[batch_sizes[0]]` lengths of the sequences with at least one row, longest first.

    >>> sorted_lengths(np.array([2, 2, 1])).tolist()
    [3, 2]
    """
    alive = int(batch_sizes[0]) if len(batch_sizes) else 0
    return len(batch_sizes) - np.searchsorted(batch_sizes[::-1], np.arange(alive), side="right")


def reversal(batch_sizes: Integers) -> Integers:
    """`[R]` for each packed row, the packed row of the same sequence seen from its end; its own inverse.

    >>> reversal(np.array([2, 2, 1])).tolist()  # rows: a0 b0 a1 b1 a2
    [4, 3, 2, 1, 0]
    """
    lengths = sorted_lengths(batch_sizes)
    offsets = np.cumsum(batch_sizes) - batch_sizes
    time = np.repeat(np.arange(len(batch_sizes)), batch_sizes)
    sequence = np.arange(int(batch_sizes.sum())) - offsets[time]
    return offsets[lengths[sequence] - 1 - time] + sequence
