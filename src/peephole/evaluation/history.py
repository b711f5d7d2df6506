"""The learning curve that training left in a model's config, checked: the config may come from a stranger."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

from peephole.classifier.rules import Problem, Rule, refuse, shown
from peephole.errors import ModelError, nearest

if TYPE_CHECKING:
    from peephole.classifier import Classifier

_WHERE = "metrics.learning_curve"


def _number(low: float, high: float, text: str) -> Rule:
    def allows(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return low <= value <= high

    return Rule(text, allows)


_SHARE = _number(0, 1, "must hold numbers from 0 to 1")
_AMOUNT = _number(0, sys.float_info.max, "must hold finite numbers of at least 0")

COLUMNS = {
    "epoch": _AMOUNT,
    "step": _AMOUNT,
    "loss": _AMOUNT,
    "development_log_loss": _AMOUNT,
    "development_accuracy": _SHARE,
    "development_macro_f1": _SHARE,
    "seconds": _AMOUNT,
    "tokens_per_second": _AMOUNT,
}
"""What a learning curve may hold; losses in nats."""


def learning_history(classifier: Classifier) -> list[dict[str, float]] | None:
    """Return the learning curve that training left with a classifier, one dict for each pass; None where there is none.

    Raises:
        ModelError: the curve has an unknown column, columns of unequal length, or something that is no number or out of
            range; every column at fault is named.
    """
    curve = classifier.config.metrics.get("learning_curve")
    if curve is None:
        return None
    if not isinstance(curve, dict):
        raise ModelError(f"config.json, {_WHERE}: must be an object of columns; got {shown(curve)}")
    refuse(ModelError, "config.json", [problem for name in curve for problem in _problems(name, curve)])
    columns = cast("dict[str, list[float]]", curve)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _problems(name: str, curve: dict[str, Any]) -> list[Problem]:
    """Return what is wrong with one column: at most one problem."""
    path, values, rule = f"{_WHERE}.{name[:60]}", curve[name], COLUMNS.get(name)
    if rule is None:
        return [(path, f"is no column of a learning curve{nearest(name, COLUMNS)}")]
    if not isinstance(values, list):
        return [(path, f"must be a list of numbers; got {shown(values)}")]
    for index, value in enumerate(values):
        if not rule.allows(value):
            return [(path, f"{rule.text}; got {shown(value)} at [{index}]")]
    first = next(iter(curve))
    if isinstance(curve[first], list) and len(values) != len(curve[first]):
        return [(path, f"must be as long as {first}, {len(curve[first]):,}; got {len(values):,} numbers")]
    return []
