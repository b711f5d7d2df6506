"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import itertools
import json
import os
import re
import secrets
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from peephole.errors import OptionError, closest

_MOST_NEIGHBOURS = 2000  # entries of a folder that are looked at for a message


def nearest_path(path: str | os.PathLike[str], *, folders: bool = False) -> str:
    """Return `` (did you mean 'x'?)`` for what lies beside a path that leads nowhere and is named most like it, or ``""``.

    Where the folder of the path is not there either, it may be that one whose name is mistyped.

    Args:
        path: as it was given; what is offered is written in the same way.
        folders: whether only folders come into question.
    """
    try:
        found = _nearest(Path(path), folders)
    except (OSError, ValueError):  # a folder that must not be read, a name that no file can have
        return ""
    return "" if found is None else f" (did you mean {str(found)!r}?)"


def _nearest(given: Path, folders: bool) -> Path | None:
    if given.parent.is_dir():
        close = closest(given.name, _neighbours(given.parent, folders=folders))
        return None if close is None else given.with_name(close)
    above = given.parent.parent
    there = [name for name in _neighbours(above, folders=True) if (above / name / given.name).exists()]
    close = closest(given.parent.name, there)
    return None if close is None else above / close / given.name


def _neighbours(folder: Path, *, folders: bool) -> list[str]:
    """The names in a folder, without hidden ones."""
    with os.scandir(folder) as entries:
        some = itertools.islice(entries, _MOST_NEIGHBOURS)
        return sorted(
            entry.name for entry in some if entry.name[0] != "." and (entry.is_dir() or not folders)
        )


@contextmanager
def replacing(where: str, path: str | os.PathLike[str]) -> Generator[TextIO, None, None]:
    r"""Open a text file (UTF-8, line ends as written) that takes the place of `path` when all went well.

    The text goes to a neighbour with a temporary name, reaches the disk, and is then renamed: whoever reads
    `path` sees the old file or the new one, never half of it. After an error the neighbour is removed and
    `path` is as it was. A pipe or a device (``/dev/stdout``) cannot be replaced and is written directly.
    Lone surrogates, which UTF-8 cannot hold, are written as ``\udcXX``.

    Raises:
        OptionError: the folder of `path` does not exist, or `path` is itself a folder.
    """
    target = Path(os.path.realpath(path))  # a link keeps pointing; the file behind it is replaced
    if target.is_dir():
        raise OptionError(f"{where}: the path must be a file; got the folder {str(path)!r}")
    if not target.parent.is_dir():
        raise OptionError(
            f"{where}: the folder of the file must exist; got {str(path)!r}", hint="create it first"
        )
    if target.exists() and not target.is_file():
        with target.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            yield file
        return
    with (
        in_place_of(target) as neighbour,
        neighbour.open("x", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def in_place_of(target: Path) -> Generator[Path, None, None]:
    """Yield a path beside `target` to write to; at the end it takes the place of `target`, and after an error it is removed."""
    neighbour = target.with_name(f".{target.name[:80]}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        yield neighbour
        neighbour.replace(target)
    except BaseException:
        neighbour.unlink(missing_ok=True)
        raise


def write_synced(path: Path, content: bytes) -> None:
    """Write a new file and wait until its bytes have reached the disk.

    Raises:
        FileExistsError: the file is there already.
    """
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until a folder's names have reached the disk, where the system can do that for a folder."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(target: Path, content: Mapping[str, bytes]) -> None:
    """Put files into a folder, all of them or none, in place of those that it has.

    The files are written and synced in a folder beside it, which is then renamed; a folder that stands there is renamed first,
    to ``.<name>.old-<number>``. Whoever reads sees the old files, the new ones or, between the two renames, none. A program that
    dies just there leaves the old folder whole under that other name. What else is in the old folder is moved into the new one.

    Args:
        target: a new path, or a folder; parents are made.
        content: the bytes of each file, by its name.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    mark = f"{os.getpid()}-{secrets.token_hex(4)}"
    fresh, aside = (target.with_name(f".{target.name}.{word}-{mark}") for word in ("saving", "old"))
    try:
        fresh.mkdir()
        for name, data in content.items():
            write_synced(fresh / name, data)
        sync_folder(fresh)
        _swap(target, fresh, aside, content)
    finally:
        _remove(fresh, content)
    sync_folder(target.parent)


def _swap(target: Path, fresh: Path, aside: Path, names: Iterable[str]) -> None:
    if not target.exists():
        fresh.rename(target)
        return
    target.rename(aside)
    try:
        fresh.rename(target)
    except OSError:
        aside.rename(target)
        raise
    for entry in aside.iterdir():
        if entry.name not in names:
            entry.rename(target / entry.name)
    _remove(aside, names)


def _remove(folder: Path, names: Iterable[str]) -> None:
    """Remove a folder with nothing but files of these names in it; do nothing when there is none."""
    if folder.is_dir():
        for name in names:
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def as_json(document: Mapping[str, Any]) -> str:
    """Return a document as strict JSON, indented; a list of numbers or of words stands on one line.

    >>> print(as_json({"curve": [1, 0.5], "runs": [{"x": []}]}), end="")
    {
     "curve": [ 1, 0.5 ],
     "runs": [
      {
       "x": []
      }
     ]
    }
    """
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
    return _FLAT.sub(lambda found: re.sub(r"\n\s*", " ", found[0]), text) + "\n"


_FLAT = re.compile(r"\[[^][{}]*\]")


def write_json(where: str, path: Path, document: Mapping[str, Any]) -> None:
    """Write a document as `as_json` has it, whole or not at all.

    Args:
        where: who writes, for messages.
        path: the file.
        document: of plain values.
    """
    with replacing(where, path) as file:
        file.write(as_json(document))


def json_line(document: object) -> str:
    r"""Return a document as one line of strict JSON that no program takes for two, and no terminal acts on.

    Control characters and the Unicode line ends are escaped; other letters stand as they are.

    >>> print(json_line({"text": "one\u2028two\u009b"}))
    {"text": "one\u2028two\u009b"}
    """
    return json.dumps(document, ensure_ascii=False, allow_nan=False).translate(_ESCAPES)


_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}
