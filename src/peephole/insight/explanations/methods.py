"""The methods by name: what each does, what it promises, and for how long a text it can be used."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from peephole.equations.split import BiasRule
from peephole.insight.explanations.attribution import Attribution
from peephole.insight.explanations.case import Case
from peephole.insight.explanations.conveyed import conveyed
from peephole.insight.explanations.decomposition import decompose
from peephole.insight.explanations.integrated import integrated_gradients
from peephole.insight.explanations.leave_out import leave_out
from peephole.insight.explanations.shapley import MOST_PAIRS, shapley
from peephole.insight.explanations.units import grouped, spans_of, spread, units_of

# The values of every step are in memory for these methods, some ten kilobytes a token.
MOST_TRACED_TOKENS = 8192
_ROWS = 300_000  # steps of phrases that are decomposed, at most


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to explain.

    Attributes:
        name: what `explain` calls it.
        summary: what a score is, in a sentence.
        sums: whether base and scores add up to the value.
        traced: whether it needs every value of every step, and so a text of at most 8,192 tokens.
        run: what it does.
    """

    name: str
    summary: str
    sums: bool
    traced: bool
    run: Callable[[Case], Attribution] = dataclasses.field(repr=False)


def decomposition(case: Case, rule: BiasRule = "first") -> Attribution:
    """Return β of each word: what it gives by itself, in its place; see `decompose`.

    Words do not add up to the value: what they do to each other belongs to phrases. A long text is cut into groups of words, so
    that 300,000 steps are decomposed at most; the words of a group share its score evenly.
    """
    words = len(case.spans)
    units = units_of(words, max(20, _ROWS // max(1, case.steps)))
    found = decompose(case, spans_of(units, case.spans), rule=rule)
    note = "each word by itself; phrases have what words do to each other" + grouped(units, words)
    base = float(found.bases[0]) if rule == "first" and len(found.bases) else None
    return Attribution(found.value, spread(found.scores, units, words), base, None, found.deviation, note)


_METHODS = (
    Method(
        "decomposition",
        "what a word gives by itself, by contextual decomposition of every state and gate",
        sums=False, traced=True, run=decomposition,
    ),
    Method(
        "integrated-gradients",
        "the gradient in a word's vectors along a straight line from vectors of zeros, times the way",
        sums=True, traced=False, run=integrated_gradients,
    ),
    Method(
        "leave-one-out",
        "by how much the answer falls when a word's tokens are deleted",
        sums=False, traced=False, run=leave_out,
    ),
    Method(
        "shapley",
        "what the answer loses when a word's tokens are deleted, on average over orders of deleting all words",
        sums=True, traced=False, run=shapley,
    ),
    Method(
        "conveyor",
        "what is left of a word's write on the last layer's conveyor, as the head reads it",
        sums=True, traced=True, run=conveyed,
    ),
)  # fmt: skip

METHODS: dict[str, Method] = {method.name: method for method in _METHODS}
DEFAULT = "shapley"  # docs/explanation/explanations.md has the measurement
LONG = "integrated-gradients"  # where the default would have to take words in groups, or a text is too long for a traced method


def methods() -> tuple[Method, ...]:
    """Return the methods that `explain` knows, the default one first.

    Example:
        >>> [method.name for method in methods() if method.sums]
        ['shapley', 'integrated-gradients', 'conveyor']
    """
    return tuple(sorted(_METHODS, key=lambda method: method.name != DEFAULT))


def default_for(case: Case) -> str:
    """Return the method for a case that measured best: `DEFAULT` while it gives each word a score of its own, `LONG` beyond."""
    return DEFAULT if len(case.spans) * case.steps <= MOST_PAIRS else LONG


def attribute(case: Case, method: str) -> Attribution:
    """Return a method's scores for a case; see `METHODS` for the names. Sums are in float64."""
    if not len(case.spans):  # nothing to share out: all of the number is the base
        gap = 0.0 if METHODS[method].sums else None
        return Attribution(case.value, np.zeros(0), case.value, gap, note="no words")
    found = METHODS[method].run(case)
    assert found.scores.dtype == np.float64
    return found
