"""How a gradient fades with distance: survival curves and the gradient half-life."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from peephole.insight.network import Array
from peephole.insight.order import reading_order
from peephole.ops import Sequences


@dataclasses.dataclass(frozen=True, eq=False)
class Survival:
    """S(k) = G_{T−k} / G_T: what the gradient's norm k steps before the last one read is, relative to that there.

    Attributes:
        median: `[K]` over the sequences that are longer than k; S(0) is 1. K is the length of the longest that has a say.
        lower: `[K]` the first quartile.
        upper: `[K]` the third.
    """

    median: Array
    lower: Array
    upper: Array

    @property
    def half_life(self) -> float:
        """Steps in which the gradient halves: ln 2 / −λ, with λ the slope of log median S(k) through S(0) = 1, least squares.

        Infinite where it does not fade; 0 where nothing is left one step back; NaN where there is no step back.
        """
        curve = self.median[1:]
        if not len(curve) or np.isnan(curve).any():
            return math.nan
        if not (curve > 0).all():
            curve = curve[: int(np.argmin(curve > 0))]  # up to where nothing is left
            if not len(curve):
                return 0.0
        k = np.arange(1, len(curve) + 1)
        slope = float((k * np.log(curve)).sum() / (k * k).sum())
        return math.log(2) / -slope if slope < 0 else math.inf


def survival(norms: Array, sequences: Sequences, *, reverse: bool = False) -> Survival:
    """Return how gradient norms of steps, packed `[R]`, fade with the distance from the last step that was read.

    Sequences whose norm is zero or infinite at their last step are left out: for them it has no meaning.
    Growth beyond all numbers is the largest number.

    Args:
        norms: at least 0.
        sequences: the lengths.
        reverse: whether sequences are read from their ends, so that the last step read is the first of the text.

    Example:
        >>> found = survival(np.array([0.25, 0.5, 1.0]), Sequences.from_lengths([3]))
        >>> found.median.tolist(), found.half_life
        ([1.0, 0.5, 0.25], 1.0)
    """
    longest = int(sequences.lengths.max()) if len(sequences.lengths) else 0
    table = np.full((len(sequences.lengths), longest), np.nan)
    for n, rows in reading_order(sequences, reverse):
        if len(rows) and 0 < norms[rows[-1]] < math.inf:
            with np.errstate(over="ignore"):
                fading = norms[rows[::-1]] / norms[rows[-1]]
            table[n, : len(rows)] = np.minimum(fading, np.finfo(np.float64).max)
    table = table[~np.isnan(table[:, 0])] if longest else table[:0]
    if not len(table):
        empty = np.full(longest, np.nan)
        return Survival(empty, empty, empty)
    table = table[:, ~np.isnan(table).all(axis=0)]  # no further than the longest that is left in
    lower, median, upper = np.nanquantile(table, [0.25, 0.5, 0.75], axis=0)
    return Survival(median, lower, upper)
