"""Leaving one word out: the text without the word is run again."""

from __future__ import annotations

import numpy as np

from peephole.insight.explanations.attribution import Attribution
from peephole.insight.explanations.case import Case
from peephole.insight.explanations.units import grouped, spread, units_of

_TOKENS = 4_000_000  # that are run in all, at most


def leave_out(case: Case) -> Attribution:
    """Return by how much the number falls when a word's tokens are deleted.

    Deleted, not replaced: the words on both sides become neighbours. The differences do not add up to anything, since words that
    say the same are worth little one by one. A long text is cut into groups of words, so that four million tokens are run at
    most; the words of a group share its difference evenly.

    Source: Li, Monroe & Jurafsky, "Understanding neural networks through representation erasure" (2016), eq. 1, which divides by
        the value; we do not.
    """
    units = units_of(len(case.spans), _TOKENS // max(1, case.steps))
    kept = [np.arange(case.steps), *case.without(units)]
    numbers = case.number(case.outputs_of(kept))
    value = float(numbers[0])
    words = len(case.spans)
    scores = spread(value - numbers[1:], units, words)
    return Attribution(value, scores, note="tokens deleted" + grouped(units, words))
