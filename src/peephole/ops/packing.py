"""A padded batch as packed rows, and back: NumPy arrays and torch tensors alike."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole.errors import LengthError
from peephole.ops.arrays import Array
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.sequences import Integers, Sequences


def check_lengths(where: str, lengths: Any, batch: int, steps: int) -> Integers:
    """Return `lengths` as an int64 array `[N]`.

    Args:
        where: the call, for messages.
        lengths: steps of each sequence, in the batch's order; a tensor may be on any device.
        batch: N.
        steps: T.

    Raises:
        LengthError: they are not N integers in [0, T]; each bad one is named with its place.
    """
    try:
        given: npt.NDArray[Any] = np.asarray(
            lengths.detach().cpu() if hasattr(lengths, "detach") else lengths
        )
    except ValueError:  # lists of different lengths inside
        given = np.array(None)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise LengthError(
            f"{where}: lengths must be one axis of integers [N]; got {given.dtype} {list(given.shape)}"
        )
    if len(given) != batch:
        raise LengthError(
            f"{where}: lengths must be [N] = [{batch}], one for each sequence; got [{len(given)}]"
        )
    bad = np.flatnonzero((given < 0) | (given > steps))
    if bad.size:
        named = ", ".join(f"lengths[{n}] = {given[n]}" for n in bad[:8]) + (" …" if bad.size > 8 else "")
        raise LengthError(f"{where}: lengths must be in [0, T] = [0, {steps}]; got {named}")
    return given.astype(np.int64)


@dataclasses.dataclass(frozen=True, eq=False)
class Packing:
    """How a batch is packed.

    Attributes:
        sizes: batch sizes of the packed rows.
        shape: (T, N) of the padded batch; None where rows come packed.
        place: `[R]` where each packed row lies among the rows `[T · N]` of the padded batch; None: all do, in order.
        order: `[N]` sorted position → position in the batch; None: the same.
        inverse: `[N]` position in the batch → sorted position; None: the same.
    """

    sizes: BatchSizes
    shape: tuple[int, int] | None = None
    place: Array | None = None
    order: Array | None = None
    inverse: Array | None = None

    @staticmethod
    def of(where: str, x: Array, lengths: Any) -> Packing:
        """The packing of a padded batch.

        Args:
            where: the call, for messages.
            x: `[T, N, D]`.
            lengths: `[N]` as `check_lengths` takes them, or None: all T.

        Raises:
            LengthError: lengths are not that.
        """
        steps, batch = int(x.shape[0]), int(x.shape[1])
        dense = Packing(BatchSizes.dense(steps, batch), (steps, batch))
        if lengths is None:
            return dense
        checked = check_lengths(where, lengths, batch, steps)
        if (checked == steps).all():
            return dense
        s = Sequences.from_lengths(checked)
        indices = (s.row_time * batch + s.row_batch, s.order, s.inverse)
        if not isinstance(x, np.ndarray):
            import torch

            place, order, inverse = (torch.from_numpy(each).to(x.device) for each in indices)
        else:
            place, order, inverse = indices
        return Packing(BatchSizes.of(where, s.batch_sizes), (steps, batch), place, order, inverse)

    def pack(self, padded: Array) -> Array:
        """`[T, N, W]` → `[R, W]`."""
        flat = padded.reshape(-1, padded.shape[-1])
        return flat if self.place is None else _rows(flat, self.place)

    def unpack(self, rows: Array) -> Array:
        """`[R, W]` → `[T, N, W]`, zero where no row is."""
        if self.shape is None:
            return rows
        shape = (*self.shape, rows.shape[-1])
        if self.place is None:
            return rows.reshape(shape)
        if isinstance(rows, np.ndarray):
            padded = np.zeros((shape[0] * shape[1], shape[2]), rows.dtype)
            padded[self.place] = rows
        else:
            padded = rows.new_zeros(shape[0] * shape[1], shape[2]).index_copy(0, self.place, rows)
        return padded.reshape(shape)

    def sort(self, state: Array) -> Array:
        """`[N, W]`, longest sequence first."""
        return state if self.order is None else _rows(state, self.order)

    def unsort(self, state: Array) -> Array:
        """`[N, W]` in the batch's order."""
        return state if self.inverse is None else _rows(state, self.inverse)


def _rows(array: Array, indices: Array) -> Array:
    return array[indices] if isinstance(array, np.ndarray) else array.index_select(0, indices)
