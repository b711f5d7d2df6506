"""Shapley values by sampling: words are deleted in many orders, and each gets the mean of what the answer then loses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from peephole.insight.explanations.attribution import Attribution
from peephole.insight.explanations.case import Case
from peephole.insight.explanations.units import grouped, spread, units_of
from peephole.ops.sequences import Integers

MOST_ORDERS, LEAST_ORDERS = 32, 4
_TOKENS = 30_000  # that are run in all, where the fewest orders do not take more
MOST_PAIRS = 100_000  # words times tokens, at most; in a longer text words are taken in groups, of which there are at least 20
_LEAST_UNITS = 20


def shapley(case: Case, *, orders: int | None = None, seed: int = 0) -> Attribution:
    """Return what the number loses when a word's tokens are deleted, on average over the orders of deleting all words.

    Unlike in leaving one word out, words that say the same share what they are worth: half of the time, the other is gone
    already. Scores and base, the number of an empty text, add up to the value exactly, in every order and so in the mean. Orders
    are drawn in pairs, one the reverse of the other. A long text is cut into groups of words, which share their score evenly.

    Args:
        case: what is explained.
        orders: how many, at least 1; None: 4 to 32, so that 30,000 tokens are run where that many do.
        seed: what they are drawn from.

    Source: Shapley 1953; sampled as Castro, Gómez & Tejada (Computers & Operations Research 36, 2009), algorithm 1; in pairs as
        Mitchell et al. (JMLR 23, 2022), section 4.1.
    """
    words, steps = len(case.spans), max(1, case.steps)
    units = units_of(words, max(_LEAST_UNITS, MOST_PAIRS // steps))
    count = orders or int(np.clip(2 * _TOKENS // (max(1, len(units)) * steps), LEAST_ORDERS, MOST_ORDERS))
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(len(units)) for _ in range((count + 1) // 2)]
    drawn = np.array([order for one in drawn for order in (one, one[::-1])][:count])
    # Of all orders together, so that many texts of like length are run side by side.
    left = case.without(gone for order in drawn for gone in _deleted_one_by_one(units, order))
    numbers = case.number(case.outputs_of(left)).reshape(count, len(units) + 1)
    lost = np.zeros((count, len(units)))
    np.put_along_axis(lost, drawn, numbers[:, :-1] - numbers[:, 1:], axis=1)
    value, base = float(numbers[0, 0]), float(numbers[0, -1])
    scores = spread(lost.mean(axis=0), units, words)
    error = lost.std(axis=0) / np.sqrt(max(1, count - 1))
    note = (
        f"{count} orders of deleting; standard error of a score {float(error.max(initial=0.0)):.2g} at most"
    )
    gap = value - base - float(scores.sum())
    return Attribution(value, scores, base, gap, note=note + grouped(units, words))


def _deleted_one_by_one(units: Sequence[Integers], order: Integers) -> Iterator[Integers]:
    """The words that are gone before any, after the first, … and after all units of an order are deleted."""
    words = np.concatenate([order[:0], *(units[unit] for unit in order.tolist())])
    for end in np.cumsum([0, *(len(units[unit]) for unit in order.tolist())]).tolist():
        yield words[:end]
