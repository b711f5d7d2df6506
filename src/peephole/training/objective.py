"""The loss that training makes small: cross-entropy, with smoothed labels and weights of the classes."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor


def class_weights(
    labels: NDArray[np.int64], classes: int, kind: str, device: torch.device | str = "cpu"
) -> Tensor | None:
    """Return the weight of a text of each class, or None when every text weighs the same.

    Args:
        labels: class of each training text `[texts]`.
        classes: number of classes; each has at least one text.
        kind: ``"balanced"`` gives each class the same weight in total, ``texts / (classes · texts of the class)``;
            ``"none"`` weighs every text alike.
        device: where the weights are wanted.

    Returns:
        Weights `[C]`, float32, or None.

    Example:
        >>> class_weights(np.array([0, 0, 0, 1]), 2, "balanced").tolist()
        [0.6666666865348816, 2.0]
    """
    if kind == "none":
        return None
    counts = np.bincount(labels, minlength=classes)
    return torch.from_numpy((len(labels) / (classes * counts)).astype(np.float32)).to(device)


def loss_of(logits: Tensor, labels: Tensor, weights: Tensor | None, smoothing: float) -> Tensor:
    """Return the mean cross-entropy of a batch, a scalar in nats.

    Args:
        logits: scores before the softmax `[N, C]`, float32.
        labels: class of each text `[N]`, int64.
        weights: weight of each class `[C]`, or None.
        smoothing: share of the target that is spread over all classes, in [0, 1).

    Example:
        >>> loss_of(torch.zeros(2, 4), torch.tensor([0, 3]), None, 0.05).item()      # ln 4
        1.3862943649291992
    """
    return F.cross_entropy(logits.float(), labels, weight=weights, label_smoothing=smoothing)
