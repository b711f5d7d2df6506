"""The adding problem: two of many random numbers are marked, and their sum is asked for at the end.

What each step adds to the answer is known exactly, so explanations can be judged by it: see `AddingBatch.contributions`.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from peephole.studies.tasks.task import Batch, Booleans, Budget, Floats, Integers, Task, at_last_step

VALUE, MARK = 0, 1  # the two features of a step
TOLERANCE = 0.08  # of a sum in [0, 2]; 0.04 of a target in [0, 1], as the paper has it


@dataclasses.dataclass(frozen=True, eq=False)
class AddingBatch(Batch):
    """A batch, with what explains it.

    Attributes:
        marked: `[N, 2]` int64, the two marked steps of each sequence, the earlier one first.
        contributions: `[T, N]` float32, what each step adds to the target: its value where it is marked, else 0. Over time they
            sum to the target.
    """

    marked: Integers
    contributions: Floats


def batch(size: int, length: int, rng: np.random.Generator, *, variant: str = "early") -> AddingBatch:
    """Draw sequences of the adding problem.

    Args:
        size: N, at least 1.
        length: T, at least 20; each sequence has from T to 1.1 · T steps.
        rng: what chance is drawn from.
        variant: ``"early"``: one mark among the first T / 10 steps, the other among the first T / 2; ``"halves"``: one in each
            half of the sequence.

    Returns:
        Steps of two features, a value in [0, 1) and a mark of 0 or 1; the target, at the last step alone, is the sum of the two
        marked values.

    Example:
        >>> drawn = batch(3, 20, np.random.default_rng(1))
        >>> drawn.inputs.shape, drawn.marked.shape
        ((22, 3, 2), (3, 2))
        >>> bool(np.allclose(drawn.contributions.sum(axis=0), drawn.counted_targets[:, 0]))
        True

    Source: Hochreiter & Schmidhuber 1997 (Neural Computation 9), experiment 4, for ``"early"``; Arjovsky, Shah & Bengio 2016
        (ICML), section 5.2, for ``"halves"``. We differ from the first: values in [0, 1] rather than [−1, 1], no −1 at the two
        ends, and the sum itself as the target, as later papers have it; always two different steps are marked.
    """
    lengths = rng.integers(length, length + length // 10, size=size, endpoint=True)
    if variant == "early":
        first = rng.integers(0, length // 10, size=size)
        second = rng.integers(0, length // 2 - 1, size=size)
        second += second >= first  # any step of the first half but the other mark's
    else:
        first = rng.integers(0, lengths // 2)
        second = rng.integers(lengths // 2, lengths)
    steps, sequence = int(lengths.max()), np.arange(size)
    inputs = np.zeros((steps, size, 2), np.float32)
    inputs[:, :, VALUE] = rng.random((steps, size), np.float32)
    inputs[first, sequence, MARK] = inputs[second, sequence, MARK] = 1.0
    inputs[np.arange(steps)[:, None] >= lengths] = 0.0
    contributions = inputs[:, :, VALUE] * inputs[:, :, MARK]
    targets, counted = at_last_step(contributions.sum(axis=0)[:, None], lengths)
    marked = np.sort(np.stack([first, second], axis=1), axis=1)
    return AddingBatch(inputs, lengths, targets, counted, marked, contributions)


@dataclasses.dataclass(frozen=True)
class Adding(Task):
    """The adding problem as a task; `length` is T, the shortest sequence's steps.

    Example:
        >>> task = Adding(100, "early")
        >>> task.inputs, task.outputs, round(task.chance, 4)
        (2, 1, 0.1667)
    """

    name = "adding"
    title = "The adding problem"
    source = "Hochreiter & Schmidhuber 1997, experiment 4"
    variants: ClassVar = {
        "early": "both marks in the first half, one of them in the first tenth",
        "halves": "one mark in each half",
    }
    usual_length = 100
    shortest = 20
    loss = "squared"

    @property
    def inputs(self) -> int:
        """A value and a mark."""
        return 2

    @property
    def outputs(self) -> int:
        """The sum."""
        return 1

    @property
    def budget(self) -> Budget:
        """What it is given to be learnt."""
        return Budget(
            sequences=100_000,
            batch=50,
            hidden_size=48,
            learning_rate=1e-2,
            rates={"rnn": 1e-3, "irnn": 3e-4},
            init="chrono",
        )

    @property
    def definition(self) -> str:
        """What is shown and asked."""
        where = (
            f"one among the first {self.length // 10} steps, one among the first {self.length // 2}"
            if self.variant == "early"
            else "one in each half"
        )
        return (
            f"{self.length} to {self.length + self.length // 10} steps of a random number in [0, 1) and a mark; two steps are "
            f"marked, {where}. The answer, asked for at the last step, is the sum of the two marked numbers."
        )

    @property
    def criterion(self) -> str:
        """When a sequence is right."""
        return f"the sum is off by less than {TOLERANCE} (the paper’s 0.04, for targets in [0, 1])"

    @property
    def chance(self) -> float:
        """Mean squared error of always answering 1: the variance of a sum of two uniform numbers."""
        return 1 / 6

    def batch(self, size: int, rng: np.random.Generator) -> AddingBatch:
        """Draw sequences; see the function `batch`."""
        return batch(size, self.length, rng, variant=self.variant)

    def right_steps(self, outputs: Floats, targets: Floats) -> Booleans:
        """Which sums are near enough."""
        return np.abs(outputs[:, 0] - targets[:, 0]) < TOLERANCE
