"""`read`: any number of sources, in any of the formats, as one stream of records."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, TypeAlias, cast

from peephole.errors import OptionError, check_choice
from peephole.files import nearest_path
from peephole.reading import hub
from peephole.reading.columns import LabelMode, Request
from peephole.reading.compression import open_bytes, open_stdin, unpacked_name
from peephole.reading.dataset_rows import dataset_rows, is_dataset
from peephole.reading.examine import Rules
from peephole.reading.folders import read_folder
from peephole.reading.jsonl import read_jsonl
from peephole.reading.lines import read_plain
from peephole.reading.parquet import read_parquet
from peephole.reading.records import Item, Problem, Unreadable, printable
from peephole.reading.stream import RecordStream, Source
from peephole.reading.tables import CSV, RAW_TSV, TSV, read_table

StrPath: TypeAlias = "str | os.PathLike[str]"
Reader: TypeAlias = Callable[[BinaryIO, str, Request], Iterator[Item]]

READERS: dict[str, Reader] = {
    "csv": functools.partial(read_table, dialect=CSV),
    "tsv": functools.partial(read_table, dialect=TSV),
    "tsv-raw": functools.partial(read_table, dialect=RAW_TSV),
    "jsonl": read_jsonl,
    "lines": read_plain,
    "parquet": read_parquet,
}
FORMATS = (*READERS, "folder")
_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".txt": "lines",
    ".parquet": "parquet",
    ".pq": "parquet",
}
STDIN = "-"


def read(
    sources: StrPath | Any | Sequence[StrPath | Any],
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    group_optional: bool = False,
    split_column: str | None = None,
    columns: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    format: str | None = None,
    labels: LabelMode = "optional",
    known_labels: Sequence[str] | None = None,
    keep_empty: bool = False,
    skip_bad: bool = False,
) -> RecordStream:
    r"""Read texts, with or without labels, as a stream of records in the order of the sources.

    Nothing is opened before the first record is asked for, and nothing is ever written.

    Args:
        sources: one or several of: a CSV, TSV, JSONL, plain-lines (.txt) or Parquet file, each also gzip; a folder
            with one sub-folder of texts for each class; ``"-"`` for standard input; ``"hf:OWNER/NAME"`` for a
            Hugging Face data set; or a `datasets.Dataset` or `IterableDataset` itself, whose class names become labels.
        text_column: the column of the texts. None finds text, review, sentence or content, in any case.
        label_column: the column of the labels. None finds label, sentiment, class or target, in any case.
        group_column: a column whose value becomes `Record.group`.
        group_optional: a source may lack that column; `Record.group` is then None.
        split_column: a column to hand out in `Record.fields`, like those of `columns`.
        columns: further columns to hand out in `Record.fields`, by their names.
        where: column name to value; only rows with exactly these values are read.
        format: csv, tsv, tsv-raw (quotes are ordinary characters), jsonl, lines, parquet or folder, for all
            sources. None goes by the name's ending; standard input is then plain lines.
        labels: ``"required"`` (a missing label is a problem, and so is a single class), ``"optional"`` or ``"absent"``
            (none is looked for).
        known_labels: the labels allowed, in the order of their indices; a label may then also be an index.
        keep_empty: hand out empty texts instead of treating them as problems.
        skip_bad: leave bad records out and count them in `RecordStream.skipped`.

    Returns:
        An iterator of `Record`. It raises one `DataError` with every problem and its place.

    Raises:
        OptionError: an argument is not one of the allowed values.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "reviews.csv")
        ...     _ = path.write_text("text,label\nGreat.,positive\nDull.,negative\n")
        ...     [(record.text, record.label) for record in read(path)]
        [('Great.', 'positive'), ('Dull.', 'negative')]
    """
    one = isinstance(sources, (str, os.PathLike)) or is_dataset(sources)
    given = cast("Sequence[Any]", [sources] if one else sources)
    check_choice("read", "labels", labels, ("required", "optional", "absent"))
    if format is not None:
        check_choice("read", "format", format, FORMATS)
    if label_column is not None and labels == "absent":
        raise OptionError(f"read: label_column must be None where labels='absent'; got {label_column!r}")
    if text_column is not None and text_column == label_column:
        raise OptionError(f"read: text_column and label_column must differ; got {text_column!r} for both")
    names = [source if is_dataset(source) else os.fspath(source) for source in given]
    if not names:
        raise OptionError("read: sources must name at least one file, folder or data set; got none")
    if sum(isinstance(name, str) and name == STDIN for name in names) > 1:
        raise OptionError("read: standard input '-' can be read once; got it twice")
    if isinstance(columns, str):
        raise OptionError(f"read: columns must be a sequence of names; got the single string {columns!r}")
    extra = dict.fromkeys(columns if split_column is None else [split_column, *columns])
    request = Request(
        text_column, label_column, group_column, tuple(extra), dict(where or {}), labels, group_optional
    )
    rules = Rules(None if known_labels is None else tuple(known_labels), keep_empty, skip_bad)
    return RecordStream([_source(name, format, request) for name in names], request, rules)


def _source(path: Any, format_name: str | None, request: Request) -> Source:
    if not isinstance(path, str):
        if format_name is not None:
            raise OptionError(f"read: format must be None for a data set; got {format_name!r}")
        name = str(getattr(path.info, "dataset_name", None) or "the data set")
        return Source(name, lambda: None, lambda: dataset_rows(path, name, request))
    if path == STDIN:
        if format_name == "folder":
            raise OptionError("read: standard input cannot be read as format 'folder'")
        return Source("stdin", lambda: None, lambda: _stdin_items(format_name or "lines", request))
    if path.startswith(hub.PREFIX):
        hub.parse_hub_name(path)
        if format_name is not None:
            raise OptionError(f"read: format must be None for {path}; got {format_name!r}")
        return Source(path, lambda: None, lambda: hub.read_hub(path, request))
    name = printable(path) or "''"
    return Source(name, lambda: _absent(path, name), lambda: _path_items(path, name, format_name, request))


def _absent(path: str, name: str) -> Problem | None:
    if os.path.exists(path):  # noqa: PTH110  the path is kept as it was given
        return None
    return Problem(
        name,
        f"no such file or folder{nearest_path(path)}",
        "not found",
        "check the name; relative names start here",
        skippable=False,
    )


def _stdin_items(format_name: str, request: Request) -> Iterator[Item]:
    with open_stdin("stdin") as stream:
        yield from READERS[format_name](stream, "stdin", request)


def _path_items(path: str, name: str, format_name: str | None, request: Request) -> Iterator[Item]:
    folder = os.path.isdir(path)  # noqa: PTH112
    if folder != (format_name == "folder") and format_name is not None:
        kind = "a folder" if folder else "a file"
        raise Unreadable(name, f"format {format_name!r} cannot be read from {kind}", "wrong format")
    if folder:
        yield from read_folder(path, name, request)
        return
    reader = READERS[format_name or format_by_name(path, name)]
    with open_bytes(path, name) as stream:
        yield from reader(stream, name, request)


def format_by_name(path: str, name: str) -> str:
    """Return the format that a path's ending tells.

    Raises:
        Unreadable: it tells none; `name` is what the message calls the path.
    """
    suffix = os.path.splitext(unpacked_name(path))[1].lower()  # noqa: PTH122
    if suffix not in _SUFFIXES:
        known = ", ".join(_SUFFIXES)
        raise Unreadable(
            name,
            f"the format is told by the name's ending, one of {known} (also with .gz); got {suffix or 'none'!r}",
            "unknown format",
            f"say it with --format, one of {', '.join(READERS)}",
        )
    return _SUFFIXES[suffix]
