"""The behaviour suite: short texts written for this project, each with the label that any careful reader gives it."""

from __future__ import annotations

import csv
import functools
import importlib.resources
from dataclasses import dataclass

POSITIVE, NEGATIVE, NEUTRAL = "positive", "negative", "neutral"


@dataclass(frozen=True, slots=True)
class Case:
    """One text of the suite.

    Args:
        text: English, under 40 words.
        label: ``"positive"``, ``"negative"`` or ``"neutral"``.
        capability: what a model must be able to do to judge it, for example ``"distant negation"``.
        kind: how the text asks for it, for example ``"words between"``.
    """

    text: str
    label: str
    capability: str
    kind: str


@functools.cache
def behaviour_suite() -> tuple[Case, ...]:
    """Return the texts of the suite, in the order of its file.

    Within each kind of each capability there are as many positive as negative texts, so that an answer that does
    not depend on the text is right in half of them; the neutral texts are a capability of their own.

    >>> case = behaviour_suite()[0]
    >>> case.capability, case.kind, case.label, case.text
    ('vocabulary', 'adjective', 'positive', 'A wonderful film from the first minute to the last.')
    """
    file = importlib.resources.files("peephole.evaluation.behaviour").joinpath("suite.csv")
    rows = csv.DictReader(file.read_text("utf-8").split("\n"))  # no text of the suite holds a line end
    return tuple(Case(row["text"], row["label"], row["capability"], row["kind"]) for row in rows)
