"""Tables of text: CSV and TSV, one record at a time.

The csv module parses; this module feeds it physical lines one by one, so that a bad byte has an offset and a
malformed record costs that record only.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, NamedTuple

from peephole.reading import lines
from peephole.reading.columns import Request, find_columns
from peephole.reading.lines import Line, decode, read_lines, too_long
from peephole.reading.records import Fault, Item, Row, Unreadable, listed, problem_at, shown


@dataclass(frozen=True)
class Dialect:
    """How a table separates its fields.

    Args:
        delimiter: the character between two fields.
        quoted: whether a field may stand in double quotes, a quote in it doubled (RFC 4180). False means that
            quotes are ordinary characters and that no field can hold a delimiter or a line end.
    """

    delimiter: str
    quoted: bool = True


CSV = Dialect(",")
TSV = Dialect("\t")
RAW_TSV = Dialect("\t", quoted=False)

_QUOTED = re.compile(rb'"[^"]*"')


class _Parsed(NamedTuple):
    """One record: its cells, or what is wrong with it."""

    cells: list[str]
    fault: Fault | None


def read_table(stream: BinaryIO, name: str, request: Request, dialect: Dialect) -> Iterator[Item]:
    """Yield the rows of a table whose first record names the columns.

    Rows are counted from 1 without the header; blank lines are no rows. In a CSV whose header has semicolons and
    no comma, semicolons separate the fields (Excel writes it so where the comma is the decimal mark).

    Raises:
        Unreadable: the table is empty, holds a header only, or breaks (a truncated gzip).
    """
    source = read_lines(stream, name)
    if dialect == CSV:
        source, dialect = _with_separator(source)
    records = _parse(source, dialect)
    header = next(records, None)
    if header is None:
        raise Unreadable(name, "empty: it has no header row", "empty file")
    if header.fault is not None:
        problem = problem_at(f"{name}, header", header.fault)
        yield problem._replace(skippable=False)
        return
    columns = [column.strip() for column in header.cells]
    layout, problems = find_columns(name, columns, request)
    if layout is None:
        yield from problems
        return
    positions = [(column, columns.index(column)) for column in request.handed_out(layout, columns)]
    row = 0
    for row, (cells, fault) in enumerate(records, start=1):
        place = f"{name}, row {row}"
        if fault is None and len(cells) != len(columns):
            fault = _wrong_width(cells, columns)
        if fault is not None:
            yield problem_at(place, fault)
        else:
            yield Row(place, layout, {column: cells[position] for column, position in positions})
    if row == 0:
        raise Unreadable(name, f"no rows, only a header: {listed(tuple(columns))}", "empty file")


def _with_separator(source: Iterator[Line]) -> tuple[Iterator[Line], Dialect]:
    """Tell a CSV's separator from its header; return its lines from the header on, and its dialect."""
    for line in source:
        if line.raw is not None and not line.raw.strip(b"\r\n"):
            continue
        names = b"" if line.raw is None else _QUOTED.sub(b"", line.raw)
        semicolons = b";" in names and b"," not in names
        return itertools.chain([line], source), replace(CSV, delimiter=";") if semicolons else CSV
    return iter(()), CSV


def _wrong_width(cells: list[str], columns: list[str]) -> Fault:
    return Fault(
        f"the header names {len(columns)} columns; got {len(cells)} (from {shown(cells[0], 20)})",
        "wrong number of columns",
        hint="put a field that holds the separator or a line end in double quotes",
    )


def _parse(source: Iterator[Line], dialect: Dialect) -> Iterator[_Parsed]:
    """Yield every record, malformed ones with their fault.

    A quote that is never closed makes one record of the rest of the file. Its first line is then the bad record,
    and each line after it is a record by itself: every one of them lies within the open quote, so one that opens
    another could not be closed either. The work stays linear.
    """
    # The csv module's own limit (131,072 characters a field) belongs to the whole process; it is only raised.
    if csv.field_size_limit() < lines.MAX_RECORD_BYTES:
        csv.field_size_limit(lines.MAX_RECORD_BYTES)
    feed = _Feed(source)
    rows = _reader(feed, dialect)
    while True:
        feed.forget()
        try:
            cells = next(rows)
        except StopIteration:
            return
        except _TooLongError:
            pass
        except csv.Error as error:
            if not feed.exhausted:
                yield _Parsed([], feed.fault or _malformed(error, dialect))
                continue
        else:
            if cells or feed.fault is not None:
                yield _Parsed(cells, feed.fault)
            continue
        first, *rest = feed.pending
        yield _Parsed([], too_long(first) if first.raw is None else _unclosed(first, feed))
        for line in rest:
            yield from _parse_alone(line, dialect)


class _TooLongError(Exception):
    """A record exceeds the bound."""


class _Feed:
    """Hands physical lines to `csv.reader` and remembers those of the present record."""

    def __init__(self, source: Iterator[Line]) -> None:
        self._source = source
        self.exhausted = False
        self.forget()

    def forget(self) -> None:
        """Begin a record."""
        self.pending: list[Line] = []
        self.fault: Fault | None = None
        self._size = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = next(self._source, None)
        if line is None:
            self.exhausted = True
            raise StopIteration
        self.pending.append(line)
        if line.raw is None:
            raise _TooLongError
        self._size += len(line.raw)
        if self._size > lines.MAX_RECORD_BYTES:
            raise _TooLongError
        text, fault = decode(line)
        if self.fault is None:
            self.fault = fault
        return text


def _parse_alone(line: Line, dialect: Dialect) -> Iterator[_Parsed]:
    """Parse one line that has to be a whole record."""
    if line.raw is None:
        yield _Parsed([], too_long(line))
        return
    text, fault = decode(line)
    if fault is None:
        try:
            cells = next(_reader(iter([text]), dialect))
        except csv.Error as error:
            fault = _malformed(error, dialect)
        else:
            if cells:
                yield _Parsed(cells, None)
            return
    yield _Parsed([], fault)


def _reader(source: Iterator[str], dialect: Dialect) -> Iterator[list[str]]:
    quoting = csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE
    return csv.reader(source, delimiter=dialect.delimiter, quoting=quoting, strict=True)


def _unclosed(first: Line, feed: _Feed) -> Fault:
    end = "by the end of the file" if feed.exhausted else f"within {lines.MAX_RECORD_BYTES:,} bytes"
    return Fault(
        f"a quote opened in the record on line {first.number} is not closed {end}",
        "unbalanced quote",
        hint='close the quote; a quote within a quoted field is written twice ("")',
    )


def _malformed(error: csv.Error, dialect: Dialect) -> Fault:
    if "new-line" in str(error):
        return Fault(
            "a carriage return (0x0D) stands outside quotes and not before a line end",
            "stray carriage return",
            hint="use line ends \\n or \\r\\n, and quote a field that holds a carriage return",
        )
    hint = 'write a quote within a quoted field twice ("")'
    if dialect.delimiter == "\t":
        hint += ", or read a table whose quotes are ordinary characters with --format tsv-raw"
    return Fault(
        f"a quoted field must end before a separator or a line end; got {error}",
        "unbalanced quote",
        hint=hint,
    )
