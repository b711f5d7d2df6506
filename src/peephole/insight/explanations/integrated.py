"""Integrated gradients: the gradient along a straight line from an input without any word to the text."""

from __future__ import annotations

import numpy as np

from peephole.insight.explanations.attribution import Attribution, over_words
from peephole.insight.explanations.case import Case
from peephole.insight.network import Array

TOLERANCE = 0.01  # of |F(x) − F(x')|
FIRST_POINTS, MOST_POINTS = 16, 512
_TOKENS = 500_000  # times points, at most, where that leaves 4 points or more
_LEAST_POINTS = 4


def integrated_gradients(
    case: Case, *, baseline: Array | None = None, tolerance: float = TOLERANCE, most_points: int = MOST_POINTS
) -> Attribution:
    """Return (x − x') · ∫ ∇F(x' + a (x − x')) da of each word, summed over its tokens and their vectors' elements.

    F is the number that is explained. The integral is taken by Gauss and Legendre's rule; the number of points doubles until
    scores and base leave out at most `tolerance` of |F(x) − F(x')|, or there are `most_points`. The gap says how much is left
    out. The baseline has as many tokens as the text: lengths are not interpolated.

    Args:
        case: what is explained.
        baseline: x' `[T, D]`; None: vectors of zeros.
        tolerance: above 0.
        most_points: at least 1. A long text has fewer: 500,000 by the number of its tokens, but at least 4.

    Source: Sundararajan, Taly & Yan, "Axiomatic attribution for deep networks" (ICML 2017), eq. 1.
    """
    start = np.zeros_like(case.rows) if baseline is None else np.ascontiguousarray(baseline, case.rows.dtype)
    way = case.rows - start
    most = max(_LEAST_POINTS, min(most_points, _TOKENS // max(1, case.steps)))
    value = float(case.number(case.outputs_of([np.arange(case.steps)]))[0])
    ((base, _),) = case.gradients([start])
    points = min(FIRST_POINTS, most)
    while True:
        where, share = np.polynomial.legendre.leggauss(points)
        rows = (start + way * way.dtype.type(0.5 + 0.5 * at) for at in where)
        total = np.zeros(case.steps)
        for part, at in zip(case.gradients(rows), share.tolist(), strict=True):
            total += 0.5 * at * (part[1].astype(np.float64) * way).sum(axis=1)
        gap = value - base - float(total.sum())
        if abs(gap) <= tolerance * abs(value - base) or points >= most:
            break
        points = min(2 * points, most)
    note = (
        f"{points} points from vectors of zeros"
        if baseline is None
        else f"{points} points from the given vectors"
    )
    scores = over_words(total, case.spans)
    if abs(gap) > tolerance * abs(value - base):
        note += f"; more than {100 * tolerance:g} % of the change is left out"
    return Attribution(value, scores, base, gap, note=note)
