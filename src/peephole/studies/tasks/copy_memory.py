"""Copy memory: some symbols are shown, then nothing for a long time, and then they are asked for, in their order."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import numpy as np

from peephole.studies.tasks.task import Answer, Batch, Booleans, Budget, Floats, Task, one_hot, right_class

ALPHABET = 8  # how many symbols there are
BLANK, ASK = ALPHABET, ALPHABET + 1


@dataclasses.dataclass(frozen=True)
class CopyMemory(Task):
    """Copy memory as a task; `length` is T, the steps from the last symbol shown to the first one asked for.

    Every step counts, blanks too, so that losses are those of the literature; a network that remembers nothing and knows when
    it is asked has a loss of 10 · ln 8 / (T + 20). `further` tells how many of the symbols are right.

    Example:
        >>> task = CopyMemory(20, "ten")
        >>> batch = task.batch(4, np.random.default_rng(0))
        >>> batch.inputs.shape, round(task.chance, 4)
        ((40, 4, 10), 0.5199)

    Source: Hochreiter & Schmidhuber 1997 in spirit; as Arjovsky, Shah & Bengio 2016 (ICML), section 5.1, and Bai, Kolter &
        Koltun 2018 (arXiv 1803.01271), section 4.2, have it.
    """

    name = "copy"
    title = "Copy memory"
    source = "Arjovsky, Shah & Bengio 2016; Bai, Kolter & Koltun 2018"
    variants: ClassVar = {
        "ten": "ten symbols, as in the literature",
        "five": "five symbols, learnt in a quarter of the time",
    }
    usual_length = 20
    shortest = 1
    loss = "classes"

    @property
    def copied(self) -> int:
        """Symbols to keep."""
        return 10 if self.variant == "ten" else 5

    @property
    def steps(self) -> int:
        """Of every sequence."""
        return self.length + 2 * self.copied

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
        sequences, hidden = (300_000, 96) if self.variant == "ten" else (150_000, 48)
        return Budget(sequences, batch=25, hidden_size=hidden, learning_rate=1e-2, init="chrono")

    @property
    def definition(self) -> str:
        """What is shown and asked."""
        count = self.variant
        return (
            f"{count.capitalize()} symbols out of eight, {self.length - 1} blanks, a sign that asks, {count} blanks: "
            f"{self.steps} steps. The answer is blank until the last {count} steps, and there the {count} symbols in their order."
        )

    @property
    def criterion(self) -> str:
        """When a sequence is right."""
        return "the most probable answer is the right one at every step"

    @property
    def chance(self) -> float:
        """Nats a step of who remembers nothing."""
        return self.copied * math.log(ALPHABET) / self.steps

    def batch(self, size: int, rng: np.random.Generator) -> Batch:
        """Draw sequences."""
        steps, copied = self.steps, self.copied
        shown = rng.integers(0, ALPHABET, size=(copied, size))
        symbols, answers = np.full((steps, size), BLANK), np.full((steps, size), BLANK)
        symbols[:copied] = shown
        symbols[copied + self.length - 1] = ASK
        answers[-copied:] = shown
        return Batch(
            one_hot(symbols, self.inputs),
            np.full(size, steps),
            one_hot(answers, self.outputs),
            np.ones((steps, size), np.bool_),
        )

    def right_steps(self, outputs: Floats, targets: Floats) -> Booleans:
        """Which answers are right."""
        return right_class(outputs, targets)

    def further(self, answer: Answer) -> dict[str, Any]:
        """The share of symbols that are right, over 256 sequences; 1 / 8 by chance."""
        batch = self.batch(256, np.random.default_rng(0))
        asked = batch.counted_targets[:, BLANK] == 0
        right = right_class(answer(batch)[asked], batch.counted_targets[asked])
        return {"symbols_right": float(right.mean())}
