"""Rules for the fields of a config, and the report of every field that breaks one."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from peephole.errors import PeepholeError, nearest

# A field that is wrong: its path (``stages[2].hidden_size``) and the rule with what was found.
Problem = tuple[str, str]

_SHOWN_PROBLEMS = 20
_SHOWN_CHARACTERS = 60


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a field may hold.

    Attributes:
        text: the rule as a phrase that follows the field's name, such as ``must be a whole number from 1 to 8``.
        allows: whether a value keeps it; given anything that JSON can hold.
        choices: the allowed words, when the rule is a choice; the nearest is offered.
    """

    text: str
    allows: Callable[[Any], bool]
    choices: tuple[str, ...] = ()

    def problem(self, path: str, value: object) -> Problem | None:
        """Return the problem of `value` at `path`, or None where the rule is kept."""
        if self.allows(value):
            return None
        offer = nearest(value, self.choices) if isinstance(value, str) and self.choices else ""
        return path, f"{self.text}; got {shown(value)}{offer}"


def shown(value: object) -> str:
    """Return `repr(value)`, cut after 60 characters: what was found is shown, never printed at length."""
    text = repr(value[: 2 * _SHOWN_CHARACTERS] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def whole(low: int, high: int) -> Rule:
    """A whole number from `low` to `high`, both included."""
    return Rule(
        f"must be a whole number from {low:,} to {high:,}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
    )


def number(low: float, high: float, *, below: bool = False) -> Rule:
    """A finite number from `low` to `high`; `below`: less than `high`."""

    def allows(value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return math.isfinite(value) and low <= value <= high and not (below and value == high)

    return Rule(f"must be a number from {low:g} to {'less than ' if below else ''}{high:g}", allows)


def choice(*words: str) -> Rule:
    """One of a few words."""
    listed = ", ".join(repr(word) for word in words)
    return Rule(
        f"must be one of {listed}", lambda value: isinstance(value, str) and value in words, choices=words
    )


def subset(*words: str) -> Rule:
    """A tuple of one or more of a few words, none of them twice."""

    def allows(value: object) -> bool:
        if not isinstance(value, tuple) or not value:
            return False
        return all(isinstance(word, str) and word in words for word in value) and len(set(value)) == len(
            value
        )

    return Rule(f"must list one or more of {', '.join(map(repr, words))}, each once", allows)


def flag() -> Rule:
    """True or false."""
    return Rule("must be true or false", lambda value: isinstance(value, bool))


def pattern(expression: str, text: str) -> Rule:
    """A string that a regular expression matches whole; `text` says it in words."""
    compiled = re.compile(expression)
    return Rule(text, lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None)


def options() -> Rule:
    """A mapping of a few short strings to short strings."""

    def allows(value: object) -> bool:
        if not isinstance(value, dict) or len(value) > 16:
            return False
        return all(isinstance(word, str) and len(word) <= 64 for pair in value.items() for word in pair)

    return Rule("must map option names to words", allows)


def field_problems(thing: Any, path: str) -> list[Problem]:
    """Return every problem of a dataclass whose fields carry a rule as ``metadata["rule"]``."""
    found = [
        field.metadata["rule"].problem(
            f"{path}.{field.name}" if path else field.name, getattr(thing, field.name)
        )
        for field in dataclasses.fields(thing)
        if "rule" in field.metadata
    ]
    return [problem for problem in found if problem is not None]


def ruled(rule: Rule, **options: Any) -> Any:
    """`dataclasses.field` with a rule; `options` are its `default` and so on."""
    return dataclasses.field(metadata={"rule": rule}, **options)


def refuse(
    error: type[PeepholeError], where: str, problems: Sequence[Problem], *, hint: str | None = None
) -> None:
    """Raise `error` with all problems, each with its place; do nothing when there is none.

    Example:
        >>> from peephole.errors import OptionError
        >>> refuse(OptionError, "config.json", [("stages[2].hidden_size", "must be at least 1; got 0")])
        Traceback (most recent call last):
        peephole.errors.OptionError: config.json, stages[2].hidden_size: must be at least 1; got 0
    """
    if not problems:
        return
    lines = [f"{where}, {path}: {rule}" if path else f"{where}: {rule}" for path, rule in problems]
    if len(lines) == 1:
        raise error(lines[0], hint=hint)
    shown_lines = [f"  {line}" for line in lines[:_SHOWN_PROBLEMS]]
    if len(lines) > _SHOWN_PROBLEMS:
        shown_lines.append(f"  … and {len(lines) - _SHOWN_PROBLEMS} more")
    raise error("\n".join([f"{where}: {len(lines)} problems", *shown_lines]), hint=hint)
