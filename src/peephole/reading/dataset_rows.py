"""Data sets of the library `datasets` that are at hand: their rows, and which columns are meant. It is not imported here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from peephole.errors import DataError, OptionError
from peephole.reading.columns import Request, find_columns
from peephole.reading.records import Fault, Item, Number, Row, Unreadable, listed, problem_at, shown


def is_dataset(value: object) -> bool:
    """Return whether something is a `Dataset` or an `IterableDataset`.

    Raises:
        OptionError: it is a dictionary of them, of which one is meant.
    """
    if type(value).__module__.partition(".")[0] != "datasets":
        return False
    if isinstance(value, dict):
        parts = ", ".join(map(str, value))
        raise OptionError(
            f"read: one part of a {type(value).__name__} must be given; got all of them: {parts}",
            hint=f"data[{next(map(str, value), 'train')!r}]",
        )
    return hasattr(value, "column_names") and hasattr(value, "features")


def columns_of(data: Any) -> list[str]:
    """Return the names of the columns; of a stream that does not say, those of its first row."""
    names = data.column_names
    return list(next(iter(data), {})) if names is None else list(names)


def text_column_of(data: Any, where: str, given: str | None = None) -> str:
    """Return the column of the texts: the one given, or the one of the usual names.

    Args:
        data: a data set.
        where: who asks, for messages.
        given: its name, or None to find it.

    Raises:
        DataError: there is none of that name, or not exactly one of the usual names.
    """
    layout, problems = find_columns(where, columns_of(data), Request(text=given, labels="absent"))
    if layout is None:
        raise DataError(
            f"{where}: the column of the texts is not known",
            problems=[(problem.place, problem.rule) for problem in problems],
            hint="name it: text_column=, or give the column itself: data['body']",
        )
    return layout.text


def dataset_rows(data: Any, source: str, request: Request) -> Iterator[Item]:
    """Yield the rows of a data set, counted from 1; only the columns that are needed are decoded.

    Args:
        data: a data set; an index into class names becomes the name.
        source: what to call it, for messages.
        request: what is wanted.
    """
    columns = columns_of(data)
    layout, problems = find_columns(source, columns, request)
    if layout is None:
        yield from problems
        return
    needed = request.handed_out(layout, columns)
    row = 0
    names = {column: getattr((data.features or {}).get(column), "names", None) for column in needed}
    for row, values in enumerate(data.select_columns(needed), start=1):
        cells = {column: _value(values[column], names[column]) for column in needed}
        fault = next((cell for cell in cells.values() if isinstance(cell, Fault)), None)
        place = f"{source}, row {row}"
        yield Row(place, layout, cells) if fault is None else problem_at(place, fault)
    if row == 0:
        raise Unreadable(source, f"no rows, only the columns {listed(columns)}", "empty file")


def _value(value: Any, names: list[str] | None) -> object:
    """Return a value as `Row` holds it; an index into class names becomes the name (-1 stands for none)."""
    if names is not None and isinstance(value, int):
        if value == -1:
            return None
        if not 0 <= value < len(names):
            return Fault(f"class index {value} is outside the {len(names)} class names", "unknown label")
        return names[value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Number(str(value))
    if isinstance(value, str) and "\0" in value:
        return Fault(
            f"a value holds a NUL character (U+0000), which is not text: {shown(value, 20)}", "bad character"
        )
    return value
