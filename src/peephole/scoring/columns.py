"""The columns of the output: those of all files, and the answers beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, cast

from peephole.classifier.texts import well_formed
from peephole.errors import DataError, require
from peephole.reading.columns import find_columns
from peephole.reading.compression import open_bytes
from peephole.reading.parquet import parquet_file
from peephole.reading.records import Number, Problem, Unreadable, listed
from peephole.scoring.chunks import Reading, first_items
from peephole.scoring.inputs import InputFile
from peephole.scoring.storage import store_of

_LOOKED_AT = 1000  # rows of JSON Lines, whose objects need not have the same keys
_AT_A_TIME = 16  # files that are looked at


class Head(NamedTuple):
    """What the first rows of a file tell.

    Args:
        columns: name → its type in Arrow; None, where the format has none: its spelling is kept.
        problem: why nothing of the file can be scored, if so.
    """

    columns: dict[str, Any]
    problem: Problem | None = None


class Answers(NamedTuple):
    """The names of the columns that hold answers; none of them is one of the input's.

    Args:
        label: of the answer.
        probability: of the most probable label.
        probabilities: of each label, in the order of the model's; empty: not asked for.
    """

    label: str
    probability: str
    probabilities: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (self.label, self.probability, *self.probabilities)

    @staticmethod
    def beside(columns: Iterable[str], labels: Sequence[str]) -> Answers:
        """Name the columns; one whose name the input has gets ``predicted_`` in front.

        Example:
            >>> Answers.beside(["text", "label"], ["bad", "good"]).names
            ('predicted_label', 'probability', 'probability_bad', 'probability_good')
        """
        taken = set(columns)

        def free(name: str) -> str:
            while name in taken:
                name = f"predicted_{name}"
            taken.add(name)
            return name

        return Answers(
            free("label"), free("probability"), tuple(free(f"probability_{label}") for label in labels)
        )


def look_at(files: Sequence[InputFile], reading: Reading) -> tuple[dict[str, Any], list[str]]:
    """Return the columns of all files together, with their types, in order of first appearance; and where files differ.

    Raises:
        DataError: no file has a text that can be scored.
    """
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        heads = list(pool.map(lambda file: _head(file, reading), [file for file in files if file.again]))
    usable = [head for head in heads if head.problem is None]
    problems = [head.problem for head in heads if head.problem is not None]
    if heads and not usable and len(heads) == len(files):
        raise DataError(
            "predict: none of the sources can be scored",
            problems=[(problem.place, problem.rule) for problem in problems],
            hint=next((problem.hint for problem in problems if problem.hint), None),
        )
    columns: dict[str, Any] = {}
    notes: list[str] = []
    for head in usable:
        for name, kind in head.columns.items():
            columns[name] = kind if name not in columns else _common(columns[name], kind)
    for file, head in zip([file for file in files if file.again], heads, strict=True):
        if head.problem is None:
            notes += _differences(file.name, head.columns, columns)
    return columns or {"text": None}, notes


def _differences(name: str, own: Mapping[str, Any], all_of_them: Mapping[str, Any]) -> list[str]:
    absent = [column for column in all_of_them if column not in own]
    other = [column for column in own if not _alike(own[column], all_of_them[column])]
    notes = (
        [f"{name}: no column {listed(absent)}, which other files have; it is empty there"] if absent else []
    )
    if other:
        types = ", ".join(f"{column!r} {own[column]} as {all_of_them[column] or 'text'}" for column in other)
        notes.append(
            f"{name}: columns of another type than in other files are written in one that fits all: {types}"
        )
    return notes


def _alike(own: Any, chosen: Any) -> bool:
    """Whether a column is written as it is: text is text, with a type in Arrow or without."""
    return own == chosen or (chosen is None and str(own) in ("string", "large_string", "string_view"))


def _head(file: InputFile, reading: Reading) -> Head:
    try:
        if file.format == "parquet":
            return _parquet_head(file, reading)
    except Unreadable as error:
        return Head({}, error.problem)
    items = first_items(file, reading, _LOOKED_AT if file.format == "jsonl" else 1)
    rows = [item for item in items if not isinstance(item, Problem)]
    if rows:
        return Head(dict.fromkeys(name for row in rows for name in row.cells))
    problem = cast("Problem", items[0]) if items else None
    if problem is not None and problem.skippable:
        more = first_items(file, reading, _LOOKED_AT)
        rows = [item for item in more if not isinstance(item, Problem)]
        if rows:
            return Head(dict.fromkeys(rows[0].cells))
    return Head({}, problem or Problem(file.name, "no rows", "empty file", skippable=False))


def _parquet_head(file: InputFile, reading: Reading) -> Head:
    pyarrow = require("pyarrow", extra="parquet", purpose="reading Parquet files")
    with (
        open_bytes(file.path, file.name, store_of(file.path).open) as stream,
        parquet_file(stream, file.name) as parquet,
    ):
        schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
    layout, problems = find_columns(file.name, list(schema.names), reading.request())
    if layout is None:
        return Head({}, problems[0])
    if not rows:
        return Head({}, Problem(file.name, "no rows", "empty file", skippable=False))
    kinds = {field.name: field.type for field in schema}
    return Head(
        {name: kind.value_type if pyarrow.types.is_dictionary(kind) else kind for name, kind in kinds.items()}
    )


def _common(one: Any, other: Any) -> Any:
    """Return a type that holds the values of two; None, the spelling, where there is no other."""
    if one is None or other is None or one == other:
        return one if one == other else None
    pyarrow = require("pyarrow", extra="parquet", purpose="reading Parquet files")
    schemas = [pyarrow.schema([("x", kind)]) for kind in (one, other)]
    try:
        return pyarrow.unify_schemas(schemas, promote_options="permissive").field("x").type
    except pyarrow.ArrowException:
        return None


def plain(value: object) -> Any:
    """Return a value of a reader's row as JSON writes it: a number is one again, unless JSON has none like it.

    >>> plain({"a": [Number("1.50"), Number("NaN"), True, None]})
    {'a': [1.5, 'NaN', True, None]}
    """
    if isinstance(value, Number):
        try:
            return json.loads(value, parse_constant=str)
        except ValueError:  # a CSV of other habits, or an integer of thousands of digits
            return str(value)
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in cast("dict[object, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in cast("list[object]", value)]
    return value


def spelled(value: object) -> str | None:
    """Return a value as text: a number in its own spelling, a list or an object as JSON, null as None.

    >>> [spelled(value) for value in (Number("1.50"), "a", True, None, {"a": [Number("1.50")]})]
    ['1.50', 'a', 'true', None, '{"a": [1.5]}']
    """
    if value is None:
        return None
    if isinstance(value, str):
        return well_formed(str(value))
    if isinstance(value, (bool, dict, list)):
        return json.dumps(plain(cast("object", value)), ensure_ascii=False, default=str)
    return str(value)
