"""What one setting of the recipe means and may hold, and the check of a value against it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from peephole.errors import nearest


@dataclass(frozen=True, slots=True)
class Setting:
    """What a field of the recipe means and may hold; the reference page is made from these.

    Args:
        meaning: one line for a reader.
        unit: unit of the number, or ``""``.
        low, high: smallest and largest legal number, both legal themselves unless `above` is set.
        above: True when `low` itself is not legal.
        choices: legal words, for a setting that is a word or a list of words.
        optional: True when None is legal and means "chosen from the size of the corpus" or "no limit".

    Example:
        >>> Setting("largest norm of a gradient", low=0, above=True).range
        'above 0'
    """

    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    above: bool = False
    choices: tuple[str, ...] = ()
    optional: bool = False

    @property
    def range(self) -> str:
        """The legal values in words, for messages and the reference page."""
        if self.choices:
            return "one of " + ", ".join(repr(choice) for choice in self.choices)
        parts: list[str] = []
        if self.low is not None:
            parts.append(f"{'above' if self.above else 'at least'} {self.low:g}")
        if self.high is not None:
            parts.append(f"at most {self.high:g}")
        return " and ".join(parts) or "any"


def setting(default: Any, meaning: str, **limits: Any) -> Any:
    """Declare a field of a dataclass together with its `Setting`."""
    metadata = {"setting": Setting(meaning, **limits)}
    if default == {}:
        return dataclasses.field(default_factory=dict[str, str], metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def problem_with(field: dataclasses.Field[Any], value: Any) -> str | None:
    """Return what is wrong with a field's value as ``<rule>; got <value>``, or None when nothing is."""
    rule: Setting = field.metadata["setting"]
    kind = str(field.type).split(" |")[0]
    if value is None:
        return None if rule.optional else "must be given; got None"
    if kind == "bool":
        return None if isinstance(value, bool) else f"must be true or false; got {value!r}"
    if kind in {"int", "float"}:
        return _problem_with_number(rule, value, whole=kind == "int")
    if kind.startswith("tuple"):
        if not isinstance(value, tuple) or not value:
            return f"must be a list of words, each {rule.range}; got {value!r}"
        words = cast("tuple[Any, ...]", value)
        return next((problem for word in words if (problem := _problem_with_word(rule, word))), None)
    if kind.startswith("Mapping"):
        if not isinstance(value, Mapping):
            return f"must map words to words; got {value!r}"
        words = [word for pair in cast("Mapping[Any, Any]", value).items() for word in pair]
        return (
            None
            if all(isinstance(word, str) for word in words)
            else f"must map words to words; got {value!r}"
        )
    return _problem_with_word(rule, value)


def _problem_with_number(rule: Setting, value: Any, *, whole: bool) -> str | None:
    problem = f"must be a {'whole ' if whole else ''}number, {rule.range}; got {value!r}"
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        return problem
    if not math.isfinite(value):
        return problem
    if rule.low is not None and (value <= rule.low if rule.above else value < rule.low):
        return problem
    return problem if rule.high is not None and value > rule.high else None


def _problem_with_word(rule: Setting, value: Any) -> str | None:
    if not isinstance(value, str):
        return f"must be a word; got {value!r}"
    if rule.choices and value not in rule.choices:
        return f"must be {rule.range}; got {value!r}{nearest(value, rule.choices)}"
    return None
