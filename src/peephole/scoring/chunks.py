"""The rows of a file, some thousands at a time, with all their columns and with what is wrong among them.

What is bad is one row's, or the rest of one file's; the rows before and after it are handed out.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from peephole.errors import require
from peephole.reading.columns import Request, find_columns
from peephole.reading.compression import open_bytes, open_stdin
from peephole.reading.examine import Examiner, Rules
from peephole.reading.folders import read_folder
from peephole.reading.hub import read_hub
from peephole.reading.parquet import parquet_file, rows_of
from peephole.reading.records import Item, Layout, Problem, Unreadable, listed
from peephole.reading.source import READERS, STDIN
from peephole.scoring.inputs import FOLDER, HUB, InputFile
from peephole.scoring.storage import store_of

Kept: TypeAlias = "dict[str, list[object]]"

_CHARACTERS = 1 << 24  # of a chunk, at most about
_BATCH = 1024  # rows of Parquet decoded at a time
_NUMBER = re.compile(r"(?:^|, )(row|line) (\d+)")


class Reading(NamedTuple):
    """How files are read.

    Args:
        text_column: None: found by its usual name.
        where: column → the value that a row must have there.
    """

    text_column: str | None = None
    where: tuple[tuple[str, str], ...] = ()

    def request(self) -> Request:
        """Return it as readers take it."""
        return Request(self.text_column, where=dict(self.where), labels="absent", whole=True)


class Reject(NamedTuple):
    """A row, or the rest of a file, that cannot be scored.

    Args:
        file: as it was given.
        row: its number, from 1: of the row in a table, of the line in JSONL and plain lines; of the first that is lost, where the
            rest of a file is; None: the whole file.
        place: where exactly.
        reason: the kind of problem in two words.
        rule: what is wrong, with names and values.
        rest: whether the rest of the file was lost with it.
    """

    file: str
    row: int | None
    place: str
    reason: str
    rule: str
    rest: bool


@dataclass
class Chunk:
    """Rows of one file.

    Attributes:
        texts: of the rows that can be scored.
        kept: their columns: a list for each; or, for Parquet, a `pyarrow.Table` of them.
        rejects: what cannot be.
        left_out: rows that `Reading.where` leaves out, in number.
        rows: all rows that were looked at, in number.
    """

    texts: list[str] = field(default_factory=list[str])
    kept: Any = field(default_factory=dict[str, "list[object]"])
    rejects: list[Reject] = field(default_factory=list[Reject])
    left_out: int = 0
    rows: int = 0

    def examined(self, reading: Reading) -> Chunk:
        """Return the chunk with its texts looked at; see `ArrowChunk`."""
        del reading
        return self


@dataclass
class ArrowChunk:
    """Rows of Parquet that nobody has looked at yet: whoever scores them does, so that reading is no more than decoding.

    Attributes:
        table: a `pyarrow.Table` with all columns.
        name: the file's.
        layout: of its columns.
        before: how many rows of the file stand before.
    """

    table: Any
    name: str
    layout: Layout
    before: int

    @property
    def rows(self) -> int:
        """All rows, in number."""
        return int(self.table.num_rows)

    def examined(self, reading: Reading) -> Chunk:
        """Return the rows that can be scored, with their columns, and the others' faults."""
        pyarrow = require("pyarrow", extra="parquet", purpose="reading Parquet files")
        request = reading.request()
        needed = request.needed(self.layout)
        batches = self.table.select(needed).combine_chunks().to_batches()
        starts = itertools.accumulate((batch.num_rows for batch in batches), initial=self.before)
        items = (
            item
            for batch, start in zip(batches, starts, strict=False)
            for item in rows_of(batch, self.name, self.layout, needed, start)
        )
        examiner, chunk, good = _examiner(request), Chunk(rows=self.rows), [False] * self.rows
        for number, item in enumerate(items):
            good[number] = _examine(item, self.name, examiner, chunk) is not None
        chunk.kept = self.table if all(good) else self.table.filter(pyarrow.array(good))
        return chunk


AnyChunk: TypeAlias = "Chunk | ArrowChunk"


def read_chunks(
    file: InputFile, reading: Reading, size: int, told: Callable[[int], None] = lambda at: None
) -> Iterator[AnyChunk]:
    """Yield the rows of a file in chunks of at most `size`, and of at most some sixteen million characters.

    The cuts depend on the file and on `size` alone. There is always a chunk, if only for what is wrong with the file.

    Args:
        file: what to read.
        reading: how.
        size: rows, at least 1.
        told: is called before each chunk with how many of the file's bytes, as stored, were read so far.
    """
    found = 0
    stored = _Stored(file, told)
    chunks = stored.arrow(reading, size) if file.format == "parquet" else stored.rows(reading, size)
    try:
        for chunk in chunks:
            found += 1
            stored.tell()
            yield chunk
    except Unreadable as error:
        yield Chunk(rejects=[_rejected(error.problem, file.name)])
        return
    if not found:
        yield Chunk()


class _Stored:
    """A file that is being read."""

    def __init__(self, file: InputFile, told: Callable[[int], None]) -> None:
        self.file, self._told = file, told
        self._raw: Any = None

    def tell(self) -> None:
        """Say how far reading has come."""
        if self._raw is not None and not self._raw.closed:
            self._told(min(int(self._raw.tell()), self.file.size))

    def arrow(self, reading: Reading, size: int) -> Generator[AnyChunk, None, None]:
        """Yield the chunks of a Parquet file."""
        pyarrow = require("pyarrow", extra="parquet", purpose="reading Parquet files")
        file, name, before = self.file, self.file.name, 0
        batches: list[Any] = []
        rows = octets = 0
        layout: Layout | None = None
        columns: list[str] = []
        broken: Problem | None = None
        try:
            with open_bytes(file.path, name, self._open) as stream, parquet_file(stream, name) as parquet:
                columns = list(parquet.schema_arrow.names)
                layout, problems = find_columns(name, columns, reading.request())
                if layout is None:
                    yield Chunk(rejects=[_rejected(problem, name) for problem in problems])
                    return
                for batch in _batches(parquet, min(_BATCH, size)):
                    while batch.num_rows:
                        batches.append(batch.slice(0, size - rows))
                        batch = batch.slice(size - rows)
                        rows += batches[-1].num_rows
                        octets += batches[-1].nbytes
                        if rows >= size or octets > _CHARACTERS:
                            yield ArrowChunk(pyarrow.Table.from_batches(batches), name, layout, before)
                            batches, before, rows, octets = [], before + rows, 0, 0
        except Unreadable as error:
            broken = error.problem
        if batches and layout is not None:
            yield ArrowChunk(pyarrow.Table.from_batches(batches), name, layout, before)
        if broken is not None:
            yield Chunk(rejects=[_rest(broken, name, f"row {before + rows}" if before + rows else "")])
        elif not before + rows:
            raise Unreadable(name, f"no rows, only the columns {listed(columns)}", "empty file")

    def rows(self, reading: Reading, size: int) -> Generator[AnyChunk, None, None]:
        """Yield the chunks of any other file."""
        request, name = reading.request(), self.file.name
        examiner, chunk, characters, last = _examiner(request), Chunk(), 0, ""
        with closing(self.items(request)) as items:
            try:
                for item in items:
                    last = item.place
                    cells = _examine(item, name, examiner, chunk)
                    chunk.rows += 1
                    if cells is not None:
                        _append(chunk.kept, cells, len(chunk.texts) - 1)
                        characters += sum(len(value) for value in cells.values() if isinstance(value, str))
                    if chunk.rows >= size or characters > _CHARACTERS:
                        yield chunk
                        chunk, characters = Chunk(), 0
            except Unreadable as error:
                chunk.rejects.append(_rest(error.problem, name, last))
        if chunk.rows or chunk.rejects:
            yield chunk

    def items(self, request: Request) -> Generator[Item, None, None]:
        """Yield rows and problems as the readers do."""
        file, name = self.file, self.file.name
        if file.format == HUB:
            yield from read_hub(file.path, request)
        elif file.format == FOLDER:
            yield from read_folder(file.path, name, request)
        elif file.path == STDIN:
            with open_stdin(name) as stream:
                yield from READERS[file.format](stream, name, request)
        else:
            with open_bytes(file.path, name, self._open) as stream:
                yield from READERS[file.format](stream, name, request)

    def _open(self, path: str) -> Any:
        self._raw = store_of(path).open(path)
        return self._raw


def _batches(parquet: Any, size: int) -> Iterator[Any]:
    """Yield the rows of a Parquet file, one row group after the other: what is damaged in one costs none before it."""
    for group in range(parquet.num_row_groups):
        yield from parquet.iter_batches(batch_size=size, row_groups=[group])


def first_items(file: InputFile, reading: Reading, count: int) -> list[Item]:
    """Return the first rows and problems of a file that is no Parquet; one problem alone where it cannot be read."""
    with closing(_Stored(file, lambda at: None).items(reading.request())) as items:
        found: list[Item] = []
        try:
            found += itertools.islice(items, count)
        except Unreadable as error:
            found.append(error.problem)
        return found


def _examiner(request: Request) -> Examiner:
    return Examiner(request, Rules(keep_empty=True, skip_bad=True))


def _examine(item: Item, name: str, examiner: Examiner, chunk: Chunk) -> Mapping[str, object] | None:
    """Add a row's text to a chunk, or what is wrong with it; return its cells where it can be scored."""
    if isinstance(item, Problem):
        chunk.rejects.append(_rejected(item, name))
        return None
    found = examiner.examine(item)
    if found is None:
        chunk.left_out += 1
        return None
    if isinstance(found, list):
        chunk.rejects.append(_rejected(found[0], name))
        return None
    chunk.texts.append(found.text)
    return item.cells


def _append(kept: Kept, cells: Mapping[str, object], before: int) -> None:
    """Add a row to the columns; one that has no such value, or that has a column which no row before had, has None there."""
    for name, value in cells.items():
        column = kept.get(name)
        if column is None:
            column = kept[name] = [None] * before
        column.append(value)
    if len(cells) != len(kept):
        for column in kept.values():
            if len(column) == before:
                column.append(None)


def _rejected(problem: Problem, name: str) -> Reject:
    number = _NUMBER.search(problem.place.removeprefix(name).removeprefix(", "))
    row = int(number[2]) if number and problem.skippable else None
    return Reject(name, row, problem.place, problem.reason, problem.rule, not problem.skippable)


def _rest(problem: Problem, name: str, last: str) -> Reject:
    """Return what is wrong with the rest of a file whose last row, at the place `last`, could still be read."""
    number = _NUMBER.search(last.removeprefix(name).removeprefix(", "))
    if number is None or problem.skippable:
        return _rejected(problem, name)
    row = int(number[2]) + 1
    return Reject(name, row, f"{name}, from {number[1]} {row} on", problem.reason, problem.rule, True)
