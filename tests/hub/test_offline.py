"""Without the Hub: the cache answers, or the message says what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import peephole
from peephole import Classifier
from peephole.errors import MissingExtra, ModelError
from support.fake_hub import FakeHub
from support.small_models import small_classifier

LABELS = ("bad", "good", "odd")


def test_what_was_fetched_is_there_offline(hub: FakeHub, files, cache: Path, offline) -> None:
    commit = hub.put("ada/films", files)
    hub.put("ada/films", files, "refs/pr/1")
    peephole.load("ada/films")
    peephole.load("ada/films@refs/pr/1")
    hub.asked.clear()
    assert Classifier.from_pretrained("ada/films", local_files_only=True).labels == LABELS
    offline()
    for name in ("ada/films", "ada/films@refs/pr/1", f"ada/films@{commit}"):
        assert peephole.load(name).labels == LABELS
    assert hub.asked == []
    with pytest.raises(ModelError) as caught:
        peephole.load("ada/books")
    assert str(caught.value) == (
        "ada/books: no such model folder here, no copy in the cache, and the Hugging Face Hub was not reached: "
        "HF_HUB_OFFLINE is set\nhint: check the path, or fetch the model once where there is a network"
    )


def test_nothing_is_pushed_offline(hub: FakeHub, offline) -> None:
    offline()
    with pytest.raises(ModelError) as caught:
        small_classifier().push_to_hub("ada/films")
    assert str(caught.value) == (
        "push_to_hub: ada/films: the Hugging Face Hub was not reached: HF_HUB_OFFLINE is set\nhint: a push needs the network"
    )
    assert hub.asked == []


def test_a_hub_that_is_down(hub: FakeHub, files) -> None:
    commit = hub.put("ada/films", files)
    peephole.load("ada/films")
    hub.status = 503
    with pytest.warns(
        UserWarning,
        match=f"^ada/films: the Hugging Face Hub was not reached .*; commit {commit[:12]} of the cache is used",
    ):
        assert peephole.load("ada/films").labels == LABELS
    assert (
        peephole.load(f"ada/films@{commit}").labels == LABELS
    )  # a commit never changes: nobody needs to be asked
    with pytest.raises(ModelError, match=r"^ada/books: .* was not reached: .*503"):
        peephole.load("ada/books")


def test_a_cache_whose_references_cannot_be_written_is_read(hub: FakeHub, files, cache: Path) -> None:
    commit = hub.put("ada/films", files)
    peephole.load(f"ada/films@{commit}")
    references = cache / "models--ada--films" / "refs"
    assert not references.exists()
    references.write_text("in the way")  # where files may be read alone, a folder cannot be made either
    assert peephole.load("ada/films").labels == LABELS


def test_half_a_download_is_no_copy(hub: FakeHub, files, cache: Path, offline) -> None:
    hub.put("ada/films", files)
    peephole.load("ada/films")
    (snapshot,) = (cache / "models--ada--films" / "snapshots").iterdir()
    (snapshot / "model.safetensors").unlink()
    offline()
    with pytest.raises(ModelError, match="no copy in the cache"):
        peephole.load("ada/films")


def by_hand(cache: Path, files: dict[str, bytes]) -> Path:
    """A cache as its documentation describes it, made without the library."""
    repository, commit = cache / "models--ada--films", "c" * 40
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    for number, (name, data) in enumerate(files.items()):
        (repository / "blobs" / f"{number:040x}").write_bytes(data)
        (snapshot / name).symlink_to(f"../../blobs/{number:040x}")
    return snapshot


def test_a_cache_made_by_hand_is_read(hub: FakeHub, files, cache: Path, offline) -> None:
    snapshot = by_hand(cache, files)
    offline()
    assert peephole.load("ada/films").labels == LABELS
    assert peephole.load(snapshot).labels == LABELS  # what huggingface_hub.snapshot_download returns
    shelf, name = cache / "blobs" / "ab", "ab" + "0" * 62
    shelf.mkdir(parents=True)
    blob = (snapshot / "config.json").resolve()
    blob.rename(shelf / name)
    blob.symlink_to(f"../../blobs/ab/{name}")  # a file that several repositories share
    assert peephole.load("ada/films").labels == LABELS


@pytest.mark.parametrize(
    "where",
    ["a file beside", "up and away", "a blob that is a link", "a folder of blobs that is a link", "no cache"],
)
def test_a_link_that_leads_out_of_the_cache_is_refused(files, tmp_path: Path, where: str) -> None:
    snapshot = by_hand(tmp_path / "hub", files)
    link, secret = snapshot / "config.json", tmp_path / "secret"
    secret.write_bytes(files["config.json"])
    blob = link.resolve()
    if where == "a file beside":
        (snapshot / "real.json").write_bytes(files["config.json"])
        link.unlink()
        link.symlink_to("real.json")
    elif where == "up and away":
        link.unlink()
        link.symlink_to(f"../../blobs/../../../{secret.name}")
    elif where == "a blob that is a link":
        blob.unlink()
        blob.symlink_to(secret)
    elif where == "a folder of blobs that is a link":
        blob.parent.rename(tmp_path / "elsewhere")
        blob.parent.symlink_to(tmp_path / "elsewhere")
    else:
        snapshot = (
            snapshot.parent.parent.parent.rename(tmp_path / "other")
            / "models--ada--films"
            / "snapshots"
            / ("c" * 40)
        )
        snapshot = snapshot.parent.rename(snapshot.parent.with_name("shots")) / ("c" * 40)
    with pytest.raises(ModelError, match=r"config.json: must be a file of the folder itself; got a link"):
        peephole.load(snapshot)


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("huggingface_hub", "huggingface_hub.constants"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra) as caught:
        peephole.load("runs/7")
    assert str(caught.value) == (
        "runs/7: no such model folder, and fetching a model of that name from the Hugging Face Hub needs the package "
        "'huggingface_hub', which is not installed\nhint: check the path, or pip install \"peephole[hub]\""
    )
    with pytest.raises(ModelError, match=r"^runs/7: no such model folder$"):
        peephole.load(Path("runs/7"))


def test_the_model_inside_needs_nothing_of_the_hub() -> None:
    program = """
import sys
from peephole.cli.app import main
sys.argv = ["peephole", "predict", "Not bad at all."]
try:
    main()
except SystemExit as end:
    assert not end.code
hub = ("huggingface_hub", "datasets", "peephole.classifier.hub.fetch")
print([name for name in sys.modules if name.startswith(hub)])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("positive\t")
    assert done.stdout.endswith("[]\n")
