"""The development part: which records are kept out of training."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from peephole.errors import DataError, OptionError, check_choice
from peephole.reading.matching import text_digest
from peephole.reading.records import Record, listed


@dataclass(frozen=True)
class SplitRule:
    """How the development part is chosen; the same records give the same part, in whatever order they come.

    Args:
        kind: ``"group"`` keeps all records of one group on the same side: a group is in the development part
            if the SHA-1 of its name is divisible by round(1 / fraction). ``"stratified"`` takes the fraction from
            every label, by the SHA-1 of the normalised text.
        column: the name of the group column, for ``"group"`` only.
        fraction: share of the records in the development part, in (0, 0.5]; by groups it is met on average.

    Raises:
        OptionError: the kind is unknown, the column is missing or not wanted, or the fraction is out of range.

    Example:
        >>> rule = SplitRule("group", column="movie")
        >>> SplitRule.from_json(rule.to_json()) == rule
        True
    """

    kind: Literal["group", "stratified"]
    column: str | None = None
    fraction: float = 0.1

    def __post_init__(self) -> None:
        check_choice("SplitRule", "kind", self.kind, ("group", "stratified"))
        if (self.kind == "group") != (self.column is not None):
            rule = "name the group column" if self.kind == "group" else "be None for a stratified split"
            raise OptionError(f"SplitRule: column must {rule}; got {self.column!r}")
        if not 0 < self.fraction <= 0.5:
            raise OptionError(f"SplitRule: fraction must be in (0, 0.5]; got {self.fraction}")

    def to_json(self) -> dict[str, Any]:
        """Return the rule as JSON has it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SplitRule:
        """Return the rule that `to_json` wrote.

        Raises:
            OptionError: a field is missing, unknown or out of range.
        """
        fields = {"kind", "column", "fraction"}
        if set(value) != fields:
            raise OptionError(f"SplitRule: the fields must be {sorted(fields)}; got {sorted(value)}")
        column, fraction = value["column"], value["fraction"]
        if not isinstance(column, (str, type(None))):
            raise OptionError(f"SplitRule: column must be a string or null; got {column!r}")
        if isinstance(fraction, bool) or not isinstance(fraction, (int, float)):
            raise OptionError(f"SplitRule: fraction must be a number; got {fraction!r}")
        return cls(value["kind"], column, float(fraction))


def split_development(records: Sequence[Record], rule: SplitRule) -> NDArray[np.bool_]:
    """Choose the development part.

    Args:
        records: all records; with their groups for a split by group.
        rule: how to choose.

    Returns:
        `[len(records)]`, True for the development part.

    Raises:
        DataError: a record has no group, or one side would be empty.

    Example:
        >>> records = [Record(f"Text {n}.", ("pos", "neg")[n % 2], None, f"row {n}") for n in range(40)]
        >>> int(split_development(records, SplitRule("stratified")).sum())
        4
    """
    chosen = _by_group(records, rule) if rule.kind == "group" else _stratified(records, rule.fraction)
    size = int(chosen.sum())
    if not 0 < size < len(records):
        side = "development" if size == 0 else "training"
        groups = {record.group for record in records}
        among = (
            f"{len(groups)} groups in column {rule.column!r}"
            if rule.kind == "group"
            else "at most one a label"
        )
        raise DataError(
            f"split: both parts need records, and the {side} part has none; got {len(records)} records, {among}",
            hint="use more records, another fraction or a column with more groups, or give a development file",
        )
    return chosen


def _by_group(records: Sequence[Record], rule: SplitRule) -> NDArray[np.bool_]:
    without = [record.place for record in records if record.group is None]
    if without:
        raise DataError(
            f"split: every record needs a group; got {len(without)} without one: {listed(without, 3)}",
            hint=f"read the records with group_column={rule.column!r}",
        )
    divisor = round(1 / rule.fraction)
    sides: dict[str | None, bool] = {}
    for record in records:
        if record.group is not None and record.group not in sides:
            digest = hashlib.sha1(record.group.encode("utf-8"), usedforsecurity=False).hexdigest()
            sides[record.group] = int(digest, 16) % divisor == 0
    return np.array([sides[record.group] for record in records], dtype=np.bool_)


def _stratified(records: Sequence[Record], fraction: float) -> NDArray[np.bool_]:
    by_label: dict[str | None, list[int]] = {}
    for index, record in enumerate(records):
        by_label.setdefault(record.label, []).append(index)
    chosen = np.zeros(len(records), dtype=np.bool_)
    for indices in by_label.values():
        # Equal texts tie; the text itself, then, so that the order of the file never decides.
        indices.sort(key=lambda index: (text_digest(records[index].text), records[index].text))
        size = max(1, round(fraction * len(indices))) if len(indices) > 1 else 0
        chosen[indices[:size]] = True
    return chosen
