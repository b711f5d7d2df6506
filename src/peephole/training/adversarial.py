"""Adversarial training: move the vectors of a text to where the loss is worse, and learn there too."""

from __future__ import annotations

import torch
from torch import Tensor

from peephole.nn.classifier import ClassifierModule
from peephole.training.batches import Batch, with_labels
from peephole.training.machine import Machine
from peephole.training.recipe import Recipe
from peephole.training.targets import target_loss


@torch.no_grad()
def adversarial_step(
    gradient: Tensor,
    vectors: Tensor,
    text: Tensor,
    texts: int,
    distance: float,
    spread: Tensor | None = None,
) -> Tensor:
    """Return how far to move every token's vector.

    The gradient of each text, all its tokens together, is scaled to the length ``distance · std(vectors)``: a
    long and a short text are moved equally far.

    Args:
        gradient: gradient of the loss with respect to `vectors` `[R, E]`.
        vectors: the vectors that went into the network, packed rows `[R, E]`.
        text: the text that each row belongs to `[R]`, int64, each in [0, N).
        texts: number of texts N, texts without tokens included.
        distance: length of the step in standard deviations of the vectors, above 0.
        spread: standard deviation of the vectors of all processes, a scalar; None: these are all vectors.

    Returns:
        The step for each row `[R, E]`; zero for a text whose gradient is zero.

    Source: Miyato, Dai & Goodfellow, "Adversarial training methods for semi-supervised text classification"
        (2017), equation 5. We differ: the length is relative to the spread of the vectors instead of
        normalising the vectors themselves.

    Example:
        >>> step = adversarial_step(torch.ones(4, 2), torch.eye(4)[:, :2], torch.tensor([0, 0, 0, 1]), 2, 3.0)
        >>> std = torch.eye(4)[:, :2].std()
        >>> torch.stack([step[:3].norm(), step[3:].norm()]) / std
        tensor([3.0000, 3.0000])
    """
    gradient = gradient.float()
    squares = torch.zeros(texts, device=gradient.device).index_add_(0, text, gradient.square().sum(1))
    if spread is None:
        if len(gradient) < 2:  # one number has no spread
            return torch.zeros_like(gradient)
        spread = vectors.float().std()
    length = distance * spread
    return gradient * (length / (squares.sqrt() + 1e-12))[text].unsqueeze(1)


def adversarial_loss(
    model: ClassifierModule,
    batch: Batch,
    vectors: Tensor,
    slope: Tensor,
    weights: Tensor | None,
    recipe: Recipe,
    machine: Machine,
) -> Tensor:
    """Return the loss of the targets on vectors moved to where it is worse.

    A text without a target is not read again. The noise on the vectors is left out, since the step replaces it;
    what lies behind them has noise of its own.

    Args:
        model: the network.
        batch: the texts.
        vectors: of the first pass `[R, E]`.
        slope: the gradient of the targets' loss with respect to them `[R, E]`.
        weights: weight of each class `[C]`, or None.
        recipe: with the distance, `adversarial`, above 0.
        machine: device and precision.
    """
    if batch.targets is None and (batch.all_texts.labels < 0).any():
        batch, rows = with_labels(batch)
        slope, vectors = slope[machine.tensor(rows)], vectors[machine.tensor(rows)]
    sequences = batch.sequences
    text = machine.tensor(sequences.row_batch)
    spread = spread_of(vectors, batch, machine)
    step = adversarial_step(slope, vectors, text, len(batch.labels), recipe.adversarial, spread)
    with machine.autocast():
        moved = model.embed(machine.tensor(batch.ids), sequences, noise=False) + step
        logits = model.classify(moved, sequences, part=batch.part)
        return target_loss(logits, batch, weights, recipe, machine)[0]


def spread_of(vectors: Tensor, batch: Batch, machine: Machine) -> Tensor | None:
    """Return the standard deviation of the vectors that all processes have of a batch; None where one has all.

    Every process must ask. Of fewer than two vectors it is 0, so that nothing is moved.
    """
    if batch.whole is None:
        return None
    spread = machine.spread(vectors)
    return spread if batch.whole.sequences.rows > 1 else torch.zeros_like(spread)
