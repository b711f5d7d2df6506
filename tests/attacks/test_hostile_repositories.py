"""Repositories of a hub that are damaged or hostile: nothing but a model's files is fetched, and no more than they can need."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub", reason="needs the extra 'hub'")

import peephole
from hub.conftest import cache as cache
from hub.conftest import files as files
from hub.conftest import hub as hub
from peephole.errors import ModelError
from support.fake_hub import FakeHub
from support.hostile_models import ATTACKS

ON_DISK_ONLY = ("link", "device", "pipe", "folder", "terabyte", "missing")


class Bomb:
    def __reduce__(self):
        return Path.touch, (Path("was-here"),)


def tree(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_symlink()}


def test_other_files_stay_where_they_are(
    hub: FakeHub, files, cache: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bad = {
        "pytorch_model.bin": pickle.dumps(Bomb()),
        "modeling.py": b"open('was-here', 'w')",
        "../../evil.json": b"{}",
        "/etc/evil": b"x",
        "sub/config.json": b"{}",
    }
    hub.put("eve/films", {**files, **bad})
    assert peephole.load("eve/films").labels == ("bad", "good", "odd")
    assert hub.fetched() == ["config.json", "tokenizer.json", "model.safetensors", "README.md"]
    assert tree(cache) == set(files)
    assert not Path("was-here").exists()


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("config.json", (1 << 20) + 1),
        ("model.safetensors", 10**12),
        ("tokenizer.json", 10**9),
        ("README.md", 10**9),
    ],
)
def test_what_is_listed_as_too_large_is_not_fetched(hub: FakeHub, files, name: str, size: int) -> None:
    hub.put("eve/films", files)
    hub.sizes[name] = size
    with pytest.raises(
        ModelError,
        match=rf"^eve/films, {name}: must be at most [0-9,]+ bytes; got {size:,}; nothing of it was",
    ):
        peephole.load("eve/films")
    assert hub.fetched() == []


def test_weights_larger_than_the_config_says_are_not_fetched(hub: FakeHub, files) -> None:
    hub.put("eve/films", files)
    hub.sizes["model.safetensors"] = 500_000_000  # some model may have as many, but not this one
    with pytest.raises(
        ModelError, match=r"^eve/films, model.safetensors: must be at most 2,1[0-9,]+ bytes; got 500,000,000"
    ):
        peephole.load("eve/films")
    assert hub.fetched() == ["config.json"]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_that_never_ends_is_cut_off(hub: FakeHub, files, cache: Path, name: str) -> None:
    hub.put("eve/films", files)
    hub.endless.add(name)
    with pytest.raises(
        ModelError, match=rf"^eve/films, {name}: must be the [0-9,]+ bytes that the Hub lists; got more"
    ):
        peephole.load("eve/films")
    assert name not in tree(cache)
    assert sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()) < 1 << 20


def test_missing_files_are_named(hub: FakeHub, files) -> None:
    hub.put("eve/films", {"config.json": files["config.json"], "pytorch_model.bin": b""})
    with pytest.raises(ModelError) as caught:
        peephole.load("eve/films")
    assert str(caught.value) == (
        "eve/films: must hold config.json, model.safetensors, tokenizer.json; got no model.safetensors, no tokenizer.json\n"
        f"hint: {hub.url}/eve/films is no model that Peephole wrote"
    )
    assert hub.fetched() == []


@pytest.mark.parametrize("attack", ["a config of another program", "a commit that is a path", "no commit"])
def test_answers_that_make_no_sense(hub: FakeHub, files, attack: str) -> None:
    commit = hub.put(
        "eve/films", {**files, "config.json": b'{"model_type": "bert"}'} if "program" in attack else files
    )
    held = hub.repositories["eve/films"]
    if "commit" in attack:
        wrong = "../../../elsewhere" if "path" in attack else None
        held.commits[wrong] = held.commits[commit]
        held.refs["main"] = wrong
    expected = "config.json" if "program" in attack else "a commit's hash must be 40 hexadecimal digits"
    with pytest.raises(ModelError, match=expected):
        peephole.load("eve/films")


WITHIN = [name for name in ATTACKS if not any(word in name for word in ON_DISK_ONLY)][::9]


@pytest.mark.parametrize("name", WITHIN)
def test_fetched_files_pass_the_checks_of_any_folder(hub: FakeHub, files, tmp_path: Path, name: str) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for file, data in files.items():
        (model / file).write_bytes(data)
    ATTACKS[name][0](model)
    hub.put("eve/films", {path.name: path.read_bytes() for path in model.iterdir()})
    with pytest.raises(ModelError):
        peephole.load("eve/films")
