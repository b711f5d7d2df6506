"""Temporal order: among distractors stand two or three symbols X or Y, and the order in which they came is asked for."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import numpy as np

from peephole.studies.tasks.task import (
    Batch,
    Booleans,
    Budget,
    Floats,
    Task,
    at_last_step,
    one_hot,
    right_class,
    whole_number,
)

SYMBOLS = ("a", "b", "c", "d", "start", "end", "X", "Y")
_START, _END, _X = 4, 5, 6
# Where a marked symbol may stand, both ends included, as shares of the length: steps 10 to 20 and 50 to 60 of 100.
_PLACES = {"two": ((0.10, 0.20), (0.50, 0.60)), "three": ((0.10, 0.20), (0.33, 0.43), (0.66, 0.76))}


@dataclasses.dataclass(frozen=True)
class Order(Task):
    """Temporal order as a task; `length` is the shortest sequence's steps.

    Example:
        >>> task = Order(100, "two")
        >>> task.inputs, task.outputs, task.windows
        (8, 4, ((10, 20), (50, 60)))

    Source: Hochreiter & Schmidhuber 1997 (Neural Computation 9), experiments 6a (two symbols) and 6b (three). We differ: the
        class is told by a softmax.
    """

    name = "order"
    title = "Temporal order"
    source = "Hochreiter & Schmidhuber 1997, experiments 6a and 6b"
    variants: ClassVar = {
        "two": "two symbols, four classes (6a)",
        "three": "three symbols, eight classes (6b)",
    }
    usual_length = 100
    shortest = 20
    loss = "classes"

    @property
    def windows(self) -> tuple[tuple[int, int], ...]:
        """Steps between which each marked symbol may stand, both included."""
        return tuple(
            (whole_number(low * self.length), whole_number(high * self.length))
            for low, high in _PLACES[self.variant]
        )

    @property
    def inputs(self) -> int:
        """Eight symbols, one feature each."""
        return len(SYMBOLS)

    @property
    def outputs(self) -> int:
        """A class for each order."""
        return 2 ** len(self.windows)

    @property
    def budget(self) -> Budget:
        """What it is given to be learnt."""
        return Budget(
            sequences=60_000,
            batch=50,
            hidden_size=32,
            learning_rate=3e-3,
            rates={"rnn": 1e-3, "irnn": 3e-4, "peephole-lstm-full": 1e-3},
            init="chrono",
        )

    @property
    def definition(self) -> str:
        """What is shown and asked."""
        places = " and ".join(f"{low} to {high}" for low, high in self.windows)
        count = {2: "Two", 3: "Three"}[len(self.windows)]
        return (
            f"{self.length} to {self.length + self.length // 10} random symbols between a start and an end. {count} of them, at "
            f"steps {places}, are X or Y; the last step asks in which order, one of {self.outputs} classes."
        )

    @property
    def criterion(self) -> str:
        """When a sequence is right."""
        return "the most probable class is the right one"

    @property
    def chance(self) -> float:
        """Nats of guessing."""
        return math.log(self.outputs)

    def batch(self, size: int, rng: np.random.Generator) -> Batch:
        """Draw sequences."""
        lengths = rng.integers(self.length, self.length + self.length // 10, size=size, endpoint=True)
        steps, sequence = int(lengths.max()), np.arange(size)
        symbols = rng.integers(0, _START, size=(steps, size))
        symbols[0] = _START
        symbols[lengths - 1, sequence] = _END
        label = np.zeros(size, np.int64)
        for low, high in self.windows:
            place, is_y = (
                rng.integers(low, high, size=size, endpoint=True),
                rng.integers(0, 2, size=size),
            )
            symbols[place, sequence] = _X + is_y
            label = 2 * label + is_y
        inputs = one_hot(symbols, len(SYMBOLS))
        inputs[np.arange(steps)[:, None] >= lengths] = 0.0
        return Batch(inputs, lengths, *at_last_step(one_hot(label, self.outputs), lengths))

    def right_steps(self, outputs: Floats, targets: Floats) -> Booleans:
        """Which classes are right."""
        return right_class(outputs, targets)
