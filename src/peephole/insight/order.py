"""Steps in the order in which a track reads them."""

from __future__ import annotations

from collections.abc import Iterator

from peephole.ops import Sequences
from peephole.ops.sequences import Integers


def reading_order(sequences: Sequences, reverse: bool) -> Iterator[tuple[int, Integers]]:
    """Yield each sequence's position in the batch with its packed rows, the first one read first.

    Example:
        >>> [(n, rows.tolist()) for n, rows in reading_order(Sequences.from_lengths([1, 2]), reverse=True)]
        [(0, [1]), (1, [2, 0])]
    """
    for n in range(len(sequences.lengths)):
        rows = sequences.rows_of(n)
        yield n, rows[::-1] if reverse else rows
