"""The files of a store elsewhere, by its address, as `Store` has those of this machine."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, BinaryIO

from peephole.scoring.clients import answering, client_of
from peephole.scoring.storage import Stat, Store, visible

_MARKS = (
    "ETag",
    "etag",
    "md5Hash",
    "crc32c",
    "checksum",
    "blob_id",
    "mtime",
    "LastModified",
    "last_modified",
    "created",
)


class Remote(Store):
    """The files of a store elsewhere.

    Args:
        scheme: what stands before ``://``.
        place: what stands between it and the next ``/``: a bucket, or a host.

    Raises:
        BackendUnavailable: here and in all methods: the store cannot be reached, or refuses what is asked.
    """

    shared = True

    def __init__(self, scheme: str, place: str) -> None:
        self._scheme = scheme
        with answering(f"{scheme}://{place}"):
            self._fs = client_of(scheme, place)

    def open(self, path: str) -> io.BufferedReader:
        """Open a file to read its bytes; one that is not there is an `OSError`, as on this machine."""
        with answering(path):
            return io.BufferedReader(_Bytes(self._fs.open(self._inner(path), "rb"), path), 1 << 20)

    def stat(self, path: str) -> Stat | None:  # noqa: D102
        found = self._info(path)
        if found is None:
            return None
        mark = next((str(found[name]) for name in _MARKS if found.get(name) is not None), "")
        return Stat(int(found.get("size") or 0), mark)

    def is_folder(self, path: str) -> bool:  # noqa: D102
        found = self._info(path)
        return found is not None and found["type"] == "directory"

    def files(self, folder: str) -> list[str]:  # noqa: D102
        top = self._inner(folder).rstrip("/")
        found = [str(path) for path in self._fs.find(top)]
        below = [path for path in found if all(map(visible, path[len(top) :].strip("/").split("/")))]
        if not found:
            self._list(top, folder)
        return [self._outer(path) for path in sorted(below)]

    def names(self, folder: str) -> list[str]:  # noqa: D102
        return sorted(path.rstrip("/").rpartition("/")[2] for path in self._list(self._inner(folder), folder))

    def glob(self, pattern: str) -> list[str]:  # noqa: D102
        inner = self._inner(pattern)
        found = [self._outer(str(path)) for path in sorted(self._fs.glob(inner))]
        if not found:
            plain = inner[: min(inner.find(mark) for mark in "*?[" if mark in inner)]
            self._list(plain.rpartition("/")[0], pattern)
        return found

    @contextlib.contextmanager
    def writing(self, path: str) -> Generator[BinaryIO, None, None]:
        """Open a file that is sent when it is whole; stores of objects show it when all of it has arrived."""
        with tempfile.TemporaryDirectory(prefix="peephole-") as folder:
            local = Path(folder, "part")
            with local.open("xb") as file:
                yield file
            inner = self._inner(path)
            with answering(path):
                self._fs.makedirs(inner.rpartition("/")[0], exist_ok=True)
                self._fs.put_file(str(local), inner)

    def remove(self, path: str) -> None:  # noqa: D102
        with contextlib.suppress(FileNotFoundError), answering(path):
            self._fs.rm(self._inner(path), recursive=True)

    def lock(self, path: str) -> BinaryIO | None:
        """Stores of objects have no locks."""
        return io.BytesIO()

    def check(self, path: str) -> None:
        """Ask why nothing was found, which a store need not say when it is asked for one file."""
        self._list(self._inner(path).rpartition("/")[0], path)

    def _info(self, path: str) -> Any:
        """What the store knows of a path; None: there is nothing. `isdir` would take any failure for that."""
        with contextlib.suppress(FileNotFoundError), answering(path):
            return self._fs.info(self._inner(path))
        return None

    def _list(self, inner: str, path: str) -> list[str]:
        """What stands in a folder: `find` and `glob` pass over what they may not see, and this does not."""
        self._fs.invalidate_cache()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), answering(path):
            return [str(found) for found in self._fs.ls(inner, detail=False)]
        return []

    def _inner(self, path: str) -> str:
        return str(self._fs._strip_protocol(path))

    def _outer(self, path: str) -> str:
        return f"{self._scheme}://{path.lstrip('/')}" if self._scheme != "memory" else f"memory://{path}"


class _Bytes(io.RawIOBase):
    """A file of a store. A store that stops answering ends the job, which goes on later: no file is given up for it.

    Args:
        file: as the store's client opened it.
        path: its address.
    """

    def __init__(self, file: Any, path: str) -> None:
        self._file, self._path = file, path

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._file.seekable())

    def readinto(self, buffer: Any) -> int:
        with answering(self._path):
            found = self._file.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
