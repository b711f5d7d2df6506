"""Parts on their way to the disk: Parquet, JSON Lines, CSV. One writer for each, all with the same two calls."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Protocol, cast

from peephole.errors import require
from peephole.files import json_line
from peephole.scoring.columns import plain, spelled

_GROUP = 1 << 16  # rows of a row group, at most
_GROUP_OCTETS = 1 << 25


class Writer(Protocol):
    """Takes rows, in order."""

    def write(self, kept: Any, rows: slice, answers: Mapping[str, Sequence[object]]) -> None:
        """Add rows.

        Args:
            kept: as `Chunk` has it.
            rows: which of them.
            answers: column → a value for each of these rows.
        """
        ...

    def close(self) -> None:
        """Write what is left; the file stays open."""
        ...


def writer_of(kind: str, file: BinaryIO, columns: Mapping[str, Any], answers: Sequence[str]) -> Writer:
    """Return the writer of a kind of file.

    Args:
        kind: ``"parquet"``, ``"jsonl"`` or ``"csv"``.
        file: to write to.
        columns: of the input; name → type, or None for text.
        answers: names of the columns beside them: the first holds labels, the others probabilities.
    """
    if kind == "parquet":
        return _Parquet(file, columns, answers)
    return (_Jsonl if kind == "jsonl" else _Csv)(file, columns, answers)


class _Parquet:
    def __init__(self, file: BinaryIO, columns: Mapping[str, Any], answers: Sequence[str]) -> None:
        self._pyarrow = require("pyarrow", extra="parquet", purpose="writing Parquet files")
        parquet = require("pyarrow.parquet", extra="parquet", purpose="writing Parquet files")
        text = self._pyarrow.string()
        self._kinds = {name: text if kind is None else kind for name, kind in columns.items()}
        numbers = dict.fromkeys(answers[1:], self._pyarrow.float64())
        self._schema = self._pyarrow.schema([*self._kinds.items(), (answers[0], text), *numbers.items()])
        self._writer = parquet.ParquetWriter(file, self._schema)
        self._waiting: list[Any] = []
        self._rows = self._octets = 0

    def write(self, kept: Any, rows: slice, answers: Mapping[str, Sequence[object]]) -> None:
        count = len(next(iter(answers.values())))
        made = [self._column(kept, name, kind, rows, count) for name, kind in self._kinds.items()]
        for name, values in answers.items():
            made.append(self._pyarrow.array(values, self._schema.field(name).type))
        table = self._pyarrow.Table.from_arrays(made, schema=self._schema)
        self._waiting.append(table)
        self._rows += table.num_rows
        self._octets += table.nbytes
        if self._rows >= _GROUP or self._octets >= _GROUP_OCTETS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(self._pyarrow.concat_tables(self._waiting), row_group_size=_GROUP)
        self._waiting, self._rows, self._octets = [], 0, 0

    def _column(self, kept: Any, name: str, kind: Any, rows: slice, count: int) -> Any:
        if isinstance(kept, dict):
            values = cast("dict[str, list[object]]", kept).get(name)
            if values is None:
                return self._pyarrow.nulls(count, kind)
            return self._pyarrow.array(
                [spelled(value) for value in values[rows]], self._pyarrow.string()
            ).cast(kind)
        if name not in kept.column_names:
            return self._pyarrow.nulls(count, kind)
        column = kept.column(name).slice(rows.start, count)
        if column.type == kind:
            return column
        try:
            return column.cast(kind)
        except self._pyarrow.ArrowException:  # a list or a struct beside other files' text
            values = [spelled(_from_arrow(value)) for value in column.to_pylist()]
            return self._pyarrow.chunked_array([self._pyarrow.array(values, kind)])


class _Text:
    def __init__(self, file: BinaryIO, columns: Mapping[str, Any], answers: Sequence[str]) -> None:
        self.text = io.TextIOWrapper(file, "utf-8", newline="", write_through=False)
        self.columns = tuple(columns)
        self.answers = tuple(answers)

    def close(self) -> None:
        self.text.detach()

    def columns_of(self, kept: Any, rows: slice, count: int) -> list[Sequence[object]]:
        """Return the values of each column in these rows."""
        if isinstance(kept, dict):
            lists = cast("dict[str, list[object]]", kept)
            return [lists[name][rows] if name in lists else [None] * count for name in self.columns]
        names = set(kept.column_names)
        return [
            [_from_arrow(value) for value in kept.column(name).slice(rows.start, count).to_pylist()]
            if name in names
            else [None] * count
            for name in self.columns
        ]


class _Jsonl(_Text):
    def write(self, kept: Any, rows: slice, answers: Mapping[str, Sequence[object]]) -> None:
        names = (*self.columns, *self.answers)
        held = self.columns_of(kept, rows, len(next(iter(answers.values()))))
        for values in zip(*held, *(answers[name] for name in self.answers), strict=True):
            self.text.write(
                json_line({name: plain(value) for name, value in zip(names, values, strict=True)}) + "\n"
            )


class _Csv(_Text):
    def __init__(self, file: BinaryIO, columns: Mapping[str, Any], answers: Sequence[str]) -> None:
        super().__init__(file, columns, answers)
        self._rows = csv.writer(self.text, lineterminator="\n")

    def write(self, kept: Any, rows: slice, answers: Mapping[str, Sequence[object]]) -> None:
        held = self.columns_of(kept, rows, len(next(iter(answers.values()))))
        self._rows.writerows(
            [*(spelled(value) for value in row[: len(held)]), *row[len(held) :]]
            for row in zip(*held, *(answers[name] for name in self.answers), strict=True)
        )


def csv_header(columns: Sequence[str]) -> bytes:
    """Return the first line of a CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(columns)
    return line.getvalue().encode()


def _from_arrow(value: object) -> object:
    """Return a value that JSON can write; times, decimals and bytes as text."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    return json.loads(json.dumps(value, default=_as_text, allow_nan=True), parse_constant=str)


def _as_text(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
