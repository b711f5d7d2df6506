"""Periodic functions: a network that is shown nothing must go on making a wave of a given shape and period."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from peephole.studies.tasks.task import Batch, Booleans, Budget, Floats, Task

PERIODS_LEARNT, PERIODS_JUDGED = 10, 100
TOLERANCE = 0.3


def wave(shape: str, period: int, steps: int) -> Floats:
    """Return a wave between 0 and 1 at times t from 1 to `steps`: `[steps]`.

    Args:
        shape: ``"cosine"``: (1 − cos(2πt / F)) / 2; ``"triangle"``: 2m / F for m = t mod F up to F / 2, else 2 − 2m / F;
            ``"rectangle"``: 1 for m above F / 2, else 0.
        period: F, in steps.
        steps: how many.

    Example:
        >>> [wave(shape, 4, 4).round(3).tolist() for shape in ("cosine", "triangle", "rectangle")]
        [[0.5, 1.0, 0.5, 0.0], [0.5, 1.0, 0.5, 0.0], [0.0, 0.0, 1.0, 0.0]]
    """
    time = np.arange(1, steps + 1)
    place = time % period
    if shape == "cosine":
        return ((1 - np.cos(2 * np.pi * time / period)) / 2).astype(np.float32)
    if shape == "rectangle":
        return (place > period / 2).astype(np.float32)
    return np.where(place > period / 2, 2 - 2 * place / period, 2 * place / period).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Periodic(Task):
    """Periodic functions as a task; `length` is F, the period.

    The input is a constant, 1, which says no more than a bias (a zero would leave an IRNN, whose biases begin at zero, at rest
    for good). So all sequences are the same one: ten periods are learnt from, a hundred are judged.

    Example:
        >>> Periodic(10, "cosine").batch(1, np.random.default_rng(0)).targets.shape
        (100, 1, 1)

    Source: Gers, Schraudolph & Schmidhuber 2002 (JMLR 3): PFG. We differ: ten periods from a zero state in place of a
        stream that ends at the first error, and the whole gradient in place of a truncated one.
    """

    name = "timing"
    title = "Periodic functions"
    source = "Gers, Schraudolph & Schmidhuber 2002"
    variants: ClassVar = {
        "cosine": "a smooth wave",
        "triangle": "a wave of straight lines",
        "rectangle": "a wave of steps",
    }
    usual_length = 10
    shortest = 3
    loss = "squared"
    test_is_fixed = True
    needed = 1.0

    @property
    def inputs(self) -> int:
        """A feature that is always 1."""
        return 1

    @property
    def outputs(self) -> int:
        """The wave."""
        return 1

    @property
    def budget(self) -> Budget:
        """What it is given to be learnt."""
        return Budget(3_000, batch=1, hidden_size=16, learning_rate=1e-2, rates={"rnn": 3e-3, "irnn": 1e-3})

    @property
    def definition(self) -> str:
        """What is shown and asked."""
        return (
            f"The network sees a constant, and makes a {self.variant} wave between 0 and 1 with a period of {self.length} steps. "
            f"{PERIODS_LEARNT} periods are learnt from, {PERIODS_JUDGED} are judged."
        )

    @property
    def criterion(self) -> str:
        """When a sequence is right."""
        return f"the output is off by less than {TOLERANCE} at each of {PERIODS_JUDGED * self.length:,} steps"

    @property
    def chance(self) -> float:
        """Mean squared error of the best constant: the wave's variance."""
        return float(wave(self.variant, self.length, self.length).var())

    def batch(self, size: int, rng: np.random.Generator) -> Batch:
        """Return the one sequence there is; neither `size` nor chance plays a part."""
        return self._periods(PERIODS_LEARNT)

    def test(self, size: int, rng: np.random.Generator) -> Batch:
        """Return the one sequence there is, ten times as long."""
        return self._periods(PERIODS_JUDGED)

    def _periods(self, count: int) -> Batch:
        steps = count * self.length
        targets = wave(self.variant, self.length, steps)[:, None, None]
        return Batch(
            np.ones((steps, 1, 1), np.float32), np.array([steps]), targets, np.ones((steps, 1), np.bool_)
        )

    def right_steps(self, outputs: Floats, targets: Floats) -> Booleans:
        """Where the wave is near enough."""
        return np.abs(outputs[:, 0] - targets[:, 0]) < TOLERANCE
