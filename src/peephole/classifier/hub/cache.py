"""The cache of the Hub's library on disk: the links of a snapshot, and where they may lead.

    models--OWNER--NAME/snapshots/COMMIT/config.json  →  ../../blobs/ETAG
    models--OWNER--NAME/blobs/ETAG                    →  ../../blobs/AB/ABCD…, or the file itself

A model folder must not hold links, since a hostile one could lead anywhere. Those of a snapshot lead to files of the same cache,
and are followed only where they are of exactly this form.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

# Compiled when a link is met, which is never for a model folder of one's own.
_REPOSITORY = r"models--.+"
_BLOB = r"[A-Za-z0-9_-]{1,128}"
_SHARED = r"[0-9a-f]{2}/[0-9a-f]{64}"


def cached_blob(file: Path) -> Path | None:
    """Return the file that a link in a snapshot of the cache stands for; None where it is no such link.

    Nothing is opened. The folders on the way are no links, and the file returned may still be anything but a link.

    Args:
        file: a link.
    """
    folder = Path(os.path.abspath(file.parent))  # noqa: PTH100  a link in the path itself, such as ~/.cache, stays
    repository = folder.parent.parent
    if folder.parent.name != "snapshots" or not re.fullmatch(_REPOSITORY, repository.name):
        return None
    blob = _linked(folder / file.name, repository / "blobs", _BLOB)
    if blob is None or not blob.is_symlink():
        return blob
    return _linked(blob, repository.parent / "blobs", _SHARED)


def _linked(link: Path, store: Path, name: str) -> Path | None:
    """Return where a link leads, if that is a name of this form in this folder."""
    target = Path(os.path.normpath(link.parent / link.readlink()))
    if not target.is_relative_to(store) or not re.fullmatch(name, target.relative_to(store).as_posix()):
        return None
    return target if _is_folder(store) and _is_folder(target.parent) else None


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False
