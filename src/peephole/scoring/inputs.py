"""From what is typed to the files that will be read, each with what tells whether it is still the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from peephole.errors import DataError
from peephole.files import nearest_path
from peephole.reading.hub import PREFIX, parse_hub_name
from peephole.reading.records import Unreadable, printable
from peephole.reading.source import STDIN, format_by_name
from peephole.scoring.storage import Store, is_address, store_of

HUB = "hub"
FOLDER = "folder"


class InputFile(NamedTuple):
    """Something to read.

    Args:
        path: where it is.
        format: one of `reading.FORMATS`, or `HUB`.
        size: bytes, as stored; 0 where it has none.
        mark: as `Stat` has it.
    """

    path: str
    format: str
    size: int = 0
    mark: str = ""

    @property
    def name(self) -> str:
        """What messages call it."""
        return "stdin" if self.path == STDIN else printable(self.path)

    @property
    def again(self) -> bool:
        """Whether it can be read a second time, by any process."""
        return self.path != STDIN


def find_inputs(sources: Sequence[str], format: str | None) -> list[InputFile]:
    """Return the files that sources mean, in their order.

    Args:
        sources: files; folders, meaning all tables below them in the order of their names, or class folders of texts where there
            is no table; patterns with ``* ? [``; ``-``; ``hf:NAME``; and addresses of the first three.
        format: of all of them; None: as their names tell.

    Raises:
        DataError: one of them is not there, has no readable ending, or stands twice; all of those are listed.
    """
    found: list[InputFile] = []
    problems: list[tuple[str, str]] = []
    for source in sources:
        if source == STDIN:
            found.append(InputFile(STDIN, format or "lines"))
        elif source.startswith(PREFIX) and not is_address(source):
            parse_hub_name(source)
            found.append(InputFile(source, HUB))
        else:
            try:
                found += _stored(source, format)
            except Unreadable as error:
                problems.append((error.problem.place, error.problem.rule))
    seen: set[str] = set()
    for file in found:
        if file.path in seen:
            problems.append((file.name, "is to be read twice"))
        seen.add(file.path)
    if problems:
        raise DataError(f"predict: {len(problems)} of the sources cannot be read", problems=problems)
    return found


def _stored(source: str, format: str | None) -> list[InputFile]:
    store = store_of(source)
    if store.is_folder(source):
        return _in_folder(store, source, format)
    if store.stat(source) is not None:
        return [_file(store, source, format)]
    matched = store.glob(source) if any(mark in source for mark in "*?[") else []
    if not matched:
        store.check(source)
        near = "" if is_address(source) else nearest_path(source)
        raise Unreadable(printable(source), f"no such file or folder{near}", "not found")
    return [_file(store, path, format) for path in matched if not store.is_folder(path)]


def _in_folder(store: Store, source: str, format: str | None) -> list[InputFile]:
    paths = store.files(source)
    tables = [
        path for path in paths if _suffix_of(path) and (format is not None or _suffix_of(path) != "lines")
    ]
    if format != FOLDER and tables:
        return [_file(store, path, format) for path in tables]
    if not paths or store.shared:
        rule = "a folder without a table (.csv, .tsv, .jsonl or .parquet, also with .gz)"
        raise Unreadable(printable(source), rule, "not found")
    stats = [stat for path in paths if (stat := store.stat(path)) is not None]
    newest = max((stat.mark for stat in stats), key=int)
    return [InputFile(source, FOLDER, sum(stat.size for stat in stats), f"{len(stats)} files, {newest}")]


def _suffix_of(path: str) -> str | None:
    try:
        return format_by_name(path, path)
    except Unreadable:
        return None


def _file(store: Store, path: str, format: str | None) -> InputFile:
    stat = store.stat(path)
    if stat is None:
        raise Unreadable(printable(path), "no such file or folder", "not found")
    return InputFile(path, format or format_by_name(path, printable(path)), stat.size, stat.mark)
