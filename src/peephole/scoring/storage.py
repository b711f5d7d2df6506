"""Files wherever they are: paths of this machine, and addresses such as ``s3://bucket/texts.csv``.

Addresses go through fsspec; ``s3``, ``gs`` and ``hdfs`` through pyarrow's own clients where fsspec's is not installed.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import io
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from peephole.errors import MissingExtra, OptionError, require
from peephole.files import in_place_of, sync_folder

_MARKS = (
    "ETag",
    "etag",
    "md5Hash",
    "crc32c",
    "checksum",
    "mtime",
    "LastModified",
    "last_modified",
    "created",
)
_ARROW = ("s3", "gs", "gcs", "hdfs", "viewfs")


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
    return (
        Remote(path.partition("://")[0]) if is_address(path) and not path.startswith("file://") else Store()
    )


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
            folders[:] = [name for name in folders if _visible(name)]
            found += [os.path.join(base, name) for name in names if _visible(name)]  # noqa: PTH118
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


class Remote(Store):
    """The files of a store elsewhere.

    Args:
        scheme: what stands before ``://``.
    """

    shared = True

    def __init__(self, scheme: str) -> None:
        self._scheme = scheme
        self._fs = _filesystem(scheme)

    def open(self, path: str) -> io.BufferedReader:  # noqa: D102
        return io.BufferedReader(self._fs.open(self._inner(path), "rb"), 1 << 20)

    def stat(self, path: str) -> Stat | None:  # noqa: D102
        try:
            found = self._fs.info(self._inner(path))
        except FileNotFoundError:
            return None
        mark = next((str(found[name]) for name in _MARKS if found.get(name) is not None), "")
        return Stat(int(found.get("size") or 0), mark)

    def is_folder(self, path: str) -> bool:  # noqa: D102
        return bool(self._fs.isdir(self._inner(path)))

    def files(self, folder: str) -> list[str]:  # noqa: D102
        top = self._inner(folder).rstrip("/")
        found = [str(path) for path in self._fs.find(top)]
        below = [path for path in found if all(map(_visible, path[len(top) :].strip("/").split("/")))]
        return [self._outer(path) for path in sorted(below)]

    def names(self, folder: str) -> list[str]:  # noqa: D102
        self._fs.invalidate_cache()
        try:
            found = self._fs.ls(self._inner(folder), detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(str(path).rstrip("/").rpartition("/")[2] for path in found)

    def glob(self, pattern: str) -> list[str]:  # noqa: D102
        return [self._outer(str(path)) for path in sorted(self._fs.glob(self._inner(pattern)))]

    @contextlib.contextmanager
    def writing(self, path: str) -> Generator[BinaryIO, None, None]:
        """Open a file that is sent when it is whole; stores of objects show it when all of it has arrived."""
        with tempfile.TemporaryDirectory(prefix="peephole-") as folder:
            local = Path(folder, "part")
            with local.open("xb") as file:
                yield file
            inner = self._inner(path)
            self._fs.makedirs(inner.rpartition("/")[0], exist_ok=True)
            self._fs.put_file(str(local), inner)

    def remove(self, path: str) -> None:  # noqa: D102
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm(self._inner(path), recursive=True)

    def lock(self, path: str) -> BinaryIO | None:
        """Stores of objects have no locks."""
        return io.BytesIO()

    def _inner(self, path: str) -> str:
        return str(self._fs._strip_protocol(path))

    def _outer(self, path: str) -> str:
        return f"{self._scheme}://{path.lstrip('/')}" if self._scheme != "memory" else f"memory://{path}"


def _local(path: str) -> str:
    return path.removeprefix("file://")


def _visible(name: str) -> bool:
    return not name.startswith((".", "_"))


@functools.cache
def _filesystem(scheme: str) -> Any:
    fsspec = require("fsspec", extra="remote", purpose=f"reading and writing {scheme}://")
    try:
        return fsspec.filesystem(scheme)
    except ImportError as error:
        if scheme not in _ARROW:
            raise MissingExtra(f"{scheme}:// needs a package that is not installed: {error}") from error
    except ValueError as error:
        raise OptionError(
            f"{scheme}://: no store is known by that name", hint="for example s3://, gs://, hf:// or file://"
        ) from error
    arrow = require(
        "fsspec.implementations.arrow", extra="remote", purpose=f"reading and writing {scheme}://"
    )
    files = cast("Any", require("pyarrow.fs", extra="parquet", purpose=f"reading and writing {scheme}://"))
    made = (
        files.GcsFileSystem() if scheme in ("gs", "gcs") else files.S3FileSystem() if scheme == "s3" else None
    )
    return arrow.ArrowFSWrapper(made or files.HadoopFileSystem("default"))
