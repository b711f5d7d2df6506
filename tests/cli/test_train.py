"""``peephole train`` and the options made from the recipe."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from peephole.cli.app import app
from peephole.cli.recipe_options import _recipe
from peephole.cli.train import seconds
from peephole.errors import OptionError
from peephole.training import Recipe, settings

NONE_GIVEN = dict.fromkeys(settings())


def test_every_setting_of_the_recipe_is_an_option() -> None:
    text = (
        CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}).output
    )
    for field in dataclasses.fields(Recipe):
        assert "--" + field.name.replace("_", "-") in text


def test_options_have_the_last_word_over_a_file(tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps({"hidden_size": 32, "seed": 9}))
    recipe = _recipe(
        Recipe,
        {
            "recipe_file": file,
            **NONE_GIVEN,
            "seed": 3,
            "pooling": "max,last",
            "cell_options": ["reset=before"],
            "cell": "gru",
        },
    )
    assert (recipe.hidden_size, recipe.seed, recipe.pooling) == (32, 3, ("max", "last"))
    assert recipe.cell_options == {"reset": "before"}


def test_no_option_is_the_default_recipe() -> None:
    assert _recipe(Recipe, {"recipe_file": None, **NONE_GIVEN}) == Recipe()


def test_a_recipe_file_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    for content, words in [
        ("[1]", "must hold one JSON object"),
        ("{", "must be a JSON file"),
        ('{"sede": 1}', "did you mean 'seed'"),
    ]:
        file.write_text(content)
        with pytest.raises(OptionError, match=words):
            _recipe(Recipe, {"recipe_file": file, **NONE_GIVEN})


def test_spans_of_time() -> None:
    assert [seconds(text) for text in ("90s", "10m", "1.5h", "7")] == [90.0, 600.0, 5400.0, 7.0]
    with pytest.raises(OptionError, match="90s, 10m or 2h"):
        seconds("soon")


def test_teachers_and_unlabelled_texts_reach_the_run(monkeypatch, tmp_path: Path) -> None:
    asked = []

    def train(request, *, progress):
        asked.append(request)
        raise OptionError("enough")

    monkeypatch.setattr("peephole.training.run.train", train)
    command = ["train", "a.csv", "--output", str(tmp_path / "model"), "--distillation", "0.5"]
    command += ["--teacher", "one", "--teacher", "two", "--unlabelled", "b.csv", "--unlabelled", "c.txt"]
    CliRunner().invoke(app, command)
    (request,) = asked
    assert (request.teachers, request.unlabelled) == (("one", "two"), ("b.csv", "c.txt"))
    assert request.recipe.distillation == 0.5
