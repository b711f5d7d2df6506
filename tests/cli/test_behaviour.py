"""``peephole evaluate --behaviour`` as a person runs it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from peephole.cli.app import app
from peephole.evaluation import judge_behaviour
from support.models import word_counter
from support.small_models import small_classifier


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return word_counter().save(tmp_path_factory.mktemp("models") / "model")


def evaluate(*arguments: object, status: int = 0) -> Result:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)], env={"COLUMNS": "100"})
    assert result.exit_code == status, result.output
    return result


def test_the_table(model: Path):
    lines = evaluate("--behaviour", "--model", model).stdout.split("\n")
    assert lines[0].split()[0] == "Capability"
    names = [line[:16].strip() for line in lines[1:14]]
    assert names[0] == "vocabulary"
    assert names[-2:] == ["all of these", "neutral"]
    assert evaluate(model, "--behaviour").stdout.split("\n") == lines


def test_failures_are_listed_and_written(model: Path, tmp_path: Path):
    errors = tmp_path / "failures.csv"
    done = evaluate("--behaviour", "-m", model, "--verbose", "--errors", errors)
    with errors.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert f"{len(rows):,} texts not passed: {errors}" in done.stderr
    assert done.stdout.count("should be ") == len(rows) > 0
    assert set(rows[0]) == {"text", "label", "predicted", "probability", "capability", "kind"}


def test_json_and_the_gate(model: Path):
    document = json.loads(evaluate("--behaviour", "--model", model, "--json").stdout)
    rate = document["overall"]["rate"]
    assert len(document["capabilities"]) == 11
    evaluate("--behaviour", "--model", model, "--min-accuracy", rate)
    done = evaluate("--behaviour", "--model", model, "--min-accuracy", rate + 0.01, status=1)
    assert f"pass rate {rate:.4f} is below --min-accuracy" in done.stderr


def test_labels_by_other_names(tmp_path: Path):
    kept = small_classifier(labels=["great", "grim"])
    model = kept.save(tmp_path / "model")
    done = evaluate("--behaviour", "--model", model, status=1)
    assert "got 'great', 'grim'" in done.stderr
    assert "hint: if two of these mean praise and blame" in done.stderr
    evaluate("--behaviour", "--model", model, "--positive", "great", "--negative", "grim")
    done = evaluate("--behaviour", "--model", model, "--positive", "good", "--negative", "grim", status=2)
    assert "got 'good'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "a model folder must be given; got none"),
        (("M", "reviews.csv", "--behaviour", "--html", "x.html"), "DATA, --html cannot be used with"),
        (("M", "reviews.csv", "--verbose"), "--verbose is for --behaviour"),
        (("M",), "labelled texts must be given; got none"),
        (("--behaviour", "--model", "M", "--errors", "x.txt"), "must be .csv or .jsonl"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], message: str):
    assert message in evaluate(*arguments, status=2).stderr


def test_a_model_named_by_option_leaves_all_arguments_to_the_data(model: Path, tmp_path: Path):
    data = tmp_path / "data.csv"
    data.write_text("text,label\ngood,positive\nbad,negative\n")
    named = evaluate("--model", model, data, data, "--json").stdout
    assert json.loads(named)["n"] == 4
    assert named == evaluate(model, data, data, "--json").stdout


def test_the_command_and_the_function_agree(model: Path):
    document = json.loads(evaluate("--behaviour", "--model", model, "--json").stdout)
    assert document == json.loads(json.dumps(judge_behaviour(word_counter()).to_json()))
