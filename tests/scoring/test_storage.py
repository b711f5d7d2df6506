"""Addresses: the same job in a store that is no folder of this machine."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from peephole.errors import MissingExtra, OptionError
from peephole.scoring import ScoreRequest, score
from peephole.scoring.storage import store_of
from support.scored import read_back, write_half


@pytest.fixture
def memory() -> fsspec.AbstractFileSystem:
    """A store in memory, empty."""
    store = fsspec.filesystem("memory")
    store.store.clear()
    store.pseudo_dirs[:] = [""]
    return store


def copied(memory: fsspec.AbstractFileSystem, folder: str, target: Path) -> Path:
    """A folder of the store, on this machine."""
    for path in memory.find(folder):
        to = target / path.strip("/").partition("/")[2]
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(memory.cat_file(path))
    return target


def test_a_job_from_a_store_to_a_store(
    memory: fsspec.AbstractFileSystem, table: Path, model: str, tmp_path: Path
) -> None:
    memory.pipe("/in/a.csv", table.read_bytes())
    memory.pipe("/in/b.csv.gz", b"")
    memory.pipe("/in/_hidden/c.csv", table.read_bytes())
    for source in ("memory://in", "memory://in/*.csv"):
        done = score(
            ScoreRequest(
                (source,), "memory://out.parquet", model=model, workers=1, part_rows=400, restart=True
            )
        )
        assert (done.rows, done.parts) == (1000, 3)
    here = copied(memory, "/out.parquet", tmp_path / "out.parquet")
    assert [row["id"] for row in read_back(here)] == [str(number) for number in range(1000)]
    again = score(ScoreRequest(("memory://in/*.csv",), "memory://out.parquet", model=model, workers=1))
    assert again.seconds == 0
    memory.pipe("/in/a.csv", b"text\nother\n")
    with pytest.raises(OptionError, match=r"memory:///?in/a.csv: changed"):
        score(ScoreRequest(("memory://in/*.csv",), "memory://out.parquet", model=model, workers=1))


def test_one_file_in_a_store(
    memory: fsspec.AbstractFileSystem, table: Path, model: str, tmp_path: Path
) -> None:
    done = score(ScoreRequest((str(table),), "memory://out.jsonl", model=model, workers=1, part_rows=400))
    (tmp_path / "out.jsonl").write_bytes(memory.cat_file("/out.jsonl"))
    assert len(read_back(tmp_path / "out.jsonl")) == done.rows == 1000
    assert [path for path in memory.find("/out.jsonl.parts") if "part-" in path] == []


def test_a_file_that_breaks_off_is_never_seen_in_a_store(memory: fsspec.AbstractFileSystem) -> None:
    with pytest.raises(RuntimeError):
        write_half(store_of("memory://x"), "memory://x/part")
    assert memory.find("/x") == []


def test_file_addresses_are_files(table: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    score(ScoreRequest((f"file://{table}",), f"file://{out}", model=model, workers=1))
    assert [row["id"] for row in read_back(out)] == [str(number) for number in range(1000)]


def test_a_store_that_nobody_knows_is_named(table: Path) -> None:
    with pytest.raises(OptionError, match="nowhere://: no store is known by that name"):
        score(ScoreRequest(("nowhere://a.csv",), "out.csv"))
    if not _installed("adlfs"):
        with pytest.raises(MissingExtra, match=r"abfs:// needs a package that is not installed: .*adlfs"):
            score(ScoreRequest(("abfs://a/a.csv",), "out.csv"))


def _installed(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None
