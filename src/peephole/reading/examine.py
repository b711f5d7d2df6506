"""Which rows become records: types, empty texts, labels, and what all rows together must hold."""

from __future__ import annotations

from dataclasses import dataclass

from peephole.reading.columns import Request
from peephole.reading.labels import LabelReader, Spellings
from peephole.reading.records import Fault, Number, Problem, Record, Row, listed, problem_at, shown


@dataclass(frozen=True)
class Rules:
    """What makes a row a record.

    Args:
        known_labels: the labels allowed, or None for any.
        keep_empty: whether a text may be empty.
        skip_bad: whether a bad record is left out and counted rather than refused.
    """

    known_labels: tuple[str, ...] | None = None
    keep_empty: bool = False
    skip_bad: bool = False


class Examiner:
    """Checks rows one after another; remembers what several rows have to agree on."""

    def __init__(self, request: Request, rules: Rules) -> None:
        self._request = request
        self._keep_empty = rules.keep_empty
        self._skip_bad = rules.skip_bad
        # Against known labels (an evaluation) one class is a choice and case is no matter; to learn from, they are not.
        self._learning = request.labels == "required" and rules.known_labels is None
        self._spellings = Spellings()
        self._labels = LabelReader(rules.known_labels, required=request.labels == "required")
        self._where = dict(request.where or {})
        self._other: dict[str, list[str]] = {column: [] for column in self._where}  # values seen, a few
        self._left_out = 0
        self._matched = 0

    def examine(self, row: Row) -> Record | list[Problem] | None:
        """Return the row's record, everything wrong with it, or None where `where` leaves it out."""
        if self._where and not self._matches(row):
            self._left_out += 1
            return None
        self._matched += 1
        cells, layout = row.cells, row.layout
        faults: list[Fault] = []
        text = self._read_text(cells[layout.text], faults)
        label = None
        if layout.label is not None and self._request.labels != "absent":
            read = self._labels.read(cells[layout.label], row.place)
            if isinstance(read, Fault):
                faults.append(read)
            else:
                label = read
        group = None if layout.group is None else _read_cell(layout.group, cells[layout.group], faults)
        if group is not None and not group.strip():
            faults.append(Fault(f"no group in column {layout.group!r}", "missing group"))
        fields = {column: _read_cell(column, cells[column], faults) for column in self._request.extra}
        if self._learning and label is not None and not (faults and self._skip_bad):
            self._spellings.add(label, row.place)
        if faults:
            return [problem_at(row.place, fault) for fault in faults]
        return Record(text, label, group, row.place, fields)

    def conclude(self, names: str, *, labels_complete: bool) -> list[Problem]:
        """Return what is wrong with all rows together."""
        if self._where and self._left_out and not self._matched:
            wanted = ", ".join(f"{column}={value!r}" for column, value in self._where.items())
            seen = "; ".join(f"{column}: {listed(values)}" for column, values in self._other.items())
            rule = f"no row has {wanted}; the values found are {seen}"
            return [Problem(names, rule, "no records", skippable=False)]
        if not self._learning:
            return []
        only = self._labels.only
        if only is not None and labels_complete:
            rule = f"a classifier needs two classes or more; got the single label {shown(only)}"
            return [Problem(names, rule, "single class", skippable=False)]
        return [
            Problem(names, rule, "ambiguous label", "write each label in one spelling", skippable=False)
            for rule in self._spellings.variants()
        ]

    def _matches(self, row: Row) -> bool:
        for column, wanted in self._where.items():
            value = _as_text(row.cells[column])
            if value == wanted:
                continue
            seen = self._other[column]
            if len(seen) < 8 and value not in seen:
                seen.append(value)
            return False
        return True

    def _read_text(self, value: object, faults: list[Fault]) -> str:
        if isinstance(value, Number) or not isinstance(value, str):
            faults.append(Fault(f"the text must be a string; got {_described(value)}", "mixed types"))
            return ""
        # `isspace` stops at the first letter: nothing is copied, however long the text.
        if not self._keep_empty and (not value or value.isspace()):
            faults.append(Fault("empty text", "empty text"))
        return value


def _read_cell(column: str, value: object, faults: list[Fault]) -> str:
    """Return the value of a further column as a str."""
    if value is not None and not isinstance(value, (str, bool)):
        rule = f"column {column!r} must hold strings or numbers; got {_described(value)}"
        faults.append(Fault(rule, "mixed types"))
        return ""
    return _as_text(value)


def _as_text(value: object) -> str:
    """Return null as "", a bool as JSON writes it, a number in its own spelling."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _described(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, Number):
        return f"the number {shown(value)}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    return f"{type(value).__name__}: {shown(str(value), 40)}"
