"""How much each text counts, from a column of the data: 2 as if the text stood there twice, 0 as if it were not there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from peephole.errors import DataError
from peephole.reading import Record

SMALLEST, LARGEST = 1e-9, 1e9


def without_weightless(records: Sequence[Record], column: str | None) -> list[Record]:
    """Return the records whose weight is not 0, in their order; all of them where no column holds weights.

    Args:
        records: with the column in their fields.
        column: the one of the weights, or None.

    Raises:
        DataError: a weight is no number, negative, or far too large or small; every one is listed with its place.

    Example:
        >>> records = [Record("A.", "x", None, f"row {n}", {"times": str(n)}) for n in range(3)]
        >>> [record.place for record in without_weightless(records, "times")]
        ['row 1', 'row 2']
    """
    if column is None:
        return list(records)
    kept: list[Record] = []
    problems: list[tuple[str, str]] = []
    for record in records:
        weight = _weight(record.fields[column])
        if weight is None:
            rule = (
                f"must be 0 or a number from {SMALLEST:g} to {LARGEST:g}; got {record.fields[column]!r:.40}"
            )
            problems.append((record.place, f"column {column!r} {rule}"))
        elif weight:
            kept.append(record)
    if problems:
        raise DataError(f"train: {len(problems):,} weights cannot be used", problems=problems)
    return kept


def weights_of(
    records: Sequence[Record], column: str | None, unlabelled: int = 0
) -> NDArray[np.float32] | None:
    """Return how much each record counts `[records + unlabelled]`, or None where all count alike.

    Args:
        records: those of `without_weightless`.
        column: the one of the weights, or None.
        unlabelled: how many texts without a label follow; each counts 1.

    Example:
        >>> records = [Record("A.", "x", None, f"row {n}", {"times": str(n)}) for n in (1, 2)]
        >>> weights_of(records, "times", unlabelled=1).tolist(), weights_of(records[:1], "times")
        ([1.0, 2.0, 1.0], None)
    """
    if column is None:
        return None
    weights = [float(record.fields[column]) for record in records] + [1.0] * unlabelled
    found = np.array(weights, dtype=np.float32)
    return None if (found == found[:1]).all() else found


def _weight(value: str) -> float | None:
    """Return the number, or None where there is none or it is out of range."""
    try:
        weight = float(value)
    except ValueError:
        return None
    return weight if weight == 0 or SMALLEST <= weight <= LARGEST else None
