"""Which column holds what: found by its usual name, or given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from peephole.errors import nearest
from peephole.reading.records import Layout, Problem, listed

LabelMode: TypeAlias = Literal["required", "optional", "absent"]

TEXT_NAMES = ("text", "review", "sentence", "content")
LABEL_NAMES = ("label", "sentiment", "class", "target")


@dataclass(frozen=True)
class Request:
    """What the caller wants of each record.

    Args:
        text: the text column's name, or None to find it.
        label: the label column's name, or None to find it.
        group: the group column's name, or None for no groups.
        group_optional: whether a source may lack the group column; its records then have no group.
        extra: further columns to hand out in `Record.fields`.
        where: column name to value: rows with another value are left out.
        labels: whether a record must have a label, may have one, or is not looked at for one.
        whole: whether a row holds every column of its source, asked for or not.
    """

    text: str | None = None
    label: str | None = None
    group: str | None = None
    extra: tuple[str, ...] = ()
    where: Mapping[str, str] | None = None
    labels: LabelMode = "optional"
    group_optional: bool = False
    whole: bool = False

    def named(self) -> list[tuple[str, str]]:
        """Every column that was given by name, as (option, column)."""
        pairs = [
            ("text_column", self.text),
            ("label_column", self.label),
            ("group_column", None if self.group_optional else self.group),
            *(("columns", name) for name in self.extra),
            *(("where", name) for name in self.where or {}),
        ]
        return [(option, name) for option, name in pairs if name is not None]

    def needed(self, layout: Layout) -> list[str]:
        """Every column that will be looked at, each once."""
        wanted = [layout.text, layout.label, layout.group, *self.extra, *(self.where or {})]
        return list(dict.fromkeys(name for name in wanted if name is not None))

    def handed_out(self, layout: Layout, columns: Sequence[str]) -> list[str]:
        """Every column that a row holds: those of `needed`, or all of the source's `columns`."""
        return list(dict.fromkeys(columns)) if self.whole else self.needed(layout)


def find_columns(source: str, header: Sequence[str], request: Request) -> tuple[Layout | None, list[Problem]]:
    """Find the columns that `request` needs in a table's header.

    Args:
        source: the table's name, for messages.
        header: the names of its columns, in order.
        request: what is wanted.

    Returns:
        The layout and no problem, or None and every problem with the header.

    Example:
        >>> find_columns("reviews.csv", ["id", "Review", "sentiment"], Request())
        (Layout(text='Review', label='sentiment', group=None), [])
    """
    problems: list[Problem] = []

    def absent(rule: str, hint: str | None = None) -> None:
        there = listed(tuple(header)) if any(header) else "none"
        problems.append(
            Problem(source, f"{rule}; the columns are {there}", "missing column", hint, skippable=False)
        )

    def refuse(rule: str, reason: str, hint: str | None = None) -> None:
        problems.append(Problem(source, rule, reason, hint, skippable=False))

    def check_given(option: str, name: str) -> None:
        if name not in header:
            absent(f"no column {name!r} ({option}){_nearest_column(name, header)}")
        elif list(header).count(name) > 1:
            refuse(f"column {name!r} ({option}) stands twice in the header", "ambiguous column")

    def find(what: str, usual: tuple[str, ...], *, needed: bool) -> str | None:
        given = (request.text, request.label)
        found = [name for name in header if name.strip().casefold() in usual and name not in given]
        if len(found) > 1:
            refuse(
                f"more than one column may hold the {what}s: {listed(tuple(found))}",
                "ambiguous column",
                f"name the one that is meant with --{what}-column",
            )
        elif not found and needed:
            absent(
                f"no {what} column (one of {', '.join(usual)})",
                _separator_hint(header) or f"name the {what} column with --{what}-column",
            )
        return found[0] if len(found) == 1 else None

    for option, name in request.named():
        check_given(option, name)
    text = request.text if request.text is not None else find("text", TEXT_NAMES, needed=True)
    label = request.label
    if label is None and request.labels != "absent":
        label = find("label", LABEL_NAMES, needed=request.labels == "required")
    if problems or text is None:
        return None, problems
    group = None if request.group_optional and request.group not in header else request.group
    return Layout(text, label, group), []


def refuse_columns(source: str, what: str, request: Request) -> list[Problem]:
    """Every column that was named, as a problem of a source that has no columns (`what` says which)."""
    return [
        Problem(source, f"{what} have no columns; got {option} {name!r}", "missing column", skippable=False)
        for option, name in request.named()
    ]


def _nearest_column(name: str, header: Sequence[str]) -> str:
    folded = name.strip().casefold()
    for candidate in header:
        if candidate.strip().casefold() == folded:
            return f" (did you mean {candidate!r}?)"
    return nearest(name, header)


def _separator_hint(header: Sequence[str]) -> str | None:
    """Tell a table whose fields are separated otherwise than its format says: its header is one long name."""
    if len(header) == 1:
        for separator, said in ((";", "semicolons"), ("\t", "tabs"), (",", "commas"), ("|", "bars")):
            if separator in header[0]:
                fix = "read it with --format tsv" if separator == "\t" else "save it separated by commas"
                fix = "read it with --format csv" if separator in ",;" else fix
                return f"the fields look separated by {said}: {fix}"
    return None
