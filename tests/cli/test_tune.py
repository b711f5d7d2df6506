"""``peephole tune`` as a person runs it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from peephole.cli.app import app
from support.small_estimators import labelled

TINY = (
    *("--embedding", "6", "--hidden-size", "4", "--head", "0", "--vocabulary", "300", "--epochs", "2"),
    *("--embeddings", "random", "--adversarial", "0", "--learning-rate", "0.02", "--average", "0.9"),
    *("--search", "learning_rate,cell"),
)


@pytest.fixture
def corpus(tmp_path) -> Path:
    texts, labels = labelled(60)
    with (tmp_path / "texts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *zip(texts, labels, strict=True)])
    return tmp_path / "texts.csv"


def run(*arguments: object, status: int = 0, program: str = "") -> subprocess.CompletedProcess[str]:
    start = ["-c", program] if program else ["-m", "peephole"]
    done = subprocess.run(
        [sys.executable, *start, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.mark.slow
def test_a_search_from_the_command_line_to_the_next_command(corpus, tmp_path) -> None:
    out = tmp_path / "out"
    done = run("tune", corpus, *TINY, "--trials", "2", "--output", out)
    lines = done.stdout.strip().split("\n")
    assert lines[0] == "A search of the recipe on texts.csv"
    assert lines[-2] == f"report: {out / 'report.html'}"
    assert lines[-1] == f"next:   peephole train {corpus} --recipe {out / 'best.json'} --output MODEL"
    assert "[1/2, 0 s] learning_rate 0.02, cell lstm" in done.stderr
    assert "owes some of its score to luck" in done.stderr
    recipe = json.loads((out / "best.json").read_text("utf-8"))
    assert (recipe["embedding"], recipe["epochs"]) == (6, 2)
    more = run("tune", corpus, *TINY, "--trials", "3", "--output", out, "--json")
    document = json.loads(more.stdout)
    assert len(document["trials"]) == 3
    assert "[3/3" in more.stderr
    assert "[1/3" not in more.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--search", "colour"), "'colour' is no setting to search"),
        (("--trials", "0"), "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_searched_is_a_mistake_of_usage(corpus, tmp_path, arguments, words) -> None:
    done = CliRunner().invoke(app, ["tune", str(corpus), "--output", str(tmp_path / "out"), *arguments])
    assert done.exit_code == 2
    assert words in done.output
    assert not (tmp_path / "out").exists()


def test_without_optuna_the_extra_is_named(corpus, tmp_path) -> None:
    program = (
        "import sys; sys.modules['optuna'] = None; sys.argv[0] = 'peephole'\n"
        "from peephole.cli.app import main; main()"
    )
    done = run("tune", corpus, "--output", tmp_path / "out", status=1, program=program)
    assert 'pip install "peephole[tune]"' in done.stderr
