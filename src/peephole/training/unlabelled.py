"""Texts without labels: read, and kept clear of the development texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peephole.errors import DataError
from peephole.reading import Record, drop_repeats, read
from peephole.training.request import TrainRequest


def read_unlabelled(
    request: TrainRequest, development: Sequence[Record]
) -> tuple[list[Record], dict[str, Any]]:
    """Read the unlabelled texts of a run; a label that stands beside one is not looked at.

    Nothing that is held out may come in by this door. A text that repeats a development text is dropped. Where
    the development part is made of whole groups and a source has the group column too, its rows of those groups
    are left out; a source without that column is only searched for repeats.

    Args:
        request: the sources, and the columns, format and `skip_bad` that hold for all sources. `where` chooses
            labelled rows and is not applied.
        development: the development texts, with their groups where the run has groups.

    Returns:
        The texts, in the order of the sources, and what was read, skipped, left out and dropped, as JSON; both
        are empty for a run without unlabelled sources.

    Raises:
        DataError: a source cannot be used, or no text is left.
    """
    if not request.unlabelled:
        return [], {}
    stream = read(
        request.unlabelled,
        text_column=request.text_column,
        group_column=request.group_column,
        group_optional=True,
        format=request.format,
        labels="absent",
        skip_bad=request.skip_bad,
    )
    records = list(stream)
    held_out = {record.group for record in development if record.group is not None}
    clear = [record for record in records if record.group not in held_out]
    kept, dropped = drop_repeats(clear, development)
    if not kept:
        raise DataError(
            f"train: no unlabelled text is left; got {len(records):,}, of which {len(records) - len(clear):,} belong to "
            f"groups held out for development and {dropped:,} repeat a development text"
        )
    facts = {
        "unlabelled": len(kept),
        "unlabelled_skipped": dict(stream.skipped.reasons),
        "unlabelled_of_held_out_groups": len(records) - len(clear),
        "unlabelled_repeats_dropped": dropped,
    }
    return kept, facts


def describe_unlabelled(facts: dict[str, Any]) -> list[str]:
    """Return what is told of the unlabelled texts, a line for each fact that is there.

    Example:
        >>> describe_unlabelled({"unlabelled": 1200, "unlabelled_skipped": {}, "unlabelled_of_held_out_groups": 30,
        ...                      "unlabelled_repeats_dropped": 0})
        ['1,200 unlabelled texts', '30 unlabelled texts left out: their groups are held out for development']
    """
    if "unlabelled" not in facts:
        return []
    lines = [f"{facts['unlabelled']:,} unlabelled texts"]
    if left_out := facts["unlabelled_of_held_out_groups"]:
        lines.append(f"{left_out:,} unlabelled texts left out: their groups are held out for development")
    if dropped := facts["unlabelled_repeats_dropped"]:
        lines.append(f"{dropped:,} unlabelled texts dropped: they repeat a development text")
    if skipped := facts["unlabelled_skipped"]:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in skipped.items())
        lines.append(f"{sum(skipped.values()):,} unlabelled records skipped: {reasons}")
    return lines
