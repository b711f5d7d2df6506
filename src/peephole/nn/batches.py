"""The three forms in which a batch comes, as packed rows, and back.

- dense: `[T, N, D]`, or `[N, T, D]` if batch-first; a view where the memory allows it. One sequence `[T, D]` is the case N = 1.
- packed: a `PackedSequence`; its rows already are packed rows.
- ragged: dense, with a length for each sequence; the real rows are gathered, and outputs past an end are zero.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from peephole.errors import LengthError
from peephole.ops import Sequences

# What a user may give as lengths: a list, a NumPy array, or a tensor on any device.
Lengths = Sequence[int] | npt.NDArray[np.integer[Any]] | Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """A batch as packed rows.

    Attributes:
        rows: `[R, D]`.
        batch_sizes: `[T]` sequences alive at each step; never growing.
        sorted_indices: `[N]` sorted position → position in the batch; None where they are the same.
        unsorted_indices: `[N]` the inverse.
        restore: rows `[R, …]` → the shape that the batch came in.
    """

    rows: Tensor
    batch_sizes: Any
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None
    restore: Callable[[Tensor], Tensor | PackedSequence]


def from_packed(sequence: PackedSequence) -> Batch:
    """A PackedSequence: nothing to do."""
    data, batch_sizes, sorted_indices, unsorted_indices = sequence

    def restore(rows: Tensor) -> PackedSequence:
        return PackedSequence(rows, batch_sizes, sorted_indices, unsorted_indices)

    return Batch(data, batch_sizes, sorted_indices, unsorted_indices, restore)


def from_dense(x: Tensor, batch_first: bool) -> Batch:
    """`[T, N, D]`, or `[N, T, D]` if `batch_first`: all N are alive at each of the T steps."""
    x = x.transpose(0, 1) if batch_first else x
    steps, batch = x.shape[0], x.shape[1]

    def restore(rows: Tensor) -> Tensor:
        y = rows.reshape(steps, batch, rows.shape[-1])
        return y.transpose(0, 1) if batch_first else y  # torch.nn's output is such a view too

    # A list, since numbers stay numbers in it when the call is compiled. No sequences, no steps.
    return Batch(x.reshape(steps * batch, x.shape[-1]), [batch] * steps if batch else [], None, None, restore)


def from_ragged(x: Tensor, lengths: npt.NDArray[np.int64], batch_first: bool) -> Batch:
    """`[T, N, D]`, or `[N, T, D]` if `batch_first`, of which sequence n has `lengths[n]` real steps."""
    sequences = Sequences.from_lengths(lengths)
    time, batch = sequences.row_time, sequences.row_batch
    flat = x.reshape(x.shape[0] * x.shape[1], x.shape[2])
    place = _tensor(batch * x.shape[1] + time if batch_first else time * x.shape[1] + batch, x.device)

    def restore(rows: Tensor) -> Tensor:
        y = rows.new_zeros(flat.shape[0], rows.shape[-1]).index_copy(0, place, rows)
        return y.reshape(x.shape[0], x.shape[1], rows.shape[-1])

    order, inverse = _tensor(sequences.order, x.device), _tensor(sequences.inverse, x.device)
    return Batch(flat.index_select(0, place), sequences.batch_sizes, order, inverse, restore)


def no_steps(width: int, *tensors: Tensor) -> Tensor:
    """Outputs `[0, width]` of no rows, which hang on inputs, states and weights: those get zero gradients then, as from torch."""
    nothing = torch.stack([tensor.sum() for tensor in tensors]).sum()
    return nothing.new_zeros(0, width) + nothing


def check_lengths(where: str, lengths: Lengths, batch: int, steps: int) -> npt.NDArray[np.int64]:
    """Return `lengths` as an int64 array `[N]`.

    Args:
        where: the call, for messages.
        lengths: steps of each sequence, in the batch's order; a tensor may be on any device.
        batch: N.
        steps: T.

    Raises:
        LengthError: they are not N integers in [0, T]; each bad one is named with its place.
    """
    given = np.asarray(lengths.detach().cpu() if isinstance(lengths, Tensor) else lengths)
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


def _tensor(indices: npt.NDArray[np.int64], device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(indices)).to(device)
