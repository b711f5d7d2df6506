"""Models inside the package: found by name, by nobody's leave but the user's."""

from __future__ import annotations

from pathlib import Path

import pytest

import peephole
from peephole.classifier import load, shipped, shipped_models
from peephole.errors import ModelError, OptionError
from support.models import word_counter
from support.small_models import small_classifier


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with the default model and one more, and a working folder beside it."""
    folder = tmp_path / "package" / "models"
    word_counter().save(folder / "reviews")
    small_classifier().save(folder / "odd-one")
    (tmp_path / "here").mkdir()
    monkeypatch.setattr(shipped, "FOLDER", folder)
    monkeypatch.chdir(tmp_path / "here")
    return folder


def test_no_name_is_the_default(models: Path):
    assert shipped.DEFAULT == "reviews"
    assert load().labels == load(None).labels == load("reviews").labels == ("negative", "positive")
    assert peephole.load is load


def test_models_are_found_by_name(models: Path):
    assert load("odd-one").labels == ("bad", "good", "odd")


def test_a_folder_is_a_folder(models: Path, tmp_path: Path):
    small_classifier(labels=["x", "y"]).save(tmp_path / "here" / "mine")
    assert load("mine").labels == ("x", "y")
    assert load(tmp_path / "here" / "mine").labels == ("x", "y")
    assert load(models / "odd-one").labels == ("bad", "good", "odd")


def test_a_name_with_two_meanings_is_refused(models: Path):
    small_classifier(labels=["x", "y"]).save("reviews")
    with pytest.raises(OptionError) as caught:
        load("reviews")
    assert "load: 'reviews' must mean one model" in str(caught.value)
    assert "./reviews is the folder" in str(caught.value)
    assert load("./reviews").labels == load(Path("reviews")).labels == ("x", "y")
    assert load().labels == ("negative", "positive")


def test_a_folder_that_is_no_model_hides_nothing(models: Path):
    Path("reviews").mkdir()
    assert load("reviews").labels == ("negative", "positive")


def test_a_mistyped_name(models: Path):
    with pytest.raises(
        ModelError, match=r"review: no such model folder, and no such model.*did you mean 'reviews'\?"
    ):
        load("review")
    with pytest.raises(ModelError, match=r"^something: no such model folder$"):
        load("something")
    with pytest.raises(OptionError, match="the name of a model must not be empty; got ''"):
        load("")


@pytest.mark.parametrize("name", ["../reviews", "reviews/", "..", "/reviews", "reviews\0"])
def test_a_name_never_leaves_the_models_folder(models: Path, name: str):
    with pytest.raises((ModelError, ValueError)):
        load(name)


def test_an_installation_without_a_model_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for folder in (tmp_path / "none", tmp_path):
        monkeypatch.setattr(shipped, "FOLDER", folder)
        with pytest.raises(ModelError) as caught:
            load()
        assert f"this installation must have the model 'reviews' in {folder}; got none" in str(caught.value)
        assert "hint: install the package again, or name a model folder; peephole demo makes one" in str(
            caught.value
        )
        assert shipped_models() == []


def test_models_are_listed_with_their_size(models: Path):
    found = shipped_models()
    assert [(model.name, model.path) for model in found] == [
        ("odd-one", models / "odd-one"),
        ("reviews", models / "reviews"),
    ]
    for model in found:
        assert model.size == sum(file.stat().st_size for file in model.path.iterdir())


def test_the_models_lie_where_the_build_takes_files_from():
    """All of the package's folder goes into the wheel but what `.gitignore` and the build's settings leave out."""
    assert Path(peephole.__file__).parent / "models" == shipped.FOLDER
    root = Path(__file__).resolve().parents[2]
    settings = (root / "pyproject.toml").read_text()
    assert 'wheel.packages = ["src/peephole"]' in settings
    build = settings.partition("[tool.scikit-build]")[2].partition("\n[")[0]
    assert "wheel.exclude" not in build
    assert '"/src/peephole/**"' in build.partition("sdist.include = [")[2].partition("\n]")[0]
    for name in ("model.safetensors", "config.json", "tokenizer.json", "README.md"):
        path = Path("src/peephole/models/reviews") / name
        for line in (root / ".gitignore").read_text().split():
            parts = [path, *path.parents]
            assert not any(part.match(line.strip("/")) for part in parts), (
                f".gitignore leaves {path} out: {line}"
            )
