"""A moving average of the weights, which is steadier than the weights of any one step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


def decay_at(step: int, decay: float) -> float:
    """Return the decay after `step` steps: it grows with the steps, so that the start is soon forgotten.

    Args:
        step: steps taken so far, at least 1.
        decay: the decay that it grows to, in [0, 1).

    Example:
        >>> decay_at(10, 0.995), decay_at(10_000, 0.995)
        (0.5, 0.995)
    """
    return min(decay, step / (step + 10))


@torch.no_grad()
def update_average(average: Sequence[Tensor], weights: Iterable[Tensor], step: int, decay: float) -> None:
    """Move the average towards the weights of step `step`: ``average = d · average + (1 − d) · weights``.

    Args:
        average: tensors that are changed in place, in the order of `weights`.
        weights: tensors of the same shapes.
        step: steps taken so far, at least 1.
        decay: the decay that it grows to, in [0, 1); see `decay_at`.
    """
    for mean, weight in zip(average, weights, strict=True):
        mean.lerp_(weight, 1 - decay_at(step, decay))
