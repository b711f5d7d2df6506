"""Addresses: the same job in a store that is no folder of this machine."""

from __future__ import annotations

import dataclasses
import sys
from importlib.util import find_spec
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFile

from peephole.errors import BackendUnavailable, DataError, MissingExtra, OptionError
from peephole.scoring import ScoreRequest, score
from peephole.scoring.clients import _client, answering
from peephole.scoring.storage import store_of
from support.fake_hub import fake_hub
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


def test_a_store_that_stops_answering_ends_the_job_which_goes_on(
    memory: fsspec.AbstractFileSystem, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = 20_000
    lines = ["id,text,filler\n", *(f"{number},film {number},{'x' * 200}\n" for number in range(rows))]
    memory.pipe("/in.csv", "".join(lines).encode())
    request = ScoreRequest(("memory://in.csv",), str(tmp_path / "out.parquet"), model=model, workers=1)
    usual = MemoryFile.read

    def lost(self: MemoryFile, size: int = -1) -> bytes:
        if self.tell() > 2_500_000:
            raise ConnectionResetError("the line is dead")
        return usual(self, size)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFile, "read", lost)
        with pytest.raises(
            BackendUnavailable, match=r"memory://in.csv: the store does not do what .*: the line is dead"
        ):
            score(dataclasses.replace(request, part_rows=2_000))
    done = score(request)
    assert 0 < done.earlier_rows < rows
    assert (done.rows, done.rejected) == (rows, {})
    assert [row["id"] for row in read_back(tmp_path / "out.parquet")] == [str(n) for n in range(rows)]


@pytest.mark.parametrize(
    ("error", "rule"),
    [
        (OSError("AWS Error ACCESS_DENIED during HeadObject: no"), "refuses access: AWS Error ACCESS_DENIED"),
        (PermissionError("Forbidden"), "refuses access: Forbidden"),
        (OSError("AWS Error NO_SUCH_BUCKET during ListObjects"), "there is no bucket 'b' in this store"),
        (OSError("curlCode: 7, Could not connect"), "does not do what is asked: curlCode: 7"),
        (RuntimeError("word " * 200), "does not do what is asked: word word"),
    ],
    ids=["denied", "forbidden", "bucket", "network", "long"],
)
def test_what_stores_say_is_told_in_plain_words(error: Exception, rule: str) -> None:
    with pytest.raises(BackendUnavailable) as raised, answering("s3://b/a.csv"):
        raise error
    assert str(raised.value).startswith("s3://b/a.csv: ")
    assert rule in str(raised.value)
    assert "\nhint: " in str(raised.value)
    assert len(str(raised.value)) < 600
    with pytest.raises(FileNotFoundError), answering("s3://b/a.csv"):
        raise FileNotFoundError


def test_a_table_of_the_hub(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip("huggingface_hub", reason="needs the extra 'hub'")
    constants = pytest.importorskip("huggingface_hub.constants")
    lines = [f"{number},film {number}\n" for number in range(500)]
    out = tmp_path / "out.csv"
    with fake_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        address = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        library.HfFileSystem.clear_instance_cache()
        _client.cache_clear()
        server.put("ada/texts", {"a.csv": "".join(["id,text\n", *lines]).encode(), "b.txt": b"no table"})
        for source in ("hf://ada/texts/a.csv", "hf://ada/texts/*.csv"):
            done = score(ScoreRequest((source,), str(out), model=model, workers=1, restart=True))
            assert done.rows == 500
        assert [row["id"] for row in read_back(out)] == [str(number) for number in range(500)]
        mark = store_of("hf://ada/texts/a.csv").stat("hf://ada/texts/a.csv")
        assert mark is not None
        assert mark.mark
        with pytest.raises(DataError, match=r"hf://ada/texts/c.csv: no such file"):
            score(ScoreRequest(("hf://ada/texts/c.csv",), str(out), model=model, workers=1))
        getattr(library, "close_session", lambda: None)()  # since 1.0
    library.HfFileSystem.clear_instance_cache()
    _client.cache_clear()


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = sys.modules["fsspec.registry"]._registry
    monkeypatch.delitem(loaded, "hf", raising=False)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for scheme, package in (("hf", "huggingface_hub"), ("abfs", "adlfs")):
        if package == "adlfs" and find_spec(package) is not None:
            continue
        _client.cache_clear()
        with pytest.raises(MissingExtra, match=rf"^{scheme}:// needs a package .*{package}"):
            store_of(f"{scheme}://place/a.csv")


def test_a_client_that_pyarrow_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.fs

    class Without:
        @staticmethod
        def from_uri(address: str) -> object:
            raise NotImplementedError(f"Got {address} but Arrow compiled without it")

    monkeypatch.setattr(pyarrow.fs, "FileSystem", Without)
    _client.cache_clear()
    with pytest.raises(
        MissingExtra, match=r"s3:// needs a package that is not installed(.|\n)*pip install s3fs"
    ):
        store_of("s3://bucket/a.csv")


def test_a_store_that_nobody_knows_is_named(table: Path) -> None:
    with pytest.raises(OptionError, match="nowhere://: no store is known by that name"):
        score(ScoreRequest(("nowhere://a.csv",), "out.csv"))
