"""Shapley values by sampling: words are deleted in many orders, and each gets the mean of what the answer then loses."""

from __future__ import annotations

import numpy as np

from peephole.insight.explanations.attribution import Attribution
from peephole.insight.explanations.case import Case
from peephole.insight.explanations.units import grouped, spread, units_of

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
    drawn = [order for one in drawn for order in (one, one[::-1])][:count]
    total, square = np.zeros(len(units)), np.zeros(len(units))
    value = base = 0.0
    for order in drawn:
        gone = [order[:end] for end in range(len(order) + 1)]
        words_gone = [
            np.concatenate([units[unit] for unit in one.tolist()]) if len(one) else order[:0] for one in gone
        ]
        numbers = case.number(case.outputs_of(case.without(words_gone)))
        value, base = float(numbers[0]), float(numbers[-1])
        lost = np.zeros(len(units))
        lost[order] = numbers[:-1] - numbers[1:]
        total, square = total + lost, square + lost * lost
    mean = total / count
    scores = spread(mean, units, words)
    error = np.sqrt(np.maximum(square / count - mean * mean, 0.0) / max(1, count - 1))
    note = (
        f"{count} orders of deleting; standard error of a score {float(error.max(initial=0.0)):.2g} at most"
    )
    gap = value - base - float(scores.sum())
    return Attribution(value, scores, base, gap, note=note + grouped(units, words))
