"""What reading hands out, and how it counts what it cannot hand out.

A format's reader yields `Row`s and `Problem`s in the order of the file; `stream.py` turns the rows into
`Record`s and the problems into one error, or into a count of what was skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from peephole.errors import DataError


@dataclass(frozen=True, slots=True)
class Record:
    """One text and what is known about it.

    Args:
        text: the text exactly as it stands in the source; never cut, stripped or normalised.
        label: the label's name, or None where there is none. A number is written in its shortest form
            (``"1"`` for 1, 1.0, +1 and "01"), so that sources agree.
        group: the value of the group column, or None where none was asked for.
        place: where it stands, for messages: ``"reviews.csv, row 1042"``.
        fields: the other columns that were asked for, by column name.

    Example:
        >>> Record("Great.", "positive", None, "reviews.csv, row 1")
        Record(text='Great.', label='positive', group=None, place='reviews.csv, row 1', fields={})
    """

    text: str
    label: str | None
    group: str | None
    place: str
    fields: Mapping[str, str] = field(default_factory=dict[str, str])


class Number(str):
    """A number that a format stored as a number, in its own spelling (JSON's 3 is not the text "3")."""

    __slots__ = ()


class Layout(NamedTuple):
    """The columns of one source that will be looked at, by their names there.

    Args:
        text: the column of the texts.
        label: the column of the labels, or None.
        group: the column of the groups, or None.
    """

    text: str
    label: str | None = None
    group: str | None = None


class Row(NamedTuple):
    """One record as its format holds it: a value is a str, a `Number`, a bool, None, or what should not be."""

    place: str
    layout: Layout
    cells: Mapping[str, object]


class Fault(NamedTuple):
    """What is wrong with one value or line; its place is the caller's to add.

    Args:
        rule: what is wrong, with names and values.
        reason: the kind of problem in two words; problems are counted by it.
        byte: offset of the first bad byte from the start of the uncompressed file, if it is one.
        hint: what to do about it.
    """

    rule: str
    reason: str
    byte: int | None = None
    hint: str | None = None


class Problem(NamedTuple):
    """A fault with its place.

    Args:
        place: the source, and the row or line in it.
        rule: as in `Fault`.
        reason: as in `Fault`.
        hint: as in `Fault`.
        skippable: True for a bad record in a good source, False for a source that cannot be used.
    """

    place: str
    rule: str
    reason: str
    hint: str | None = None
    skippable: bool = True


Item: TypeAlias = "Row | Problem"


def problem_at(place: str, fault: Fault) -> Problem:
    """Give a record's fault its place; a bad byte's offset is part of the place."""
    where = place if fault.byte is None else f"{place}, byte {fault.byte}"
    return Problem(where, fault.rule, fault.reason, fault.hint)


class Unreadable(Exception):
    """A source cannot be read, or not any further. Carries the problem to report."""

    def __init__(self, place: str, rule: str, reason: str, hint: str | None = None) -> None:
        super().__init__(place, rule)
        self.problem = Problem(place, rule, reason, hint, skippable=False)


class Tally:
    """How many problems there were, of which kinds, and the first of them.

    Its size does not grow with the number of problems.

    Args:
        total: all problems (or all records skipped), in number.
        reasons: the number of each kind: ``{"empty text": 2, "bad byte": 1}``.
        first: the first twenty.
    """

    kept = DataError.shown

    def __init__(self) -> None:
        self.total = 0
        self.reasons: dict[str, int] = {}
        self.first: list[Problem] = []

    def add(self, problem: Problem) -> None:
        """Count one problem, and keep it if it is among the first."""
        self.total += 1
        self.reasons[problem.reason] = self.reasons.get(problem.reason, 0) + 1
        if len(self.first) < self.kept:
            self.first.append(problem)

    def __str__(self) -> str:
        """Return ``"2 empty text, 1 bad byte"``, in order of first appearance."""
        return ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.items())

    def __repr__(self) -> str:
        return f"Tally(total={self.total}, reasons={self.reasons})"


def shown(value: object, limit: int = 60) -> str:
    """Return `value` as a message quotes it: escaped, and at most about `limit` characters long.

    Example:
        >>> shown("a" * 100, limit=10)
        "'aaaaaaaaaa…'"
    """
    if isinstance(value, Number):
        return str(value) if len(value) <= limit else f"{value[:limit]}…"
    if isinstance(value, str) and len(value) > limit:
        return repr(value[:limit] + "…")
    return repr(value)


def listed(names: list[str] | tuple[str, ...], limit: int = 12) -> str:
    """Return the names quoted and separated by commas, the first `limit` of them.

    Example:
        >>> listed(["a", "b", "c"], limit=2)
        "'a', 'b' and 1 more"
    """
    text = ", ".join(shown(name) for name in names[:limit])
    return f"{text} and {len(names) - limit} more" if len(names) > limit else text


def printable(path: str) -> str:
    """Return a path with what a terminal would act on, or could not print, escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in path
    )
