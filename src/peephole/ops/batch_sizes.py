"""Batch sizes that have been checked: how many sequences are alive at each step."""

from __future__ import annotations

import functools
import itertools
import sys
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from peephole.errors import LengthError

Integers = npt.NDArray[np.int64]

# Above this, a sum of int64 might overflow. No memory holds as many rows.
_MOST = 1 << 62


class BatchSizes:
    """Positive integers that never grow, and what follows from them. Nobody changes them: arrays are copies, not writable.

    Attributes:
        steps: T, how many there are.
        batch: the first, sequences alive at step 0; 0 if there are no steps.
        rows: R, their sum.
        is_dense: whether all are equal, so that rows are `[T, N]` of them.

    Example:
        >>> sizes = BatchSizes.of("here", [2, 2, 1])
        >>> sizes.steps, sizes.batch, sizes.rows, sizes.is_dense
        (3, 2, 5, False)
    """

    def __init__(
        self, numbers: list[int] | None, array: Integers | None, steps: int, batch: int, rows: int
    ) -> None:
        # One of the two is given; the other is made when somebody asks. `torch.compile` follows numbers in a list only.
        self._numbers, self._array = numbers, array
        self.steps, self.batch, self.rows = steps, batch, rows

    @property
    def is_dense(self) -> bool:
        """Whether all sequences have the same length."""
        return self.rows == self.steps * self.batch

    @property
    def numbers(self) -> list[int]:
        """`[T]` as a list."""
        if self._numbers is None:
            assert self._array is not None
            self._numbers = self._array.tolist()
        return self._numbers

    @property
    def array(self) -> Integers:
        """`[T]` as an array that cannot be written."""
        if self._array is None:
            self._array = _locked(np.array(self._numbers, np.int64))
        return self._array

    @functools.cached_property
    def address(self) -> int:
        """Of the array's first element."""
        return self.array.__array_interface__["data"][0]

    def times(self, copies: int) -> BatchSizes:
        """Batch sizes of a batch in which each sequence stands `copies` times, side by side."""
        return BatchSizes(
            None, _locked(self.array * copies), self.steps, self.batch * copies, self.rows * copies
        )

    @staticmethod
    def dense(steps: int, batch: int) -> BatchSizes:
        """All `batch` sequences are alive at each of `steps` steps; without sequences there are no steps."""
        if batch == 0:
            steps = 0
        if _is_compiling():
            return BatchSizes([batch] * steps, None, steps, batch, steps * batch)
        return _dense(steps, batch)

    @staticmethod
    def unread(steps: int, batch: int, rows: int) -> BatchSizes:
        """Stands for batch sizes whose numbers are known only when a graph runs.

        Args:
            steps: T.
            batch: N of a dense batch; 0: not known, and not dense.
            rows: rows that there are room for.
        """
        return BatchSizes(None, None, steps, batch, rows)

    @staticmethod
    def of(where: str, given: object) -> BatchSizes:
        """Check integers given as a list, an array or a tensor on any device.

        Args:
            where: the call, for messages.
            given: `[T]` integers, each at least 1, never growing.

        Raises:
            LengthError: they are something else.
        """
        if isinstance(given, BatchSizes):
            return given
        if isinstance(given, list) and _is_compiling():
            return _followed(where, cast("list[int]", given))
        return _checked(where, given)


@functools.lru_cache(maxsize=32)
def _dense(steps: int, batch: int) -> BatchSizes:
    return BatchSizes(None, _locked(np.full(steps, batch, np.int64)), steps, batch, steps * batch)


def _followed(where: str, numbers: list[int]) -> BatchSizes:
    """Checks that `torch.compile` can follow."""
    if not all(type(n) is int for n in numbers):
        raise LengthError(f"{where}: batch_sizes must be one axis of integers [T]; got {numbers}")
    if numbers and (numbers[-1] < 1 or any(b > a for a, b in itertools.pairwise(numbers))):
        raise _grows(where, numbers)
    return BatchSizes(numbers, None, len(numbers), numbers[0] if numbers else 0, sum(numbers))


def _checked(where: str, given: object) -> BatchSizes:
    array = _as_array(where, given)
    if array.size == 0:
        return BatchSizes(None, _locked(array.astype(np.int64)), 0, 0, 0)
    first, last = int(array[0]), int(array[-1])
    if last < 1 or (array[1:] > array[:-1]).any():
        raise _grows(where, array.tolist())
    rows = int(array.sum()) if first * len(array) < _MOST else sum(array.tolist())
    if rows >= _MOST:
        raise LengthError(f"{where}: batch_sizes must sum to less than 2^62 rows; got {rows}")
    return BatchSizes(None, _locked(array.astype(np.int64)), len(array), first, rows)


def _as_array(where: str, given: Any) -> npt.NDArray[Any]:
    """One axis of integers, a copy."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(given, torch.Tensor):
        if (
            given.is_floating_point()
            or given.is_complex()
            or given.dtype == torch.bool
            or given.device.type == "meta"
        ):
            raise LengthError(
                f"{where}: batch_sizes must be one axis of integers [T]; got {given.dtype} {list(given.shape)} on {given.device}"
            )
        given = given.detach().cpu().numpy()
    try:
        array = np.array(given)
    except ValueError:  # lists of different lengths inside
        array = np.array(None)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise LengthError(
            f"{where}: batch_sizes must be one axis of integers [T]; got {array.dtype} {list(array.shape)}"
        )
    return array


def _grows(where: str, numbers: list[int]) -> LengthError:
    shown = numbers if len(numbers) <= 8 else [*numbers[:8], "…"]
    return LengthError(
        f"{where}: batch_sizes must be at least 1 and never grow (longest sequence first); got {shown}"
    )


def _locked(array: Integers) -> Integers:
    array.flags.writeable = False
    return array


def _is_compiling() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and torch.compiler.is_compiling()
