"""Files wherever they are: paths of this machine, and addresses such as ``s3://bucket/texts.csv``."""

from __future__ import annotations

import contextlib
import glob
import io
import os
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from peephole.files import in_place_of, sync_folder


class Stat(NamedTuple):
    """What tells whether a file is still the same.

    Args:
        size: bytes.
        mark: the time of its last change, or the store's own tag of its content.
    """

    size: int
    mark: str


def is_address(path: str) -> bool:
    """Return whether a path is an address of a store.

    >>> is_address("s3://bucket/a.csv"), is_address("a.csv"), is_address("hf:imdb")
    (True, False, False)
    """
    scheme, separator, rest = path.partition("://")
    return bool(separator and rest) and scheme.replace("+", "").isalnum()


def store_of(path: str) -> Store:
    """Return where a path leads: `Store` for this machine, or one that speaks to what its address names."""
    if not is_address(path) or path.startswith("file://"):
        return Store()
    from peephole.scoring.remote import Remote  # which stands on `Store`

    scheme, _, rest = path.partition("://")
    return Remote(scheme, rest.partition("/")[0])


def join(folder: str, name: str) -> str:
    """Return the path of a name in a folder.

    >>> join("s3://bucket/out/", "part"), join("out", "part")
    ('s3://bucket/out/part', 'out/part')
    """
    return f"{folder.rstrip('/')}/{name}" if is_address(folder) else os.path.join(folder, name)  # noqa: PTH118


class Store:
    """The files of this machine."""

    shared = False  # whether other machines see the same files for certain

    def open(self, path: str) -> io.BufferedReader:
        """Open a file to read its bytes."""
        return open(_local(path), "rb")  # noqa: PTH123  the caller closes it

    def stat(self, path: str) -> Stat | None:
        """Return a file's size and mark; None: there is none."""
        try:
            found = os.stat(_local(path))  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Stat(found.st_size, str(found.st_mtime_ns))

    def is_folder(self, path: str) -> bool:
        """Return whether a path is a folder."""
        return os.path.isdir(_local(path))  # noqa: PTH112

    def files(self, folder: str) -> list[str]:
        """Return the paths of all visible files below a folder, sorted; names with ``.`` or ``_`` in front are not visible."""
        found: list[str] = []
        for base, folders, names in os.walk(_local(folder)):
            folders[:] = [name for name in folders if visible(name)]
            found += [os.path.join(base, name) for name in names if visible(name)]  # noqa: PTH118
        return sorted(found)

    def names(self, folder: str) -> list[str]:
        """Return all names in a folder, sorted; none where there is no folder."""
        try:
            return sorted(os.listdir(_local(folder)))  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            return []

    def glob(self, pattern: str) -> list[str]:
        """Return the paths that a pattern with ``* ? [`` matches, sorted."""
        return sorted(glob.glob(_local(pattern), recursive=True))  # noqa: PTH207

    def read(self, path: str) -> bytes:
        """Return a file's bytes."""
        with self.open(path) as file:
            return file.read()

    @contextlib.contextmanager
    def writing(self, path: str) -> Generator[BinaryIO, None, None]:
        """Open a file that takes the place of `path` when all went well: its bytes are on the disk before it has the name."""
        target = Path(_local(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        with in_place_of(target) as neighbour, neighbour.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        sync_folder(target.parent)

    def remove(self, path: str) -> None:
        """Remove a file or a folder, whatever is in it; nothing happens where there is none."""
        target = Path(_local(path))
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)

    def check(self, path: str) -> None:
        """Say why nothing was found at a path, where there is another reason than that nothing is there."""

    def lock(self, path: str) -> BinaryIO | None:
        """Hold a file for this process until what is returned is closed, or the process ends; None: it is held already."""
        target = Path(_local(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        file = target.open("ab")
        if os.name == "posix":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                return None
        return file


def _local(path: str) -> str:
    return path.removeprefix("file://")


def visible(name: str) -> bool:
    """Return whether a name in a folder of tables is read: ``.`` and ``_`` in front hide it."""
    return not name.startswith((".", "_"))
