"""The behaviour suite: negation, contrast and their like, judged by capability on short texts written for it."""

from __future__ import annotations

from peephole.evaluation.behaviour.judging import (
    CERTAIN,
    FAILURE_COLUMNS,
    Behaviour,
    Capability,
    Failure,
    PassRate,
    Scorer,
    judge_behaviour,
    neutral_rule,
)
from peephole.evaluation.behaviour.page import behaviour_text
from peephole.evaluation.behaviour.polarity import Polarity, find_polarity
from peephole.evaluation.behaviour.suite import Case, behaviour_suite

__all__ = [
    "CERTAIN",
    "FAILURE_COLUMNS",
    "Behaviour",
    "Capability",
    "Case",
    "Failure",
    "PassRate",
    "Polarity",
    "Scorer",
    "behaviour_suite",
    "behaviour_text",
    "find_polarity",
    "judge_behaviour",
    "neutral_rule",
]
