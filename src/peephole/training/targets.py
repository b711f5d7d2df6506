"""What a text should be answered with: its label, and what teachers say of it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peephole.training.batches import Batch
from peephole.training.losses import distillation_loss, label_loss
from peephole.training.machine import Machine
from peephole.training.recipe import Recipe
from peephole.training.sharing import shares_of


def class_weights(
    labels: NDArray[np.int64],
    classes: int,
    kind: str,
    device: torch.device | str = "cpu",
    texts: NDArray[np.float32] | None = None,
) -> Tensor | None:
    """Return the weight of a text of each class, or None when every text weighs the same.

    Args:
        labels: class of each labelled training text `[texts]`.
        classes: number of classes; each has at least one text.
        kind: ``"balanced"`` gives each class the same weight in total, ``texts / (classes · texts of the class)``;
            ``"none"`` weighs every text alike.
        device: where the weights are wanted.
        texts: weight of each text `[texts]`, which then counts as so many; None weighs all alike.

    Returns:
        Weights `[C]`, float32, or None.

    Example:
        >>> class_weights(np.array([0, 0, 0, 1]), 2, "balanced").tolist()
        [0.6666666865348816, 2.0]
    """
    if kind == "none":
        return None
    counts = np.bincount(labels, weights=texts, minlength=classes)
    return torch.from_numpy((counts.sum() / (classes * counts)).astype(np.float32)).to(device)


def has_target(batch: Batch) -> bool:
    """Tell whether any text of a batch has a label or a teacher's answer, those of other processes included."""
    return batch.targets is not None or bool((batch.all_texts.labels >= 0).any())


def weights_of_texts(batch: Batch, machine: Machine) -> Tensor | None:
    """Return how much each text of a batch counts `[N]`, float32; None where all count alike."""
    return None if batch.weights is None else machine.tensor(batch.weights)


def target_loss(
    logits: Tensor, batch: Batch, weights: Tensor | None, recipe: Recipe, machine: Machine
) -> tuple[Tensor, float | None]:
    """Return the loss of the targets: (1 − w) · labels + w · teachers, where w is the recipe's `distillation`.

    Without teachers it is that of the labels. Labels are those of the labelled texts, teachers answer for all.

    Of a batch that several processes share it is this process's share; the sum over the processes is the whole.

    Returns:
        The loss, a scalar in nats, zero for a batch without any target; and the labels' part of it before it is
        weighed, None for a batch without labels.
    """
    loss, labels_alone = logits.sum() * 0.0, None
    texts = weights_of_texts(batch, machine)
    share = 0.0 if batch.targets is None else recipe.distillation
    shares = None if batch.whole is None else shares_of(batch, _array(weights))
    if (batch.labels >= 0).any():
        labels = label_loss(logits, machine.tensor(batch.labels), weights, recipe.label_smoothing, texts)
        if shares is not None:
            labels = shares.labelled * labels
        loss, labels_alone = (1 - share) * labels, float(labels.detach())
    elif (batch.all_texts.labels >= 0).any():
        labels_alone = 0.0
    if batch.targets is not None and len(batch.targets):
        targets = machine.tensor(batch.targets)
        taught = distillation_loss(logits, targets, recipe.distillation_temperature, texts)
        loss = loss + share * (taught if shares is None else shares.every * taught)
    return loss, labels_alone


def _array(weights: Tensor | None) -> NDArray[np.float32] | None:
    return None if weights is None else weights.cpu().numpy()
