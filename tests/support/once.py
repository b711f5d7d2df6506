"""What takes long to make is made once for all processes of a test run, not once in each of them."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def of_all_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder of this run that all of pytest's processes see."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextmanager
def once(folder: Path) -> Iterator[bool]:
    """Make `folder` and tell whether it must be filled; who asks meanwhile waits. Where the block fails, the next fills it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = folder / ".made"
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if made.exists():
            yield False
            return
        shutil.rmtree(folder, ignore_errors=True)  # what a failure left
        folder.mkdir()
        yield True
        made.touch()
