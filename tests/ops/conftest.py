"""A cache and a compiler for cells of one's own."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("PEEPHOLE_CACHE", str(folder))
    monkeypatch.delenv("CXX", raising=False)
    return folder


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a shell script in the compiler's place; `$OUT` is the file it shall make. Returns the log of its runs."""

    def put(body: str, name: str = "fake compiler") -> Path:
        log, path = tmp_path / "log", tmp_path / name
        path.write_text(
            "#!/bin/sh\n"
            'case "$*" in *--version*) echo "fake 1.0"; exit 0;; esac\n'
            f'echo "$@" >> {shlex.quote(str(log))}\n'
            'for OUT in "$@"; do :; done\n' + body + "\n"
        )
        path.chmod(0o700)
        monkeypatch.setenv("CXX", str(path))
        return log

    return put
