"""Words one by one, or in groups of neighbours where a text is too long for that."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from peephole.insight.explanations.case import Numbers, Spans
from peephole.ops.sequences import Integers


def units_of(words: int, most: int) -> list[Integers]:
    """Return the positions of the words in each of at most `most` groups of neighbours, as equal as can be.

    Example:
        >>> [unit.tolist() for unit in units_of(5, 2)], len(units_of(3, 100))
        ([[0, 1, 2], [3, 4]], 3)
    """
    if not words:
        return []
    return np.array_split(np.arange(words), min(words, max(1, most)))


def spans_of(units: Sequence[Integers], spans: Spans) -> Spans:
    """Return the first row of each group and the one after its last `[U, 2]`, from those of the words."""
    return np.array([[spans[unit[0], 0], spans[unit[-1], 1]] for unit in units], np.int64).reshape(-1, 2)


def grouped(units: Sequence[Integers], words: int) -> str:
    """Return what to add to a method's note: that words were taken in groups; nothing where each is one by itself.

    Example:
        >>> grouped(units_of(5, 2), 5), grouped(units_of(5, 9), 5)
        ('; in 2 groups of words, since the text is long', '')
    """
    return f"; in {len(units)} groups of words, since the text is long" if len(units) < words else ""


def spread(scores: Numbers, units: Sequence[Integers], words: int) -> Numbers:
    """Return scores of words `[W]` that share each group's score `[U]` evenly."""
    found = np.zeros(words)
    for unit, score in zip(units, scores.tolist(), strict=True):
        found[unit] = score / len(unit)
    return found


def gathered(scores: Numbers, units: Sequence[Integers]) -> Numbers:
    """Return the sum of the words' scores `[U]` in each group."""
    return np.array([scores[unit].sum() for unit in units])
