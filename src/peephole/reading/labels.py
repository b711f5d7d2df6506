"""Labels: names or numbers, in one spelling, checked against the known ones or against each other."""

from __future__ import annotations

import re
from collections.abc import Sequence

from peephole.errors import nearest
from peephole.reading.records import Fault, Number, Tally, listed, shown

_NUMBER = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]*))?", re.ASCII)
_LONGEST = 1_000  # characters; a longer "label" is some other column

# Two labels have customary short names (the folders pos/ and neg/ of many corpora); either means the other.
_OTHER_SPELLINGS = {"pos": "positive", "positive": "pos", "neg": "negative", "negative": "neg"}


def canonical_label(value: str) -> str:
    """Return a label without outer white space, a decimal number in its shortest form.

    Example:
        >>> [canonical_label(text) for text in (" positive ", "+1", "01", "1.0", "-0.50", "1e3")]
        ['positive', '1', '1', '1', '-0.5', '1e3']
    """
    label = value.strip()
    match = _NUMBER.fullmatch(label)
    if match is None:
        return label
    sign, whole, fraction = match.groups(default="")
    whole = whole.lstrip("0") or "0"
    fraction = fraction.rstrip("0")
    number = f"{whole}.{fraction}" if fraction else whole
    return f"-{number}" if sign == "-" and number != "0" else number


def is_number(label: str) -> bool:
    """Tell whether a label is a decimal number rather than a name."""
    return _NUMBER.fullmatch(label) is not None


class LabelReader:
    """Turns the values of label columns into label names, over all sources of one call.

    With `known` labels a value means a known label if it is spelt like it, if it differs in case only, if it is
    the short or long form of *pos(itive)* and *neg(ative)*, or, where all known labels are names, if it is the
    label's index (0, 1, …). Without them, labels must be all numbers or all names.

    Args:
        known: the labels that are allowed, in the order of their indices, or None to take what comes.
        required: whether a missing label is a fault.
    """

    def __init__(self, known: Sequence[str] | None, *, required: bool) -> None:
        self._known = None if known is None else _KnownLabels(known)
        self._required = required
        self._faults = 0  # how many labels were unknown
        self._nearest: dict[str, str] = {}  # what was offered in place of the first of them
        self._first: tuple[str, str] | None = None  # a label and its place: all others are of its kind
        self._seen: list[str] = []  # at most two: enough to tell one class from several

    @property
    def only(self) -> str | None:
        """The label, where every record so far had the same one; None where there was none or several."""
        return self._seen[0] if len(self._seen) == 1 else None

    def read(self, value: object, place: str) -> str | Fault | None:
        """Return the label's name, None for a missing label that need not be there, or what is wrong."""
        if isinstance(value, bool):
            value = "true" if value else "false"
        if isinstance(value, Number) and value.casefold() == "nan":
            value = None  # what tables of numbers store for "missing"
        if value is not None and not isinstance(value, str):
            return Fault(f"the label must be a name or a number; got {shown(value)}", "mixed types")
        label = "" if value is None else value.strip()
        if not label:
            return Fault("no label", "missing label") if self._required else None
        if len(label) > _LONGEST:
            return Fault(
                f"a label of {len(label):,} characters; got {shown(label, 20)}",
                "unknown label",
                hint="name the label column with --label-column",
            )
        label = canonical_label(label)
        if self._known is not None:
            return self._read_known(label, self._known)
        return self._read_any(label, place)

    def _read_known(self, label: str, known: _KnownLabels) -> str | Fault:
        meaning = known.meaning(label)
        if meaning is None:
            offer = self._offer(label, known)
            rule = f"unknown label {shown(label)}{offer}; the labels are {listed(known.names)}"
            return Fault(rule, "unknown label")
        self._note(meaning)
        return meaning

    def _offer(self, label: str, known: _KnownLabels) -> str:
        """Return the known label nearest to an unknown one; comparing is slow, and only the first are shown."""
        self._faults += 1
        if self._faults > Tally.kept:
            return ""
        if label not in self._nearest:
            self._nearest[label] = nearest(label, known.names)
        return self._nearest[label]

    def _read_any(self, label: str, place: str) -> str | Fault:
        if self._first is None:
            self._first = (label, place)
        first, first_place = self._first
        if is_number(label) != is_number(first):
            kinds = ("a number", "a name") if is_number(label) else ("a name", "a number")
            return Fault(
                f"label {shown(label)} is {kinds[0]}, but {shown(first)} ({first_place}) is {kinds[1]}",
                "mixed types",
            )
        self._note(label)
        return label

    def _note(self, label: str) -> None:
        if len(self._seen) < 2 and label not in self._seen:
            self._seen.append(label)


class Spellings:
    """The labels of a corpus whose labels nobody named: those that differ in case only are told apart by mistake.

    What it holds is bounded; no corpus of texts has as many classes.
    """

    most = 10_000  # labels remembered

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, int]] = {}  # label to its first place and its number of records

    def add(self, label: str, place: str) -> None:
        """Note the label of a record that will be learnt from."""
        if label in self._found:
            first, count = self._found[label]
            self._found[label] = (first, count + 1)
        elif len(self._found) < self.most:
            self._found[label] = (place, 1)

    def variants(self) -> list[str]:
        """Return, for each label that is spelt in several ways, a line that lists them.

        Example:
            >>> spellings = Spellings()
            >>> for row, label in enumerate(["Good", "bad", "good", "good"], start=1):
            ...     spellings.add(label, f"row {row}")
            >>> spellings.variants()
            ["labels that differ in case only: 'Good' (1 record, first row 1), 'good' (2 records, first row 3)"]
        """
        alike: dict[str, list[str]] = {}
        for label in self._found:
            alike.setdefault(label.casefold().strip(), []).append(label)
        return [
            "labels that differ in case only: "
            + ", ".join(map(self._described, labels[:8]))
            + _more(labels, 8)
            for labels in alike.values()
            if len(labels) > 1
        ]

    def _described(self, label: str) -> str:
        place, count = self._found[label]
        return f"{shown(label)} ({count:,} record{'s' if count > 1 else ''}, first {place})"


def _more(labels: Sequence[str], limit: int) -> str:
    return f" and {len(labels) - limit} more" if len(labels) > limit else ""


class _KnownLabels:
    """Every spelling of every known label; a spelling that could mean two labels means neither."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._exact = {canonical_label(name): name for name in names}
        self._folded: dict[str, str | None] = {}
        for name in names:
            spelling = name.strip().casefold()
            self._folded[spelling] = None if spelling in self._folded else name
        for spelling, other in _OTHER_SPELLINGS.items():
            if other in self._folded:
                self._folded.setdefault(spelling, self._folded[other])
        if not any(is_number(spelling) for spelling in self._exact):
            for index, name in enumerate(names):
                self._folded.setdefault(str(index), name)

    def meaning(self, label: str) -> str | None:
        """Return the known label that a canonical label means, or None."""
        return self._exact.get(label) or self._folded.get(label.casefold())
