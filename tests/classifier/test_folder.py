"""The model folder: what is saved is loaded, and a save that dies leaves no half model and loses none."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import peephole
from peephole import files
from peephole.classifier import Classifier, load, model_card, save_model_folder
from peephole.errors import ModelError
from support.small_models import TEXTS, random_weights, small_classifier, small_tokenizer

FILES = {"config.json", "model.safetensors", "tokenizer.json", "README.md"}


def names(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()}


@pytest.mark.parametrize("kind", ["bpe", "word"])
def test_round_trip(tmp_path: Path, kind: Any):
    classifier = small_classifier(kind, cell="peephole-lstm", num_layers=2)
    saved = classifier.save(tmp_path / "new" / "model")
    assert names(saved) == FILES
    again = load(saved)
    assert again.config == classifier.config
    assert again.tokenizer == classifier.tokenizer
    assert again.predict_proba(TEXTS).tolist() == classifier.predict_proba(TEXTS).tolist()
    assert all((again.weights[name] == value).all() for name, value in classifier.weights.items())
    assert not any(value.flags.writeable for value in again.weights.values())
    assert isinstance(peephole.load(str(saved)), Classifier)


def test_the_same_model_is_saved_as_the_same_bytes(tmp_path: Path):
    one = small_classifier().save(tmp_path / "model")
    bytes_of = {name: (one / name).read_bytes() for name in FILES}
    other = load(one).save(tmp_path / "again" / "model")
    assert {name: (other / name).read_bytes() for name in FILES} == bytes_of


def test_weights_are_mapped_and_others_can_read_them(tmp_path: Path):
    classifier = small_classifier()
    saved = classifier.save(tmp_path / "model")
    foreign = safetensors.numpy.load_file(saved / "model.safetensors")
    assert {name: value.tolist() for name, value in foreign.items()} == {
        name: value.tolist() for name, value in classifier.weights.items()
    }
    mapped = load(saved).weights["embedding.weight"]
    assert not mapped.flags.owndata


def test_float16_weights_that_others_wrote_are_read_as_float32(tmp_path: Path):
    classifier = small_classifier()
    saved = classifier.save(tmp_path / "model")
    weights = classifier.weights.items()
    half = {name: value.astype(np.float16) if value.ndim == 2 else value for name, value in weights}
    safetensors.numpy.save_file(half, saved / "model.safetensors")
    config = saved / "config.json"
    config.write_text(config.read_text().replace('"storage": "float32"', '"storage": "float16"'))
    again = load(saved)
    for name, value in half.items():
        assert again.weights[name].dtype == np.float32
        assert (again.weights[name] == value.astype(np.float32)).all()


def test_an_existing_model_is_replaced_whole_and_other_files_stay(tmp_path: Path):
    target = tmp_path / "model"
    small_classifier(seed=1).save(target)
    (target / "notes.txt").write_text("mine")
    (target / "reports").mkdir()
    (target / "reports" / "one.html").write_text("report")
    (target / "README.md").write_text("edited")
    new = small_classifier(seed=2)
    new.save(target)
    assert names(target) == FILES | {"notes.txt", "reports"}
    assert (target / "reports" / "one.html").read_text() == "report"
    assert (target / "README.md").read_text() == model_card(new.config, name="model")
    assert load(target).predict_proba(TEXTS).tolist() == new.predict_proba(TEXTS).tolist()
    assert names(tmp_path) == {"model"}  # nothing temporary is left


def test_an_empty_folder_is_filled(tmp_path: Path):
    small_classifier().save(tmp_path)
    assert names(tmp_path) == FILES


def test_a_link_to_a_folder_is_followed_to_the_folder(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert small_classifier().save(tmp_path / "link") == tmp_path / "real"
    assert (tmp_path / "link").is_symlink()
    assert load(tmp_path / "link").labels == ("bad", "good", "odd")


def test_what_is_no_model_folder_is_not_overwritten(tmp_path: Path):
    (tmp_path / "photos").mkdir()
    for name in "gfedcba":
        (tmp_path / "photos" / name).write_text(name)
    with pytest.raises(
        ModelError, match=r"photos: must be a new path, an empty folder or a model folder"
    ) as caught:
        small_classifier().save(tmp_path / "photos")
    assert "got a folder of a, b, c, d, e, …" in str(caught.value)
    assert names(tmp_path / "photos") == set("abcdefg")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelError, match="file: must be a new path or a model folder; got a file"):
        small_classifier().save(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "x"
    assert names(tmp_path) == {"photos", "file"}


def test_what_could_not_be_loaded_is_not_saved(tmp_path: Path):
    classifier = small_classifier()
    bad: dict[str, Any] = {name: value.copy() for name, value in classifier.weights.items()}
    bad["output.bias"][1] = np.nan
    bad["hidden.weight"][:2, 0] = np.inf
    with pytest.raises(ModelError) as caught:
        save_model_folder(tmp_path / "model", classifier.config, classifier.tokenizer, bad)
    assert "output.bias: must be finite; got 1 of 3 numbers NaN or infinite" in str(caught.value)
    assert "hidden.weight: must be finite; got 2 of 80 numbers" in str(caught.value)
    with pytest.raises(ModelError, match="vocabulary: config says"):
        save_model_folder(tmp_path / "model", classifier.config, small_tokenizer("word"), classifier.weights)
    with pytest.raises(ModelError, match=r"has no tensor 'embedding.weight'"):
        save_model_folder(tmp_path / "model", classifier.config, classifier.tokenizer, {})
    assert names(tmp_path) == set()


@pytest.mark.parametrize("fails", ["write", "rename"])
def test_a_failing_disk_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str):
    old = small_classifier(seed=1)
    target = old.save(tmp_path / "model")
    written = files.write_synced
    renamed = Path.rename

    def write(path: Path, data: bytes) -> None:
        if fails == "write" and path.name == "tokenizer.json":
            raise OSError(28, "No space left on device")
        written(path, data)

    def rename(self: Path, other: Path) -> Path:
        if fails == "rename" and ".saving-" in self.name:
            raise OSError(5, "Input/output error")
        return renamed(self, other)

    monkeypatch.setattr(files, "write_synced", write)
    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match=r"No space left|Input/output"):
        small_classifier(seed=2).save(target)
    assert load(target).predict_proba(TEXTS).tolist() == old.predict_proba(TEXTS).tolist()
    assert names(tmp_path) == {"model"}


def test_files_and_folders_are_synced_before_they_are_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    events: list[str] = []
    synced, renamed = os.fsync, Path.rename

    def fsync(descriptor: int) -> None:
        events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        synced(descriptor)

    def rename(self: Path, other: Path) -> Path:
        events.append("rename")
        return renamed(self, other)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    small_classifier().save(tmp_path / "model")
    assert events == ["file"] * 4 + ["folder", "rename", "folder"]


KILLED = """
import sys
from support.small_models import small_classifier
models = [small_classifier(seed=seed) for seed in (1, 2)]
print("ready", flush=True)
while True:
    for model in models:
        model.save(sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_save_leaves_one_whole_model(tmp_path: Path):
    target = tmp_path / "model"
    answers = [small_classifier(seed=seed).predict_proba(TEXTS).tolist() for seed in (1, 2)]
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    rng = np.random.default_rng(0)
    for _ in range(12):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(target)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": paths},
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(float(rng.uniform(0.05, 0.4)))
        child.kill()
        child.wait()
        child.stdout.close()
        if target.exists():
            assert load(target).predict_proba(TEXTS).tolist() in answers
        else:  # killed between two renames: the message says where the old model is
            with pytest.raises(
                ModelError, match="saving was interrupted; the model it would have replaced is"
            ) as caught:
                load(target)
            left = Path(str(caught.value).rsplit(" is ", 1)[1])
            assert load(left).predict_proba(TEXTS).tolist() in answers
            left.rename(target)


def test_dying_between_the_two_renames_leaves_the_old_model_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    target = small_classifier(seed=1).save(tmp_path / "model")
    renamed = Path.rename

    class Dies(BaseException):
        pass

    def rename(self: Path, other: Path) -> Path:
        if ".saving-" in self.name:
            raise Dies
        return renamed(self, other)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(Dies):
        small_classifier(seed=2).save(target)
    assert not target.exists()  # as the docstring says: for this moment there is none under its name
    with pytest.raises(ModelError, match="hint: saving was interrupted") as caught:
        load(target)
    left = Path(str(caught.value).rsplit(" is ", 1)[1])
    assert left.name.startswith(".model.old-")
    expected = small_classifier(seed=1).predict_proba(TEXTS).tolist()
    assert load(left).predict_proba(TEXTS).tolist() == expected


def test_an_interrupted_replacement_is_explained(tmp_path: Path):
    target = small_classifier().save(tmp_path / "model")
    target.rename(tmp_path / ".model.old-1-ab")
    with pytest.raises(ModelError) as caught:
        load(target)
    assert "model: no such model folder" in str(caught.value)
    assert (
        f"hint: saving was interrupted; the model it would have replaced is {tmp_path / '.model.old-1-ab'}"
        in str(caught.value)
    )


def test_permissions_are_those_of_any_new_file(tmp_path: Path):
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "file").write_text("")
    saved = small_classifier().save(tmp_path / "model")
    assert saved.stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (saved / "config.json").stat().st_mode == (tmp_path / "plain" / "file").stat().st_mode


def test_the_weights_of_a_replaced_model_stay_readable(tmp_path: Path):
    old = small_classifier(seed=1)
    loaded = load(old.save(tmp_path / "model"))
    small_classifier(seed=2).save(tmp_path / "model")
    assert loaded.predict_proba(TEXTS).tolist() == old.predict_proba(TEXTS).tolist()


def test_the_config_in_the_folder_is_plain_json(tmp_path: Path):
    classifier = small_classifier()
    written = json.loads((classifier.save(tmp_path / "model") / "config.json").read_bytes())
    assert written["library"] == f"peephole {peephole.__version__}"
    assert written["id2label"] == {"0": "bad", "1": "good", "2": "odd"}
    assert random_weights(classifier.config).keys() == classifier.weights.keys()
