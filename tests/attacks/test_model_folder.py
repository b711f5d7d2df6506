"""Model folders that are damaged or hostile: each is refused, with the file and the field, in little memory."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from peephole.classifier import load
from peephole.errors import ModelError
from support.attacks import config_with, memory_of_refusing, needs_proc, with_tensors
from support.hostile_models import ATTACKS
from support.hostile_models.tokenizer import TOKENIZER
from support.small_models import small_classifier


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_classifier().save(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture
def model(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "model"))


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_with_file_and_field(model: Path, name: str):
    attack, parts = ATTACKS[name]
    attack(model)
    with pytest.raises(ModelError) as caught:
        load(model)
    text = str(caught.value)
    assert text.startswith(str(model))
    assert len(text) < 4000
    assert text.isprintable() or "\n" in text
    assert "\x1b" not in text
    for part in parts:
        assert part in text


def test_the_sound_model_loads(model: Path):
    assert load(model).labels == ("bad", "good", "odd")


def test_only_the_files_by_their_names_are_opened(model: Path):
    (model / "pytorch_model.bin").write_bytes(b"\x80\x04")
    (model / "code.py").write_text("raise SystemExit")
    (model / "README.md").unlink()
    (model / "README.md").symlink_to("/etc/passwd")
    assert load(model).labels == ("bad", "good", "odd")


def test_no_such_folder(tmp_path: Path):
    with pytest.raises(ModelError, match="nowhere: no such model folder"):
        load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="file: must be a model folder; got a file"):
        load(tmp_path / "file")


@needs_proc
def test_refusing_takes_less_than_100_mb(sound: Path, tmp_path: Path):
    for number, (attack, _) in enumerate(ATTACKS.values()):
        attack(Path(shutil.copytree(sound, tmp_path / str(number) / "model")))
    assert memory_of_refusing(sound, tmp_path) < 100


@needs_proc
def test_a_hostile_tokenizer_of_the_largest_vocabulary_is_refused_in_100_mb(sound: Path, tmp_path: Path):
    """The most that sizes in agreement let through to the parser: weights for 100,000 tokens and a file as large as theirs."""
    model = tmp_path / "largest" / "model"
    shutil.copytree(sound, model)
    vocabulary = 100_000
    config_with(stages={0: {"vocabulary": vocabulary}})(model)
    with_tensors(lambda tensors: tensors.update({"embedding.weight": np.zeros((vocabulary, 6), np.float32)}))(
        model
    )
    entries = b",".join(b'"%s%d":%d' % (b"x" * 70, n, n) for n in range(vocabulary))
    merges = '["😀"],'.encode() + b'["a","b"],' * (
        vocabulary - 1
    )  # one emoji: Python takes four bytes for each character
    (model / TOKENIZER).write_bytes(
        b'{"model":{"type":"BPE","vocab":{' + entries + b'},"merges":[' + merges + b'["a","b"]]}}'
    )
    assert memory_of_refusing(sound, tmp_path) < 100
