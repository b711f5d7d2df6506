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
        return torch.from_numpy(self._rows[1]).to(self.offsets.device)

    @functools.cached_property
    def past(self) -> tuple[Tensor, Tensor]:
        """`[R]` the place of the state before each row, in N initial states and R rows behind them: forwards, and in reverse."""
        time, place = self._rows
        sizes = np.append(self.sizes.array, 0)
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        forward = np.where(time > 0, self.batch + starts[np.maximum(time - 1, 0)] + place, place)
        reverse = np.where(place < sizes[time + 1], self.batch + starts[time + 1] + place, place)
        device = self.offsets.device
        return torch.from_numpy(forward).to(device), torch.from_numpy(reverse).to(device)


_known: weakref.WeakKeyDictionary[BatchSizes, dict[tuple[int, torch.device], Shape]] = (
    weakref.WeakKeyDictionary()
)


def shape_of(sizes: BatchSizes, batch: int, device: torch.device) -> Shape:
    """The batch sizes on a device; they go there once."""
    known = _known.setdefault(sizes, {})
    if (batch, device) not in known:
        numbers = sizes.array
        lengths = np.zeros(batch, np.int64)
        # A sequence's length is the number of steps at which more are alive than its place.
        lengths[: sizes.batch] = np.searchsorted(-numbers, -np.arange(sizes.batch), side="left")
        both = torch.from_numpy(np.concatenate([np.zeros(1, np.int64), np.cumsum(numbers), lengths]))
        if device.type == "cuda":
            both = both.pin_memory().to(device, non_blocking=True)
        # A copy of the lengths begins at an address of its own, as the kernels expect.
        known[batch, device] = Shape(sizes, batch, both[: sizes.steps + 1], both[sizes.steps + 1 :].clone())
    return known[batch, device]
