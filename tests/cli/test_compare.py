"""``peephole compare`` as a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from peephole.cli.app import app
from peephole.cli.compare_options import rates, seed_numbers, shared_recipe
from peephole.errors import OptionError

TINY = ("--task", "adding", "--length", "20", "--sequences", "60", "--batch", "20", "--hidden-size", "4")


def compare(*arguments: object, status: int = 0, program: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program; fail unless it ends with `status`."""
    start = ["-c", program] if program else ["-m", "peephole"]
    done = subprocess.run(
        [sys.executable, *start, "compare", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.mark.slow
def test_a_task_from_the_command_line_to_the_report_and_not_twice(tmp_path: Path) -> None:
    arguments = (
        *TINY,
        "--contenders",
        "rnn,lstm",
        "--seeds",
        "1,5",
        "--rate",
        "rnn=0.01",
        "--output",
        tmp_path / "out",
    )
    done = compare(*arguments)
    lines = done.stdout.split("\n")
    assert lines[0] == "The adding problem (early), length 20"
    assert [line.split()[0] for line in lines[2:4]] == ["RNN,", "LSTM"]
    assert lines[4] == f"report: {tmp_path / 'out' / 'report.html'}"
    assert "\x1b" not in done.stdout
    progress = [line for line in done.stderr.split("\n") if line.startswith("[")]
    assert [line.split("]")[0].split(",")[0] for line in progress] == ["[1/4", "[2/4", "[3/4", "[4/4", "[4/4"]
    assert "Fewer than three seeds" in done.stderr
    document = json.loads((tmp_path / "out" / "compare.json").read_text("utf-8"))
    assert document["command"] == (
        "peephole compare --task adding --length 20 --sequences 60 --batch 20 --hidden-size 4 "
        "--contenders rnn,lstm --seeds 1,5 --rate rnn=0.01"
    )
    assert document["seeds"] == [1, 5]
    assert document["subject"]["budget"]["rates"]["rnn"] == 0.01
    runs = sorted((tmp_path / "out" / "runs").iterdir())
    assert [path.name for path in runs] == ["lstm-1.json", "lstm-5.json", "rnn-1.json", "rnn-5.json"]
    written = [path.stat().st_mtime_ns for path in runs]
    again = CliRunner().invoke(app, ["compare", *map(str, arguments), "--json"])
    assert [path.stat().st_mtime_ns for path in runs] == written
    found = json.loads(again.stdout)
    assert found["complete"]
    assert found["contenders"][0]["runs"] == document["contenders"][0]["runs"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "compare: needs labelled texts, or --task with one of its tasks; got neither"),
        (["x.csv", "--task", "order"], "compare: DATA cannot be used with --task"),
        (
            ["--task", "order", "--set", "epochs=1", "--skip-bad"],
            "--set, --skip-bad cannot be used with --task",
        ),
        (["x.csv", "--length", "5", "--learning-rate", "0.1"], "--length, --learning-rate is for --task"),
        (["--task", "ordr"], "(did you mean 'order'?)"),
        (["--task", "order", "--variant", "four"], "variant must be one of 'two', 'three'"),
        (["--task", "order", "--length", "3"], "length must be at least 20"),
        (["--task", "order", "--contenders", "lstn"], "(did you mean 'lstm'?)"),
        (["--task", "order", "--seeds", "three"], "--seeds: must be how many, such as 5, or which"),
        (["--task", "order", "--seeds", "0"], "--seeds: must be from 1 to 1000 seeds"),
        (["--task", "order", "--seeds", "2,2"], "seeds must be numbers of at least 0, each once; got 2, 2"),
        (["--task", "order", "--match", "weights"], "match must be one of 'parameters', 'units'"),
        (["--task", "order", "--rate", "coupled-lstm=1"], "must be of a contender that takes part"),
        (["--task", "order", "--rate", "gru=fast"], "must be NAME=RATE"),
        (["--task", "order", "--learning-rate", "7"], "must be above 0 and at most 1; got 7"),
        (["--task", "order", "--init", "identity"], "init must be one of 'orthogonal', 'chrono'"),
        (["--task", "order", "--time-budget", "soon"], "--time-budget"),
        (["x.csv", "--set", "epochs"], "--set: must be NAME=VALUE"),
        (["x.csv", "--set", "epoch=2"], "(did you mean 'epochs'?)"),
        (["x.csv", "--set", "seed=2"], "seed cannot be set for all"),
    ],
)
def test_a_wrong_word_is_a_usage_error_before_anything_is_done(
    arguments: list[str], says: str, tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, ["compare", *arguments, "--output", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert says in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    for arguments in (list(TINY), ["x.csv"]):
        done = CliRunner().invoke(app, ["compare", *arguments, "--output", str(tmp_path)])
        assert done.exit_code == 2
        assert "thesis.tex" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_is_not_installed_is_named(tmp_path: Path) -> None:
    for module, extra in (("torch", "train"), ("matplotlib", "figures")):
        program = (
            f"import sys; sys.modules[{module!r}] = None; sys.argv[0] = 'peephole'\n"
            "from peephole.cli.app import main; main()"
        )
        done = compare(*TINY, "--output", tmp_path / "out", program=program, status=1)
        assert f"needs the package {module!r}" in done.stderr
        assert f"peephole[{extra}]" in done.stderr


def test_an_interrupted_comparison_says_how_to_go_on(tmp_path: Path) -> None:
    program = (
        "import sys; sys.argv[0] = 'peephole'\n"
        "from peephole.studies.compare import task_study\n"
        "learn, calls = task_study.learn, []\n"
        "def interrupted(*args, **options):\n"
        "    calls.append(1)\n"
        "    if len(calls) == 2: raise KeyboardInterrupt\n"
        "    return learn(*args, **options)\n"
        "task_study.learn = interrupted\n"
        "from peephole.cli.app import main; main()"
    )
    arguments = (*TINY, "--contenders", "gru,lstm", "--seeds", 1, "--output", tmp_path / "out")
    done = compare(*arguments, program=program, status=130)
    assert "1 of 2 runs are kept" in done.stderr
    assert "run the same command again" in done.stderr
    assert not json.loads((tmp_path / "out" / "compare.json").read_text("utf-8"))["complete"]
    rest = CliRunner().invoke(app, ["compare", *map(str, arguments), "--json"])
    assert json.loads(rest.stdout)["complete"]


def test_seeds_and_rates_are_read() -> None:
    assert seed_numbers("5") == (1, 2, 3, 4, 5)
    assert seed_numbers("101,") == (101,)
    assert rates(None, ["gru"]) == {}
    assert rates(["gru=1e-3", "lstm=0.5"], ["gru", "lstm"]) == {"gru": 1e-3, "lstm": 0.5}


def test_the_shared_recipe_has_the_last_word_of_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps({"epochs": 4, "clip": 2.0, "cell": "lstm", "seed": 1}))
    settings = "epochs=2 pooling=max,last lowercase=false vocabulary=null max-length=50 head_tokens=9"
    recipe = shared_recipe(file, settings.split())
    assert (recipe.epochs, recipe.clip, recipe.pooling) == (2, 2.0, ("max", "last"))
    assert (recipe.lowercase, recipe.vocabulary, recipe.max_length) == (False, None, 50)
    file.write_text(json.dumps({"cell": "gru"}))
    with pytest.raises(OptionError, match="cell cannot be set for all"):
        shared_recipe(file, None)
    for content, says in (("[1]", "one JSON object; got list"), ("{", "must be a JSON file")):
        file.write_text(content)
        with pytest.raises(OptionError, match=says):
            shared_recipe(file, None)
