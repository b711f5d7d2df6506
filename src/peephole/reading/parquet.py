"""Parquet files, a batch of rows at a time (the extra ``parquet``)."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Generator, Iterator, Sequence
from typing import Any, BinaryIO

from peephole.errors import require
from peephole.reading.columns import Request, find_columns
from peephole.reading.compression import reading_errors
from peephole.reading.records import Fault, Item, Layout, Number, Row, Unreadable, listed, problem_at

_BATCH = 1_024  # rows decoded at a time


def read_parquet(stream: BinaryIO, name: str, request: Request) -> Iterator[Item]:
    """Yield the rows of a Parquet file, counted from 1.

    Parquet is read from its end, so a stream that cannot be rewound (gzip, a pipe) is first unpacked into a
    temporary file, which is removed afterwards.

    Raises:
        Unreadable: it is no Parquet file, is damaged, or has no rows.
        MissingExtra: pyarrow is not installed.
    """
    row = 0
    with parquet_file(stream, name) as file:
        columns: list[str] = list(file.schema_arrow.names)
        layout, problems = find_columns(name, columns, request)
        if layout is None:
            yield from problems
            return
        needed = request.handed_out(layout, columns)
        for batch in file.iter_batches(batch_size=_BATCH, columns=needed):
            yield from rows_of(batch, name, layout, needed, row)
            row += batch.num_rows
    if row == 0:
        raise Unreadable(name, f"no rows, only the columns {listed(columns)}", "empty file")


@contextlib.contextmanager
def parquet_file(stream: BinaryIO, name: str) -> Generator[Any, None, None]:
    """Open a stream as a `pyarrow.parquet.ParquetFile`, and translate what reading it may raise.

    Raises:
        Unreadable, MissingExtra: as `read_parquet`.
    """
    pyarrow = require("pyarrow", extra="parquet", purpose="reading Parquet files")
    parquet = require("pyarrow.parquet", extra="parquet", purpose="reading Parquet files")
    with tempfile.TemporaryFile() as unpacked:
        with reading_errors(name):
            if not _rewindable(stream):
                shutil.copyfileobj(stream, unpacked)
                unpacked.seek(0)
                stream = unpacked
            empty = not stream.read(1)
            stream.seek(0)
        if empty:
            raise Unreadable(name, "empty: it holds no text at all", "empty file")
        try:
            yield parquet.ParquetFile(stream)
        except (pyarrow.ArrowException, OSError) as error:
            message = str(error).partition("\n")[0]
            raise Unreadable(
                name,
                f"not a readable Parquet file: {message}",
                "damaged Parquet",
                "fetch or write the file again",
            ) from error


def rows_of(batch: Any, name: str, layout: Layout, needed: Sequence[str], before: int) -> Iterator[Item]:
    """Yield the rows of a batch.

    Args:
        batch: a `pyarrow.RecordBatch`.
        name: the file's, for places.
        layout: of the file.
        needed: the columns that a row holds.
        before: how many rows of the file stand before the batch.
    """
    pyarrow = require("pyarrow", extra="parquet", purpose="reading Parquet files")
    values = {column: _values(batch.column(column), pyarrow) for column in needed}
    for index in range(batch.num_rows):
        cells = {column: values[column][index] for column in needed}
        fault = next((cell for cell in cells.values() if isinstance(cell, Fault)), None)
        place = f"{name}, row {before + index + 1}"
        yield Row(place, layout, cells) if fault is None else problem_at(place, fault)


def _rewindable(stream: BinaryIO) -> bool:
    # A gzip stream can be rewound too, but by unpacking it anew each time.
    return stream.seekable() and hasattr(stream, "raw")


def _values(column: Any, pyarrow: Any) -> list[object]:
    """Return a column's values as `Row` holds them."""
    kinds = pyarrow.types
    if kinds.is_dictionary(column.type):
        column = column.dictionary_decode()
    if (
        kinds.is_string(column.type)
        or kinds.is_large_string(column.type)
        or kinds.is_string_view(column.type)
    ):
        # As bytes, since Parquet does not promise that its strings are UTF-8.
        return [
            None if value is None else _decode(value) for value in column.cast(pyarrow.binary()).to_pylist()
        ]
    if kinds.is_integer(column.type) or kinds.is_floating(column.type) or kinds.is_decimal(column.type):
        return [None if value is None else Number(str(value)) for value in column.to_pylist()]
    return column.to_pylist()


def _decode(value: bytes) -> str | Fault:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        return Fault(
            f"bad byte 0x{value[error.start]:02X} at byte {error.start} of a value: not UTF-8 ({error.reason})",
            "bad byte",
            hint="write the file with strings in UTF-8",
        )
    if "\0" in text:
        return Fault("a value holds a NUL character (U+0000), which is not text", "bad character")
    return text
