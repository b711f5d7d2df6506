"""What a training step makes small: the terms of the loss, put together."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from peephole.nn.classifier import ClassifierModule
from peephole.training.adversarial import adversarial_loss
from peephole.training.batches import Batch
from peephole.training.language.auxiliary import LanguageTask
from peephole.training.language.network import EMBEDDING, RECURRENT
from peephole.training.learner import Learner
from peephole.training.losses import entropy
from peephole.training.machine import Machine
from peephole.training.recipe import Recipe
from peephole.training.sharing import shares_of
from peephole.training.state import State
from peephole.training.targets import has_target, target_loss, weights_of_texts
from peephole.training.virtual_adversarial import Noise, virtual_loss


def add_gradients(
    learner: Learner[ClassifierModule, State],
    batch: Batch,
    weights: Tensor | None,
    recipe: Recipe,
    machine: Machine,
    *,
    noisy: bool,
    task: LanguageTask | None = None,
) -> float | None:
    """Add the gradients of a batch's loss to the parameters.

    The loss is a sum: the targets, which are labels and teachers' answers; the targets again, on vectors moved by
    the adversary; `entropy` times the entropy of the answers; `virtual_adversarial` times the divergence of answers
    on vectors moved by the virtual adversary; and `language_loss` times that of the language model that the network
    started from. The first two are means over the texts that have a target, the others over all texts; all but the
    last are weighted means where texts have weights. Each pass through the network is followed by its own backward
    pass, so that its memory is given back before the next.

    Of a batch that several processes share, each adds the gradients of its own texts' share of these means, and chance
    is drawn for the whole batch: the sum over the processes is what one process finds.

    Args:
        learner: the network; gradients are added to its parameters.
        batch: the texts, with their labels and targets.
        weights: weight of each class `[C]`, or None.
        recipe: the weights and distances of the terms.
        machine: device and precision.
        noisy: False before the noise sets in: no token is dropped, and there is nothing but targets and the task.
        task: the language model's own task, or None.

    Returns:
        The loss of the labels on the first pass, in nats, which can be compared with other runs and with a
        guesser's, or this process's share of it; None for a batch without labels.

    Source: the sum of all four is the mixed objective of Sachan, Zaheer & Salakhutdinov, "Revisiting LSTM networks
        for semi-supervised text classification via mixed objective function" (2019).
    """
    model, backward = learner.model, machine.accelerator.backward
    ids, sequences = machine.tensor(batch.ids), batch.sequences
    adversarial = noisy and recipe.adversarial > 0 and has_target(batch)
    decided = recipe.entropy if noisy else 0.0
    virtual = noisy and recipe.virtual_adversarial > 0
    noise = Noise()
    if virtual:
        noise.before_the_vectors()

    with machine.autocast():
        vectors = model.embed(ids, sequences, noise=noisy, part=batch.part)
        if adversarial:
            vectors.retain_grad()
        if virtual:
            noise.behind_the_vectors()
        states: dict[str, Tensor] = {}
        logits = model.classify(vectors, sequences, states, batch.part)
        loss, labels_alone = target_loss(logits, batch, weights, recipe, machine)
    every = None if batch.whole is None else shares_of(batch, None).every
    beside: list[Tensor] = []
    if decided and len(batch.labels):
        undecided = entropy(logits, weights_of_texts(batch, machine))
        beside.append(decided * (undecided if every is None else every * undecided))
    if task is not None:
        chance = np.random.default_rng([recipe.seed, learner.state.step, 3])
        of_tokens = model.get_parameter(f"{EMBEDDING}.weight")
        told = task.loss(states[RECURRENT].float(), batch, of_tokens, chance)
        beside += [] if told is None else [recipe.language_loss * told]
    if not adversarial:
        loss, beside = sum(beside, loss), []
    backward(loss, retain_graph=bool(beside))
    if adversarial and (vectors.grad is not None or batch.whole is not None):
        slope = torch.zeros_like(vectors) if vectors.grad is None else vectors.grad.clone()
        if beside:  # by itself: the adversary's slope is that of the targets alone
            backward(sum(beside))
        backward(adversarial_loss(model, batch, vectors.detach(), slope, weights, recipe, machine))
    if virtual:
        answers = virtual_loss(model, batch, vectors.detach(), logits.detach(), noise, recipe, machine)
        if answers is not None:
            diverging = recipe.virtual_adversarial * answers
            backward(diverging if every is None else every * diverging)
    return labels_alone
