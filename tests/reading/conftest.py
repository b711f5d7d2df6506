"""What the tests of reading share."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from peephole.errors import DataError
from peephole.reading import read

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file in a fresh current folder; messages then name it as a user would."""
    monkeypatch.chdir(tmp_path)

    def write_file(name: str, content: str | bytes, *, packed: bool = False) -> str:
        data = content.encode("utf-8") if isinstance(content, str) else content
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data) if packed else data)
        return name

    return write_file


@pytest.fixture
def refusal() -> Callable[..., str]:
    """Read to the end, expecting the error, and return its message."""

    def message(*args: object, **options: object) -> str:
        stream = read(*args, **options)  # type: ignore[arg-type]
        with pytest.raises(DataError) as caught:
            list(stream)
        return str(caught.value)

    return message
