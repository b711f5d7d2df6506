"""Numbers over seeds: how they are told."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from peephole.studies.measures import Numbers


def middle(values: Sequence[float | None]) -> float:
    """Return the median, None standing for infinity.

    >>> middle([1.0, None, 3.0])
    3.0
    """
    return float(np.median([math.inf if value is None else value for value in values]))


def told(values: Sequence[float | None], *, scale: float = 1.0, never: str = "∞") -> str:
    """Return the median and the range in brackets, with as many digits as three that count need.

    Args:
        values: one for each seed; None stands for infinity.
        scale: what they are multiplied by.
        never: what stands for infinity.

    >>> told([0.91, 1.0, 1.23456]), told([25.04, 31.2, None]), told([4.0, 4.0]), told([2.7e-5, 3.1e-5, 3.0e-5])
    ('1 (0.91–1.23)', '31.2 (25–∞)', '4', '3e-5 (2.7e-5–3.1e-5)')
    """
    found = [math.inf if value is None else scale * value for value in values]
    low, high = _digits(min(found), never), _digits(max(found), never)
    median = _digits(float(np.median(found)), never)
    return median if low == high else f"{median} ({low}–{high})"


def _digits(value: float, never: str) -> str:
    if math.isinf(value):
        return never
    text = f"{value:.3g}"
    if "e" in text or (value and abs(value) < 1e-3):
        if abs(value) >= 1000:
            return f"{value:,.0f}"
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    return text


def column(rows: Sequence[Sequence[float | None]], place: int) -> Numbers:
    """Return one place of each row.

    >>> column([[1.0, 2.0], [3.0, 4.0]], 1)
    [2.0, 4.0]
    """
    return [row[place] for row in rows]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table.

    >>> table(["a", "b"], [["1", "2"]])
    ['| a | b |', '|---|---|', '| 1 | 2 |']
    """
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]
