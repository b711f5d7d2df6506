"""Copy memory: ten symbols are shown, then nothing for a long time, and then they are asked for, in their order."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import numpy as np

from peephole.studies.tasks.task import Batch, Booleans, Budget, Floats, Task, one_hot, right_class

COPIED, ALPHABET = 10, 8  # symbols to keep, and how many there are
BLANK, ASK = ALPHABET, ALPHABET + 1


@dataclasses.dataclass(frozen=True)
class CopyMemory(Task):
    """Copy memory as a task; `length` is T, the steps from the last symbol shown to the first one asked for.

    Every step counts, blanks too, so that losses are those of the literature; a network that remembers nothing and knows when
    it is asked has a loss of 10 · ln 8 / (T + 20).

    Example:
        >>> task = CopyMemory(20, "fixed")
        >>> batch = task.batch(4, np.random.default_rng(0))
        >>> batch.inputs.shape, round(task.chance, 4)
        ((40, 4, 10), 0.5199)

    Source: Hochreiter & Schmidhuber 1997 in spirit; as Arjovsky, Shah & Bengio 2016 (ICML), section 5.1, and Bai, Kolter &
        Koltun 2018 (arXiv 1803.01271), section 4.2, have it.
    """

    name = "copy"
    title = "Copy memory"
    source = "Arjovsky, Shah & Bengio 2016; Bai, Kolter & Koltun 2018"
    variants: ClassVar = {"fixed": "every sequence of the same length"}
    usual_length = 20
    shortest = 1
    loss = "classes"

    @property
    def inputs(self) -> int:
        """Eight symbols, a blank, and a sign that asks."""
        return ALPHABET + 2

    @property
    def outputs(self) -> int:
        """Eight symbols and a blank."""
        return ALPHABET + 1

    @property
    def budget(self) -> Budget:
        """What it is given to be learnt."""
        return Budget(sequences=150_000, batch=50, hidden_size=64, learning_rate=3e-3)

    @property
    def definition(self) -> str:
        """What is shown and asked."""
        return (
            f"Ten symbols out of eight, {self.length - 1} blanks, a sign that asks, ten blanks: {self.length + 20} steps. The "
            "answer is blank until the last ten steps, and there the ten symbols in their order."
        )

    @property
    def criterion(self) -> str:
        """When a sequence is right."""
        return "the most probable answer is the right one at every step"

    @property
    def chance(self) -> float:
        """Nats a step of who remembers nothing."""
        return COPIED * math.log(ALPHABET) / (self.length + 2 * COPIED)

    def batch(self, size: int, rng: np.random.Generator) -> Batch:
        """Draw sequences."""
        steps = self.length + 2 * COPIED
        shown = rng.integers(0, ALPHABET, size=(COPIED, size))
        symbols, answers = np.full((steps, size), BLANK), np.full((steps, size), BLANK)
        symbols[:COPIED] = shown
        symbols[COPIED + self.length - 1] = ASK
        answers[-COPIED:] = shown
        return Batch(
            one_hot(symbols, self.inputs),
            np.full(size, steps),
            one_hot(answers, self.outputs),
            np.ones((steps, size), np.bool_),
        )

    def right_steps(self, outputs: Floats, targets: Floats) -> Booleans:
        """Which answers are right."""
        return right_class(outputs, targets)
