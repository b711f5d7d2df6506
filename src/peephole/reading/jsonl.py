"""JSON Lines: one JSON object on each line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from peephole.reading.columns import Request, find_columns
from peephole.reading.lines import Line, decode, read_lines, too_long
from peephole.reading.records import (
    Fault,
    Item,
    Layout,
    Number,
    Row,
    Unreadable,
    problem_at,
    shown,
)


class _RepeatedKeyError(ValueError):
    """A key stands twice in one object."""


def read_jsonl(stream: BinaryIO, name: str, request: Request) -> Iterator[Item]:
    """Yield a row for each line that holds an object; the first object's keys are the columns.

    Lines are counted from 1; blank lines are no records.

    Raises:
        Unreadable: there is no object, or the stream breaks (a truncated gzip).
    """
    layout: Layout | None = None
    needed: list[str] = []
    found = False
    for line in read_lines(stream, name):
        place = f"{name}, line {line.number}"
        if line.raw is not None and not line.raw.strip():
            continue
        value = _parse(line)
        if not found and line.raw is not None and line.raw.lstrip().startswith(b"["):
            raise Unreadable(
                name,
                "one JSON array; JSON Lines has one object on each line",
                "malformed JSON",
                f"convert it, for example: jq -c '.[]' {name} > reviews.jsonl",
            )
        found = True
        if isinstance(value, Fault):
            yield problem_at(place, value)
            continue
        if layout is None:
            layout, problems = find_columns(name, list(value), request)
            if layout is None:
                yield from (problem._replace(place=place) for problem in problems)
                return
            needed = request.needed(layout)
        fault = _fault_in(value, needed, layout)
        if fault is not None:
            yield problem_at(place, fault)
        else:
            held = value if request.whole else {column: value.get(column) for column in needed}
            yield Row(place, layout, held)
    if not found:
        raise Unreadable(name, "empty: it holds no JSON object", "empty file")


def _parse(line: Line) -> dict[str, Any] | Fault:
    if line.raw is None:
        return too_long(line)
    text, fault = decode(line)
    if fault is not None:
        return fault
    try:
        # Numbers keep their spelling: a label 1.0 stays comparable, and a number of a million digits is harmless.
        value = json.loads(
            text, parse_int=Number, parse_float=Number, parse_constant=Number, object_pairs_hook=_object
        )
    except json.JSONDecodeError as error:
        return Fault(f"not JSON: {error.msg} (character {error.pos + 1} of the line)", "malformed JSON")
    except _RepeatedKeyError as error:
        return Fault(str(error), "malformed JSON")
    except RecursionError:
        return Fault("not a record: JSON nested too deeply", "malformed JSON")
    if not isinstance(value, dict):
        return Fault(f"not a JSON object; got {shown(value, 40)}", "malformed JSON")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _RepeatedKeyError(f"the key {shown(key)} stands twice in one object")
            seen.add(key)
    return found


def _fault_in(value: dict[str, Any], needed: list[str], layout: Layout) -> Fault | None:
    """Look for a missing key, and for characters that JSON can escape but UTF-8 text cannot hold."""
    for column in needed:
        if column not in value:
            if column == layout.label:
                continue  # as good as null: a missing label
            return Fault(f"no key {column!r}, which the first object has", "missing column")
        text = value[column]
        if isinstance(text, str) and not text.isascii():
            try:
                text.encode("utf-8")
            except UnicodeEncodeError as error:
                return Fault(
                    f"{column!r} holds half of a surrogate pair (\\u{ord(text[error.start]):04x})",
                    "bad character",
                )
        if isinstance(text, str) and "\0" in text:
            return Fault(f"{column!r} holds a NUL character (\\u0000), which is not text", "bad character")
    return None
