"""Integers of the host on a device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from peephole.ops.batch_sizes import Integers


def is_captured(device: torch.device) -> bool:
    """Whether what is launched now becomes part of a graph of CUDA's, which the caller replays whenever he likes."""
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()


def to_device(numbers: Integers, device: torch.device) -> Tensor:
    """Integers on a device, in memory of their own."""
    if is_captured(device):  # a replay would copy from memory of the host that is somebody else's by then
        return by_kernels(numbers.tolist(), device)
    found = torch.from_numpy(numbers)
    return found.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else found.clone()


def by_kernels(numbers: Sequence[int], device: torch.device) -> Tensor:
    """Integers on a device that no memory of the host is read for: each range of them is a kernel, and so is joining them."""
    parts = [torch.empty(0, dtype=torch.int64, device=device)]
    for first, step, count in ranges(numbers):
        if step == 0:
            parts.append(torch.full((count,), first, dtype=torch.int64, device=device))
        else:
            parts.append(torch.arange(first, first + step * count, step, dtype=torch.int64, device=device))
    return torch.cat(parts)


def ranges(numbers: Sequence[int]) -> list[tuple[int, int, int]]:
    """Integers as ranges (first, step, how many), one after the other.

    >>> ranges([0, 4, 8, 11, 11, 11, 7])
    [(0, 4, 3), (11, 0, 3), (7, 0, 1)]
    """
    found: list[tuple[int, int, int]] = []
    for number in numbers:
        first, step, count = found[-1] if found else (number, 0, 0)
        if count == 1:
            found[-1] = first, number - first, 2
        elif count and number == first + count * step:
            found[-1] = first, step, count + 1
        else:
            found.append((number, 0, 1))
    return found
