"""The forms in which a batch comes, as the rows that a layer runs on, and back.

- dense: `[T, N, D]`, or `[N, T, D]` if batch-first; taken as it is. One sequence `[T, D]` is the case N = 1.
- packed: a `PackedSequence`; its rows already are packed rows.
- ragged: dense, with lengths; the real rows are gathered once for all layers, and outputs past a sequence's end are zero.
- padded: the same inside a graph of `torch.compile` or `torch.export`, where lengths may be numbers that nobody has read.
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

from peephole.nn.part import Part
from peephole.ops import Sequences
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.packing import check_lengths
from peephole.ops.torch_state import is_traced

# What a user may give as lengths: a list, a NumPy array, or a tensor on any device.
Lengths = Sequence[int] | npt.NDArray[np.integer[Any]] | Tensor


@dataclasses.dataclass(eq=False)
class Batch:
    """A batch as a layer runs on it.

    Attributes:
        rows: packed rows `[R, D]`, or a padded batch `[T, N, D]`.
        batch_sizes: `[T]` sequences alive at each step; nothing in a graph where rows are padded.
        lengths: `[N]` of a padded batch; None: all T.
        sorted_indices: `[N]` sorted position → position in the batch; None where they are the same.
        unsorted_indices: `[N]` the inverse.
        restore: rows `[R, …]` or `[T, N, …]` → the shape that the batch came in.
        is_packed: whether rows are packed.
        is_empty: whether there is no step of any sequence.
        part: the part of a larger batch that this is, for which chance is drawn; None: all of it.
    """

    rows: Tensor
    batch_sizes: Any
    lengths: Any
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None
    restore: Callable[[Tensor], Tensor | PackedSequence]
    is_packed: bool
    is_empty: bool = False
    part: Part | None = None


def from_packed(sequence: PackedSequence) -> Batch:
    """A PackedSequence: nothing to do but to look at its batch sizes, unless a graph is being made."""
    data, batch_sizes, sorted_indices, unsorted_indices = sequence

    def restore(rows: Tensor) -> PackedSequence:
        return PackedSequence(rows, batch_sizes, sorted_indices, unsorted_indices)

    sizes = batch_sizes if is_traced() else BatchSizes.of("PackedSequence", batch_sizes)
    return Batch(data, sizes, None, sorted_indices, unsorted_indices, restore, True)


def from_dense(x: Tensor, batch_first: bool, lengths: Lengths | None = None) -> Batch:
    """`[T, N, D]`, or `[N, T, D]` if `batch_first`; padded, if there are lengths."""
    x = x.transpose(0, 1) if batch_first else x

    def restore(y: Tensor) -> Tensor:
        return y.transpose(0, 1) if batch_first else y  # torch.nn's output is such a view too

    steps, batch = x.shape[0], x.shape[1]
    sizes = None if is_traced() else BatchSizes.dense(steps, batch)
    return Batch(x, sizes, lengths, None, None, restore, False, steps == 0 or batch == 0)


def from_ragged(where: str, x: Tensor, lengths: Lengths, batch_first: bool) -> Batch:
    """`[T, N, D]`, or `[N, T, D]` if `batch_first`, of which sequence n has `lengths[n]` real steps.

    Raises:
        LengthError: `lengths` are not N integers in [0, T]; each bad one is named with its place, after `where`.
    """
    batch, steps = (x.shape[0], x.shape[1]) if batch_first else (x.shape[1], x.shape[0])
    if is_traced():
        return from_dense(x, batch_first, lengths)
    checked = check_lengths(where, lengths, batch, steps)
    if steps > 0 and (checked == steps).all():
        return from_dense(x, batch_first)
    sequences = Sequences.from_lengths(checked)
    time, sequence = sequences.row_time, sequences.row_batch
    flat = x.reshape(batch * steps, x.shape[2])
    place = _tensor(sequence * steps + time if batch_first else time * batch + sequence, x.device)

    def restore(rows: Tensor) -> Tensor:
        y = rows.new_zeros(batch * steps, rows.shape[-1]).index_copy(0, place, rows)
        return y.reshape(x.shape[0], x.shape[1], rows.shape[-1])

    order, inverse = _tensor(sequences.order, x.device), _tensor(sequences.inverse, x.device)
    sizes = BatchSizes.of(where, sequences.batch_sizes)
    return Batch(flat.index_select(0, place), sizes, None, order, inverse, restore, True, sizes.rows == 0)


def no_steps(shape: Sequence[int], *tensors: Tensor) -> Tensor:
    """Outputs of no rows, which hang on inputs, states and weights: those get zero gradients then, as from torch."""
    nothing = torch.stack([tensor.sum() for tensor in tensors]).sum()
    return nothing.new_zeros(shape) + nothing


def _tensor(indices: npt.NDArray[np.int64], device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(indices)).to(device)
