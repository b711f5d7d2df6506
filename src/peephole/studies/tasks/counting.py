"""Counting: strings aⁿbⁿ or aⁿbⁿcⁿ are read, and at every step all symbols are asked for that may come next.

While a's come, an a or a b may follow; from the first b on, only one symbol may, and which one takes a count to know.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import numpy as np

from peephole.equations import sigmoid
from peephole.studies.tasks.task import (
    Answer,
    Batch,
    Booleans,
    Budget,
    Floats,
    Integers,
    Task,
    one_hot,
)

_FARTHEST = 10  # times the length: n up to which strings are tried


@dataclasses.dataclass(frozen=True)
class Counting(Task):
    """Counting as a task; `length` is the greatest n that is learnt from.

    Every n from 1 to `length` is equally likely in training; judged are all of them, once each, and the strings beyond, up to
    1.5 · `length`. `further` tells how far a network counts: up to which n every string is right, without a gap.

    Example:
        >>> task = Counting(10, "anbn")
        >>> batch = task.strings(np.array([2]))
        >>> [task.symbols[k] for k in batch.inputs[:, 0].argmax(axis=1)]
        ['start', 'a', 'a', 'b', 'b']
        >>> [[task.symbols[k] for k in np.flatnonzero(row)] for row in batch.targets[:, 0]]
        [['a'], ['a', 'b'], ['a', 'b'], ['b'], ['end']]

    Source: Gers & Schmidhuber 2001 (IEEE Transactions on Neural Networks 12). We differ: n is at least 1; cross-entropy in place
        of squared error; batches in place of a stream; and strings longer than those learnt from are part of what is judged.
    """

    name = "count"
    title = "Counting"
    source = "Gers & Schmidhuber 2001"
    variants: ClassVar = {"anbn": "aⁿbⁿ, context-free", "anbncn": "aⁿbⁿcⁿ, context-sensitive"}
    usual_length = 10
    shortest = 2
    loss = "sets"
    test_is_fixed = True
    needed = 1.0

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols, in the order of the features."""
        return (*self.letters, "start", "end")

    @property
    def letters(self) -> tuple[str, ...]:
        """The symbols that strings are made of."""
        return ("a", "b") if self.variant == "anbn" else ("a", "b", "c")

    @property
    def inputs(self) -> int:
        """A feature for each symbol."""
        return len(self.symbols)

    @property
    def outputs(self) -> int:
        """An output for each symbol: whether it may come next."""
        return len(self.symbols)

    @property
    def judged(self) -> int:
        """The greatest n that is judged."""
        return math.ceil(1.5 * self.length)

    @property
    def budget(self) -> Budget:
        """What it is given to be learnt."""
        rates = {"rnn": 3e-3, "irnn": 3e-3}
        return Budget(sequences=100_000, batch=20, hidden_size=8, learning_rate=1e-2, rates=rates)

    @property
    def definition(self) -> str:
        """What is shown and asked."""
        string = self.variants[self.variant].split(",")[0]
        return (
            f"Strings {string} with n from 1 to {self.length}. At every step the network tells which symbols may come next, the "
            f"string’s end among them. Judged are all n up to {self.judged}: it must count beyond what it has seen."
        )

    @property
    def criterion(self) -> str:
        """When a string is right."""
        return "at every step exactly the symbols that may come next have an output above one half"

    @property
    def chance(self) -> float:
        """Nats a step of who knows the symbol before, but no count, over the n that are learnt from."""
        # After an a, an a or a b may follow: no count is needed. After the last letter of a run stands the next symbol, after
        # the others the same letter again: who does not count guesses with a share of 1 in n, at two outputs.
        numbers = np.arange(1, self.length + 1)
        runs = len(self.letters) - 1
        share = len(numbers) / numbers.sum()  # of the letters of a run, those that are the last
        entropy = -(share * math.log(share) + (1 - share) * math.log1p(-share))
        steps = int((1 + len(self.letters) * numbers).sum())
        return float(2 * runs * numbers.sum() * entropy / steps)

    def strings(self, numbers: Integers) -> Batch:
        """Return the strings of these n `[N]`, each at least 1."""
        letters = len(self.letters)
        lengths = 1 + letters * numbers.astype(np.int64)
        steps = int(lengths.max())
        time = np.arange(steps)[:, None]
        run = (time - 1) // numbers  # which run of letters the step belongs to
        alive = time < lengths
        inputs = one_hot(np.where(time == 0, letters, np.clip(run, 0, letters - 1)), self.inputs)
        inputs[~alive] = 0.0
        following = time // numbers  # the run of the symbol after this one
        targets = one_hot(np.where(following < letters, following, letters + 1), self.outputs)
        targets[(time >= 1) & (time <= numbers)] = one_hot(np.array([0, 1]), self.outputs).sum(axis=0)
        targets[~alive] = 0.0
        return Batch(inputs, lengths, targets, alive)

    def batch(self, size: int, rng: np.random.Generator) -> Batch:
        """Draw strings of n from 1 to `length`."""
        return self.strings(rng.integers(1, self.length, size=size, endpoint=True))

    def test(self, size: int, rng: np.random.Generator) -> Batch:
        """Return every string that is judged, once; neither `size` nor chance plays a part, since there are no others."""
        return self.strings(np.arange(1, self.judged + 1))

    def right_steps(self, outputs: Floats, targets: Floats) -> Booleans:
        """Where exactly the right symbols are answered."""
        return ((sigmoid(outputs) > 0.5) == (targets > 0.5)).all(axis=1)

    def further(self, answer: Answer) -> dict[str, Any]:
        """How far it counts: the greatest n up to which all strings are right, tried up to ten times the length."""
        batch = self.strings(np.arange(1, _FARTHEST * self.length + 1))
        wrong = np.flatnonzero(~self.right(answer(batch), batch))
        reach = int(wrong[0]) if len(wrong) else len(batch.lengths)
        return {"counts_to": reach, "counts_to_tried": len(batch.lengths)}
