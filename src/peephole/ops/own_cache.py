"""The cache of compiled cells: a folder of this user's, in which no file is believed that is not what its name says.

The folder is ``$PEEPHOLE_CACHE``, or ``$XDG_CACHE_HOME/peephole``, or ``~/.cache/peephole``. A library in it is called
``<what it was made from>-<what it holds>.so``, both as digests. A library is code that runs in this process, so a file cut
short, changed, or put there by somebody else is as good as none. Files are renamed into place whole; two processes that make the
same library at once make the same file, or two that are both right.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from peephole.errors import BackendUnavailable
from peephole.files import write_synced

_HINT = "set PEEPHOLE_CACHE to a folder of your own"
_MAKING = "making-"  # folders in which libraries are being made
_DAY = 86400.0  # seconds


def cache_folder(*, make: bool = True) -> Path:
    """The cache, readable and writable by this user only.

    Args:
        make: whether to make it if it is not there.

    Returns:
        Its path, free of links: nobody can lead us elsewhere between this look and the next.

    Raises:
        BackendUnavailable: it belongs to somebody else, or others may write into it or exchange it.
        OSError: it cannot be made or looked at.
    """
    folder = Path(os.path.realpath(_named()))
    if make:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    elif not folder.exists():
        return folder
    status = folder.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise BackendUnavailable(
            f"the cache of compiled cells must be a folder; got the file {folder}", hint=_HINT
        )
    if not _is_ours(status):
        raise BackendUnavailable(
            f"the cache of compiled cells, {folder}, must belong to you and be writable by nobody else",
            hint=_HINT,
        )
    for above in folder.parents:
        mode = above.stat().st_mode
        if os.name == "posix" and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise BackendUnavailable(
                f"the cache of compiled cells, {folder}, must not lie in a folder in which everybody may rename what is there; "
                f"got {above}",
                hint=_HINT,
            )
    return folder


def _named() -> Path:
    if named := os.environ.get("PEEPHOLE_CACHE"):
        return Path(named)
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if base.is_absolute():  # its specification: a relative one is to be ignored
        return base / "peephole"
    try:
        return Path.home() / ".cache" / "peephole"
    except RuntimeError as error:
        raise BackendUnavailable(f"the cache of compiled cells has no place: {error}", hint=_HINT) from None


def _is_ours(status: os.stat_result) -> bool:
    """Whether a file or folder belongs to this user, and nobody else may write to it."""
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def lookup(folder: Path, key: str) -> Path | None:
    """The library made from what `key` stands for, if it is there and whole."""
    for path in sorted(folder.glob(f"{key}-*.so")):
        try:
            status = path.lstat()
            if (
                stat.S_ISREG(status.st_mode)
                and _is_ours(status)
                and path.name == _name(key, path.read_bytes())
            ):
                return path
        except FileNotFoundError:  # cleared away by somebody just now
            continue
    return None


def add(folder: Path, key: str, make: Callable[[Path], Path]) -> Path:
    """Make a library in a folder for that alone, and rename it into the cache.

    Args:
        folder: the cache.
        key: digest of what the library is made from.
        make: is given an empty folder, makes the library in it and returns its path.

    Returns:
        The library's path in the cache.
    """
    _sweep(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_MAKING) as name:
        content = make(Path(name)).read_bytes()
        whole = Path(name) / "whole"
        write_synced(
            whole, content
        )  # what was read is what is named, and is on the disk before it has the name
        whole.chmod(0o700)
        library = folder / _name(key, content)
        whole.replace(library)
    return library


def _name(key: str, content: bytes) -> str:
    return f"{key}-{hashlib.sha256(content).hexdigest()[:32]}.so"


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed while compiling have left."""
    for left in folder.glob(f"{_MAKING}*"):
        try:
            if time.time() - left.stat().st_mtime > _DAY:
                shutil.rmtree(left, ignore_errors=True)
        except FileNotFoundError:
            continue
