"""What a method returns: a score for each word, and what the method promises of their sum."""

from __future__ import annotations

import dataclasses

import numpy as np

from peephole.insight.explanations.case import Numbers, Spans


@dataclasses.dataclass(frozen=True, eq=False)
class Attribution:
    """Scores of words, in units of the number that is explained.

    Attributes:
        value: the number.
        scores: `[W]` how much each word speaks for it, or, where negative, against it.
        base: what the number is without any word, as the method sees it; None where it has no such thing.
        gap: where the method promises that base and scores add up to the value: the value less their sum. Otherwise None.
        deviation: where the method rests on an identity other than that sum: how far it is off, at most. Otherwise None.
        note: what a reader has to know about this result; may be empty.
    """

    value: float
    scores: Numbers
    base: float | None = None
    gap: float | None = None
    deviation: float | None = None
    note: str = ""


def over_words(numbers: Numbers, spans: Spans) -> Numbers:
    """Return the sum over each word's rows `[W]`, of a number for each row `[T]`.

    Example:
        >>> over_words(np.array([1.0, 2.0, 4.0]), np.array([[0, 1], [1, 3]])).tolist()
        [1.0, 6.0]
    """
    return np.add.reduceat(numbers, spans[:, 0]) if len(spans) else np.zeros(0)
