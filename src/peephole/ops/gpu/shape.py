"""Batch sizes as the kernels read them, on the device."""

from __future__ import annotations

import dataclasses
import functools
import weakref
from typing import Any

import numpy as np
import torch
from torch import Tensor

from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.gpu.transfer import is_captured, to_device


@dataclasses.dataclass(frozen=True, eq=False)
class Shape:
    """What of batch sizes lies on a device.

    Attributes:
        sizes: the batch sizes.
        batch: N, sequences; those beyond the first batch size have no row.
        offsets: `[T + 1]` first row of each step.
        lengths: `[N]` of each sequence.
    """

    sizes: BatchSizes
    batch: int
    offsets: Tensor
    lengths: Tensor

    @functools.cached_property
    def _rows(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The step of each row, and its place in the batch."""
        sizes = self.sizes.array
        starts = np.cumsum(sizes) - sizes
        time = np.repeat(np.arange(len(sizes)), sizes)
        return time, np.arange(self.sizes.rows) - starts[time]

    @functools.cached_property
    def ends(self) -> tuple[Tensor, Tensor]:
        """The first and the last row of each sequence that has one."""
        first = torch.arange(self.sizes.batch, device=self.offsets.device)
        return first, self.offsets[self.lengths[: self.sizes.batch] - 1] + first

    @functools.cached_property
    def sequence(self) -> Tensor:
        """`[R]` the sequence of each row."""
        return to_device(self._rows[1], self.offsets.device)

    @functools.cached_property
    def past(self) -> Tensor:
        """`[R]` the place of the state before each row, in N initial states and R rows behind them."""
        time, place = self._rows
        starts = np.cumsum(self.sizes.array) - self.sizes.array
        found = np.where(time > 0, self.batch + starts[np.maximum(time - 1, 0)] + place, place)
        return to_device(found, self.offsets.device)

    @functools.cached_property
    def past_in_reverse(self) -> Tensor:
        """The same where sequences are read from their ends."""
        time, place = self._rows
        sizes = np.append(self.sizes.array, 0)
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        found = np.where(place < sizes[time + 1], self.batch + starts[time + 1] + place, place)
        return to_device(found, self.offsets.device)


_known: weakref.WeakKeyDictionary[BatchSizes, dict[Any, Shape]] = weakref.WeakKeyDictionary()


def shape_of(sizes: BatchSizes, batch: int, device: torch.device) -> Shape:
    """The batch sizes on a device; they go there once for each stream, as only its own work waits for the copy.

    In a graph that is captured they are made anew: it outlives what is known, and fills memory of its own when it is replayed.
    """
    if is_captured(device):
        return _make(sizes, batch, device)
    known = _known.setdefault(sizes, {})
    key = batch, device, torch.cuda.current_stream(device) if device.type == "cuda" else None
    if key not in known:
        known[key] = _make(sizes, batch, device)
    return known[key]


def _make(sizes: BatchSizes, batch: int, device: torch.device) -> Shape:
    numbers = sizes.array
    lengths = np.zeros(batch, np.int64)
    # A sequence's length is the number of steps at which more are alive than its place.
    lengths[: sizes.batch] = np.searchsorted(-numbers, -np.arange(sizes.batch), side="left")
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(numbers)])
    both = to_device(np.concatenate([offsets, lengths]), device)
    # A copy of the lengths begins at an address of its own, as the kernels expect.
    return Shape(sizes, batch, both[: len(offsets)], both[len(offsets) :].clone())
