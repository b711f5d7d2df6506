"""What a training step makes small: the terms of `peephole.training.losses`, put together."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peephole.nn.classifier import ClassifierModule
from peephole.training.adversarial import adversarial_step
from peephole.training.batches import Batch
from peephole.training.learner import Learner
from peephole.training.losses import distillation_loss, label_loss
from peephole.training.machine import Machine
from peephole.training.recipe import Recipe
from peephole.training.state import State


def class_weights(
    labels: NDArray[np.int64], classes: int, kind: str, device: torch.device | str = "cpu"
) -> Tensor | None:
    """Return the weight of a text of each class, or None when every text weighs the same.

    Args:
        labels: class of each labelled training text `[texts]`.
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


def add_gradients(
    learner: Learner[ClassifierModule, State],
    batch: Batch,
    weights: Tensor | None,
    recipe: Recipe,
    machine: Machine,
    *,
    noisy: bool,
) -> float | None:
    """Add the gradients of a batch's loss to the parameters.

    The loss is that of the targets, labels and teachers' answers. With adversarial training there is a second
    pass, over vectors that were moved to where the first pass's loss is worse; both losses count alike. It leaves
    out the noise on the vectors, since the step replaces it. A text that has no target has no adversary.

    Args:
        learner: the network; gradients are added to its parameters.
        batch: the texts, with their labels and targets.
        weights: weight of each class `[C]`, or None.
        recipe: the weights and distances of the terms.
        machine: device and precision.
        noisy: False before the noise sets in: no token is dropped and there is no adversary.

    Returns:
        The loss of the labels on the first pass, in nats, which can be compared with other runs and with a
        guesser's; None for a batch without labels.
    """
    model, backward = learner.model, machine.accelerator.backward
    ids, text = machine.tensor(batch.ids), machine.tensor(batch.sequences.row_batch)
    sequences = batch.sequences
    adversarial = noisy and recipe.adversarial > 0 and has_target(batch)
    with machine.autocast():
        vectors = model.embed(ids, sequences, noise=noisy)
        if adversarial:
            vectors.retain_grad()
        logits = model.classify(vectors, sequences)
        loss, labels_alone = target_loss(logits, batch, weights, recipe, machine)
    backward(loss)
    if adversarial and vectors.grad is not None:
        step = adversarial_step(vectors.grad, vectors.detach(), text, len(logits), recipe.adversarial)
        with machine.autocast():
            logits = model.classify(model.embed(ids, sequences, noise=False) + step, sequences)
            backward(target_loss(logits, batch, weights, recipe, machine)[0])
    return labels_alone


def has_target(batch: Batch) -> bool:
    """Tell whether any text of a batch has a label or a teacher's answer."""
    return batch.targets is not None or bool((batch.labels >= 0).any())


def target_loss(
    logits: Tensor, batch: Batch, weights: Tensor | None, recipe: Recipe, machine: Machine
) -> tuple[Tensor, float | None]:
    """Return the loss of the targets: (1 − w) · labels + w · teachers, where w is the recipe's `distillation`.

    Without teachers it is that of the labels. Labels are those of the labelled texts, teachers answer for all.

    Returns:
        The loss, a scalar in nats, zero for a batch without any target; and the labels' part of it before it is
        weighed, None for a batch without labels.
    """
    loss, labels_alone = logits.sum() * 0.0, None
    share = 0.0 if batch.targets is None else recipe.distillation
    if (batch.labels >= 0).any():
        labels = label_loss(logits, machine.tensor(batch.labels), weights, recipe.label_smoothing)
        loss, labels_alone = (1 - share) * labels, float(labels.detach())
    if batch.targets is not None:
        targets = machine.tensor(batch.targets)
        loss = loss + share * distillation_loss(logits, targets, recipe.distillation_temperature)
    return loss, labels_alone
