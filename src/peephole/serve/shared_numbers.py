"""Where several processes keep their numbers for Prometheus: room that cannot run out while they answer.

Prometheus's client library maps sparse files. On a file system that is full when one of their pages is first written, the system
ends the process with SIGBUS, and would end each that takes its place. So the room is taken before the library sees the files.

The library decides when it is imported, by the variable `FOLDER`, whether numbers are shared, so nothing here imports it at once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import struct
import tempfile
from pathlib import Path

from peephole.serve.logs import log

FOLDER = "PROMETHEUS_MULTIPROC_DIR"

_FILES = ("counter", "gauge_livesum", "histogram")  # of each process, as the library names them
_BYTES = 1 << 18  # of each file: twice what all paths, methods and statuses take
_MODEL_BYTES = 1 << 14  # and for each model


def make_folder() -> Path | None:
    """Make the folder, in memory where there is such a place, and name it to the library; None where there is no room."""
    shared = Path("/dev/shm")  # noqa: S108 (mkdtemp makes a folder of its own there, for this user alone)
    memory = shared if shared.is_dir() and os.access(shared, os.W_OK) else None
    try:
        folder = tempfile.mkdtemp(prefix="peephole-serve-", dir=memory)
    except OSError as error:
        _say_alone(error)
        return None
    os.environ[FOLDER] = folder
    return Path(folder)


def take_room(models: int) -> bool:
    """Take the room for this process's numbers; where there is none, it keeps them to itself, and False is returned.

    Args:
        models: how many there are, at least 1.
    """
    if FOLDER not in os.environ:
        return False
    size = _BYTES + models * _MODEL_BYTES
    new: list[Path] = []
    try:
        for name in _FILES:
            path = Path(os.environ[FOLDER], f"{name}_{os.getpid()}.db")
            if not path.exists():
                new.append(path)
            _lengthen(path, size)
    except OSError as error:
        for path in new:
            path.unlink(missing_ok=True)
        del os.environ[FOLDER]
        _say_alone(error)
        return False
    return True


def let_go(process: int) -> None:
    """Keep of a process that has ended what still counts, and no room."""
    if FOLDER not in os.environ:
        return
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(process)
    for path in Path(os.environ[FOLDER]).glob(f"*_{process}.db"):
        with contextlib.suppress(OSError), path.open("r+b") as file:
            (used,) = struct.unpack("i", file.read(4))
            file.truncate(max(used, 8))


def _lengthen(path: Path, size: int) -> None:
    """Write zeros up to a size. A file is whole when others first see it; one of an earlier process of that number is kept."""
    if path.exists():
        with path.open("ab") as file:
            file.write(bytes(max(0, size - file.tell())))
        return
    part = path.with_suffix(".part")
    try:
        part.write_bytes(bytes(size))
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def _say_alone(error: OSError) -> None:
    log(
        "no room for numbers that all processes share; /metrics tells of the one that is asked",
        logging.WARNING,
        pid=os.getpid(),
        detail=error.strerror or str(error),
    )
