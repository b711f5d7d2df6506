"""Virtual adversarial training: move the vectors of a text to where the answer changes most. No label is needed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

from peephole.nn.classifier import ClassifierModule
from peephole.nn.part import PackedPart
from peephole.training.adversarial import adversarial_step, spread_of
from peephole.training.batches import Batch
from peephole.training.losses import divergence
from peephole.training.machine import Machine
from peephole.training.recipe import Recipe
from peephole.training.targets import weights_of_texts

# Length of the trial step of the finite difference, in standard deviations of the vectors.
TRIAL = 0.1


def virtual_step(
    classify: Callable[[Tensor], Tensor],
    reference: Tensor,
    vectors: Tensor,
    text: Tensor,
    texts: int,
    distance: float,
    part: PackedPart | None = None,
    spread: Tensor | None = None,
) -> Tensor:
    """Return how far to move every token's vector so that the answer changes most.

    Near the vectors the divergence of answers has no slope, only a curvature: ``KL(p(x) ‖ p(x + r)) ≈ ½ rᵀ H r``.
    The direction sought is the eigenvector of H with the largest eigenvalue. One step of the power method from a
    random direction d takes it to H d, which is the gradient of the divergence at a small step along d, divided
    by the step's length. Each text has its own H, since no text's answer depends on another's vectors.

    Args:
        classify: scores `[N, C]` for vectors `[R, E]`; with the same noise at every call, or what is measured is
            the noise.
        reference: scores of the unmoved vectors `[N, C]`.
        vectors: packed rows `[R, E]`.
        text: the text that each row belongs to `[R]`, int64, each in [0, N).
        texts: number of texts N.
        distance: length of the step of each text in standard deviations of the vectors, above 0.
        part: the part of a larger batch that these texts are; None: they are all.
        spread: standard deviation of the vectors of all processes, a scalar; None: these are all vectors.

    Returns:
        The step for each row `[R, E]`; zero for a text whose answer does not depend on its vectors.

    Source: Miyato, Dai & Goodfellow, "Adversarial training methods for semi-supervised text classification"
        (2017), equations 6 to 8, with one step of the power method and a trial step of 0.1. We differ: lengths
        are relative to the spread of the vectors instead of normalising the vectors themselves.
    """
    vectors = vectors.detach()
    if spread is None and len(vectors) < 2:  # one number has no spread
        return torch.zeros_like(vectors)
    direction = _direction(vectors, part)
    trial = adversarial_step(direction, vectors, text, texts, TRIAL, spread).requires_grad_()
    divergences = divergence(classify(vectors + trial), reference.detach()) * texts
    (gradient,) = torch.autograd.grad(divergences, trial)
    return adversarial_step(gradient, vectors, text, texts, distance, spread)


def _direction(vectors: Tensor, part: PackedPart | None) -> Tensor:
    if part is None:
        return torch.randn_like(vectors)
    return part.of_rows(partial(torch.randn, dtype=vectors.dtype, device=vectors.device), vectors)


@contextmanager
def frozen(parameters: Iterable[Tensor]) -> Generator[None, None, None]:
    """Take no gradients of parameters while this is entered: those of the vectors are wanted alone."""
    thawed = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in thawed:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in thawed:
            parameter.requires_grad_(True)


class Noise:
    """The chance of one step, so that passes can share their dropout masks: they begin from the same seeds.

    Each step begins with a seed of its own (`Machine.seed_step`), before anything is drawn.
    """

    def __init__(self) -> None:
        self._seed = torch.initial_seed()

    def before_the_vectors(self) -> None:
        """Draw the masks of tokens and vectors once more, next."""
        self._begin(0)

    def behind_the_vectors(self) -> None:
        """Draw the masks of all that reads the vectors once more, next."""
        self._begin(1)

    def of_the_direction(self) -> None:
        """Draw the virtual adversary's first direction next."""
        self._begin(2)

    def _begin(self, part: int) -> None:
        torch.manual_seed((self._seed + part) % 2**64)


def virtual_loss(
    model: ClassifierModule,
    batch: Batch,
    vectors: Tensor,
    logits: Tensor,
    noise: Noise,
    recipe: Recipe,
    machine: Machine,
) -> Tensor | None:
    """Return the divergence of the answers on moved vectors from those on vectors as they are; None without a text.

    All passes share the masks of the first: those on the vectors, as in the authors' code, where all start from
    the same dropped-out vectors, and those behind them too, of which the authors use none: otherwise the masks
    would make most of the difference between two answers.

    The direction is sought in float32 in every precision, since a trial step would be lost in rounding.

    Args:
        model: the network.
        batch: the texts, with or without labels.
        vectors: of the first pass `[R, E]`.
        logits: of the first pass `[N, C]`; no gradient goes through them.
        noise: the chance of the step.
        recipe: with `virtual_distance` and the precision.
        machine: device and precision.
    """
    sequences = batch.sequences
    text = machine.tensor(sequences.row_batch)

    part, spread = batch.part, spread_of(vectors, batch, machine)
    if not len(batch.labels):  # this process has no text of the batch
        return None

    def classify(rows: Tensor) -> Tensor:
        noise.behind_the_vectors()
        return model.classify(rows, sequences, part=part)

    with frozen(model.parameters()):
        reference = logits if recipe.precision == "no" else classify(vectors.float())
        noise.of_the_direction()
        step = virtual_step(
            classify,
            reference,
            vectors.float(),
            text,
            len(batch.labels),
            recipe.virtual_distance,
            part,
            spread,
        )
    with machine.autocast():
        noise.before_the_vectors()
        moved = model.embed(machine.tensor(batch.ids), sequences, part=part) + step
        return divergence(classify(moved), logits, weights_of_texts(batch, machine))
