"""The learning rate over a run: one cycle, up in a line and down in half a cosine."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OneCycle:
    """The learning rate of every step of a run.

    It rises in a line from a twentieth of `peak` in the first `warmup` of the steps, then falls in half a
    cosine to a thousandth of it. It is a function of the step alone: there is no state to save.

    Args:
        peak: largest learning rate, above 0.
        steps: steps of the whole run, at least 1.
        warmup: share of the steps in which it rises, in [0, 1).

    Source: after Smith & Topin, "Super-convergence" (2018). We differ: half a cosine down instead of a line,
        and the momentum stays as it is.

    Example:
        >>> cycle = OneCycle(peak=1.0, steps=100, warmup=0.2)
        >>> [round(cycle.rate(step), 3) for step in (0, 10, 20, 60, 99)]
        [0.05, 0.525, 1.0, 0.501, 0.001]
    """

    peak: float
    steps: int
    warmup: float

    @property
    def warmup_steps(self) -> int:
        """The first step that is no longer part of the rise."""
        return math.ceil(self.warmup * self.steps)

    def rate(self, step: int) -> float:
        """Return the learning rate of step `step`, counted from 0; past the last step it stays as it was."""
        progress = min(step, self.steps) / self.steps
        if progress < self.warmup:
            return self.peak * (0.05 + 0.95 * progress / self.warmup)
        falling = (progress - self.warmup) / (1 - self.warmup)
        return self.peak * (0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * falling)))
