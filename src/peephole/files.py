"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from peephole.errors import OptionError


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
    neighbour = target.with_name(f".{target.name[:80]}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        with neighbour.open("x", encoding="utf-8", errors="backslashreplace", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
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


def json_line(document: object) -> str:
    r"""Return a document as one line of strict JSON that no program takes for two, and no terminal acts on.

    Control characters and the Unicode line ends are escaped; other letters stand as they are.

    >>> print(json_line({"text": "one\u2028two\u009b"}))
    {"text": "one\u2028two\u009b"}
    """
    return json.dumps(document, ensure_ascii=False, allow_nan=False).translate(_ESCAPES)


_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}
