"""A task that any cell learns in a moment: to say at the end which sign the first number had."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from peephole.studies.tasks.task import Batch, Booleans, Budget, Floats, Task, at_last_step


@dataclasses.dataclass(frozen=True)
class Echo(Task):
    """Sequences of `length` or one step more; the first number is ±1, the others are 0."""

    name = "echo"
    title = "Echo <i>"
    source = "nobody"
    variants: ClassVar = {"plain": "the only one"}
    usual_length = 3
    shortest = 1
    loss = "sets"

    inputs = 1
    outputs = 1
    definition = "A sign is shown & asked for."
    criterion = "the sign is right"
    chance = 0.6931
    budget = Budget(sequences=3000, batch=20, hidden_size=5, learning_rate=0.05, judge_steps=10)

    def batch(self, size: int, rng: np.random.Generator) -> Batch:
        lengths = rng.integers(self.length, self.length + 1, size=size, endpoint=True)
        sign = rng.integers(0, 2, size=size)
        inputs = np.zeros((int(lengths.max()), size, 1), np.float32)
        inputs[0, :, 0] = 2 * sign - 1
        return Batch(inputs, lengths, *at_last_step(sign[:, None].astype(np.float32), lengths))

    def right_steps(self, outputs: Floats, targets: Floats) -> Booleans:
        return (outputs[:, 0] > 0) == (targets[:, 0] > 0.5)


ECHO = Echo(3, "plain")
