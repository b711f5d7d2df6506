"""What every task of long dependencies has: batches without end, an answer that is known, and the level of chance.

NumPy alone: whoever wants the batches needs no torch.
"""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from peephole.errors import OptionError, check_choice, nearest

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

INITS = ("orthogonal", "chrono")
Loss = Literal["squared", "classes", "sets"]
# What a network answers to a batch: its raw outputs `[S, O]` at the counted steps.
Answer = Callable[["Batch"], Floats]


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """Sequences, and what is to be answered at which of their steps.

    Attributes:
        inputs: `[T, N, D]` float32, T the greatest length; zeros past a sequence's end.
        lengths: `[N]` int64, steps of each sequence, at least 1.
        targets: `[T, N, O]` float32, what the outputs should be; zeros where they do not count.
        counted: `[T, N]`, True at the steps whose outputs count; at least one of each sequence.
    """

    inputs: Floats
    lengths: Integers
    targets: Floats
    counted: Booleans

    @property
    def counted_sequences(self) -> Integers:
        """`[S]` which sequence each counted step belongs to, step by step as `inputs` has them."""
        return np.nonzero(self.counted)[1]

    @property
    def counted_targets(self) -> Floats:
        """`[S, O]` the targets of the counted steps, in the order of `counted_sequences`."""
        return self.targets[self.counted]


@dataclasses.dataclass(frozen=True)
class Budget:
    """What a task is given to be learnt, on one processor in minutes; found by trial on seeds that are not reported.

    Attributes:
        sequences: training sequences at most; a network that has solved the task stops before.
        batch: sequences of an optimiser's step.
        hidden_size: units of the LSTM; what the others have depends on how sizes are matched.
        learning_rate: of Adam.
        rates: contender → another learning rate, where that one was better.
        init: of the cells with gates: ``"orthogonal"``, with forget biases of 1, or ``"chrono"``.
        judge_steps: optimiser's steps between two judgements.

    Raises:
        OptionError: a number or a word is out of range; all problems at once.
    """

    sequences: int
    batch: int
    hidden_size: int
    learning_rate: float
    rates: Mapping[str, float] = dataclasses.field(default_factory=dict[str, float])
    init: str = "orthogonal"
    judge_steps: int = 50

    def __post_init__(self) -> None:
        whole = {name: getattr(self, name) for name in ("sequences", "batch", "hidden_size", "judge_steps")}
        problems = [f"{name} must be at least 1; got {value}" for name, value in whole.items() if value < 1]
        for name, rate in {"learning_rate": self.learning_rate, **self.rates}.items():
            if not 0 < rate <= 1:
                problems.append(f"the learning rate {name} must be above 0 and at most 1; got {rate}")
        if self.init not in INITS:
            problems.append(
                f"init must be one of {', '.join(map(repr, INITS))}; got {self.init!r}{nearest(self.init, INITS)}"
            )
        if problems:
            raise OptionError("task budget: " + "; ".join(problems))


@dataclasses.dataclass(frozen=True)
class Task(abc.ABC):
    """A task with known answers, of one length and variant.

    Args:
        length: the dependency's length in steps; each task says what it measures.
        variant: one of `variants`, the first of which is the usual one.

    Attributes:
        name: what ``--task`` calls it.
        title: what a reader calls it.
        source: who made it.
        variants: variant → what it is.
        usual_length: where none is given.
        shortest: the least length that it can have.
        loss: ``"squared"`` error; cross-entropy of ``"classes"``, of which one is right; or of ``"sets"``, in which each class is
            right or not.
        test_is_fixed: whether `test` always returns the same sequences, all there are.
        needed: the share of sequences, all of whose counted steps are right, from which the task counts as solved.

    Raises:
        OptionError: the length or the variant cannot be had.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    variants: ClassVar[Mapping[str, str]]
    usual_length: ClassVar[int]
    shortest: ClassVar[int]
    loss: ClassVar[Loss]
    test_is_fixed: ClassVar[bool] = False
    needed: ClassVar[float] = 0.99

    length: int
    variant: str

    def __post_init__(self) -> None:
        where = f"task {self.name}"
        check_choice(where, "variant", self.variant, tuple(self.variants))
        if self.length < self.shortest:
            raise OptionError(f"{where}: length must be at least {self.shortest} steps; got {self.length}")

    @property
    @abc.abstractmethod
    def inputs(self) -> int:
        """D, features of a step."""

    @property
    @abc.abstractmethod
    def outputs(self) -> int:
        """O, outputs of a step."""

    @property
    @abc.abstractmethod
    def budget(self) -> Budget:
        """What it is given to be learnt."""

    @property
    @abc.abstractmethod
    def definition(self) -> str:
        """What is shown and what is asked, in a sentence or two for a reader."""

    @property
    @abc.abstractmethod
    def criterion(self) -> str:
        """When a sequence is right, for a reader."""

    @property
    @abc.abstractmethod
    def chance(self) -> float:
        """The loss of the best answer that remembers nothing: mean squared error, or nats a step."""

    @abc.abstractmethod
    def batch(self, size: int, rng: np.random.Generator) -> Batch:
        """Draw sequences to learn from.

        Args:
            size: N, at least 1.
            rng: what chance is drawn from; the same state gives the same batch.
        """

    @abc.abstractmethod
    def right_steps(self, outputs: Floats, targets: Floats) -> Booleans:
        """Tell which outputs `[S, O]`, before any squashing, are right for targets `[S, O]`: `[S]`."""

    def test(self, size: int, rng: np.random.Generator) -> Batch:
        """Draw sequences to judge by; those of `batch`, unless a task says otherwise."""
        return self.batch(size, rng)

    def right(self, outputs: Floats, batch: Batch) -> Booleans:
        """Tell which sequences of a batch are right at all their counted steps: `[N]`.

        Args:
            outputs: `[S, O]`, before any squashing, in the order of `batch.counted_sequences`.
            batch: what was asked.
        """
        wrong = batch.counted_sequences[~self.right_steps(outputs, batch.counted_targets)]
        right = np.ones(len(batch.lengths), np.bool_)
        right[wrong] = False
        return right

    def further(self, answer: Answer) -> dict[str, Any]:
        """Measure what this task alone can tell of a network; nothing, unless a task says otherwise."""
        return {}


def right_class(outputs: Floats, targets: Floats) -> Booleans:
    """Tell where the largest output is that of the right class: `[S, O]` twice → `[S]`.

    >>> right_class(np.array([[0.1, 2.0], [3.0, 1.0]], np.float32), np.array([[0, 1], [0, 1]], np.float32)).tolist()
    [True, False]
    """
    return outputs.argmax(axis=1) == targets.argmax(axis=1)


def one_hot(symbols: Integers, count: int) -> Floats:
    """Symbols of any shape, in [0, count) → that shape with an axis of `count` more: 1 at the symbol, else 0."""
    return np.eye(count, dtype=np.float32)[symbols]


def at_last_step(targets: Floats, lengths: Integers) -> tuple[Floats, Booleans]:
    """Put one target `[N, O]` for each sequence at its last step: `[T, N, O]` and what counts `[T, N]`."""
    steps, size = int(lengths.max()), len(lengths)
    spread = np.zeros((steps, size, targets.shape[1]), np.float32)
    counted = np.zeros((steps, size), np.bool_)
    places = (lengths - 1, np.arange(size))
    spread[places], counted[places] = targets, True
    return spread, counted


def whole_number(value: float) -> int:
    """Round to the nearest integer, halves upwards: the same on every platform and for every length."""
    return math.floor(value + 0.5)
