"""The columns of a page's figures: a step each, and of a long text one column that stands for its middle."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole.classifier.pieces import Word

Array = npt.NDArray[np.floating[Any]]
MOST = 512  # steps of a text that have a column each


@dataclasses.dataclass(frozen=True, eq=False)
class Columns:
    """Which steps stand in which column.

    Attributes:
        edges: `[K + 1]` column k holds the steps from edges[k] to edges[k + 1].
        gap: the column that stands for many steps, or None.
    """

    edges: npt.NDArray[np.int64]
    gap: int | None

    @property
    def count(self) -> int:
        """K."""
        return len(self.edges) - 1

    @property
    def steps(self) -> int:
        """T, steps of the text."""
        return int(self.edges[-1])

    @property
    def hidden(self) -> range:
        """The steps that share a column."""
        return (
            range(0) if self.gap is None else range(int(self.edges[self.gap]), int(self.edges[self.gap + 1]))
        )

    def mean(self, rows: Array) -> Array:
        """Return the mean of each column's rows: `[T, …]` → `[K, …]`."""
        if self.gap is None:
            return rows
        sizes = np.diff(self.edges).reshape(-1, *[1] * (rows.ndim - 1))
        return np.add.reduceat(rows, self.edges[:-1], axis=0) / sizes

    def last(self, rows: Array, reverse: bool) -> Array:
        """Return the row of each column that is read last."""
        return rows[self.edges[:-1] if reverse else self.edges[1:] - 1]

    def at(self, step: int) -> int:
        """Return the column of a step in [0, T]; K for T."""
        return int(np.searchsorted(self.edges, step, side="right")) - 1


def columns_of(steps: int, most: int = MOST) -> Columns:
    """Return the columns of a text of T steps: of more than `most`, its beginning and end, and its middle as one.

    Example:
        >>> columns_of(3).edges.tolist(), columns_of(1000, most=4).edges.tolist()
        ([0, 1, 2, 3], [0, 1, 2, 998, 999, 1000])
    """
    if steps <= most:
        return Columns(np.arange(steps + 1), None)
    half = most // 2
    return Columns(np.concatenate([np.arange(half + 1), np.arange(steps - half, steps + 1)]), half)


@dataclasses.dataclass(frozen=True)
class Place:
    """A word, or the words of the middle together, and their columns.

    Attributes:
        words: positions of the words.
        first: the first column.
        end: the column after the last.
        is_gap: whether it stands for the words of the middle.
    """

    words: range
    first: int
    end: int
    is_gap: bool = False


def places_of(words: Sequence[Word], columns: Columns) -> list[Place]:
    """Return where each word stands, in order; those whose steps all lie in the middle are one.

    Example:
        >>> words = [Word(str(n), n, n + 1, n, n + 1) for n in range(6)]
        >>> [(list(place.words), place.first, place.end) for place in places_of(words, columns_of(6, most=2))]
        [([0], 0, 1), ([1, 2, 3, 4], 1, 2), ([5], 2, 3)]
    """
    hidden = columns.hidden
    inside = [
        n for n, word in enumerate(words) if word.first >= hidden.start and word.end <= hidden.stop and hidden
    ]
    merged = range(inside[0], inside[-1] + 1) if inside else range(0)
    found: list[Place] = []
    for n, word in enumerate(words):
        if n in merged:
            if n == merged.start and columns.gap is not None:
                found.append(Place(merged, columns.gap, columns.gap + 1, True))
            continue
        first, end = columns.at(word.first), columns.at(word.end)
        if first == columns.gap and word.first > hidden.start:
            first += 1  # it begins in the middle, whose column is not its own
        found.append(Place(range(n, n + 1), first, end))
    return found
