"""The program as a person runs it: what it prints, where, and with which exit status."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.models import word_counter


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return word_counter().save(tmp_path_factory.mktemp("models") / "model")


def peephole(
    *arguments: object, stdin: str | bytes = "", status: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run the program; fail unless it ends with `status`."""
    done = subprocess.run(
        [sys.executable, "-m", "peephole", *map(str, arguments)],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        check=False,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
    )
    result = subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )
    assert result.returncode == status, result.stdout + result.stderr
    return result


def test_predict_prints_a_label_and_a_probability_for_each_text(model: Path) -> None:
    out = peephole("predict", "the film was good", "the good film was bad", "--model", model)
    labels = [line.split("\t") for line in out.stdout.splitlines()]
    assert [label for label, _ in labels] == ["positive", "negative"]
    assert all(0.5 < float(probability) <= 1 for _, probability in labels)
    assert out.stderr == ""


def test_predict_reads_standard_input_line_by_line_and_keeps_empty_lines(model: Path) -> None:
    text = "good\n\nbad\u0085good\n" + "\n" * 10_000 + "bad"
    out = peephole("predict", "--model", model, "--jsonl", stdin=text)
    records = [json.loads(line) for line in out.stdout.split("\n") if line]
    assert len(records) == 3 + 10_000 + 1
    assert [records[0]["label"], records[-1]["label"]] == ["positive", "negative"]
    assert records[2]["text"] == "bad\u0085good"


def test_predict_takes_a_path_for_a_file_unless_told_otherwise(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text("text,label\ngood,x\nbad,y\n")
    assert len(peephole("predict", file, "--model", model).stdout.splitlines()) == 2
    assert len(peephole("predict", file, "--model", model, "--text").stdout.splitlines()) == 1


def test_predict_prints_strict_json(model: Path) -> None:
    records = json.loads(peephole("predict", "good", "bad", "--model", model, "--json", "--top-k", 2).stdout)
    assert [record["label"] for record in records] == ["positive", "negative"]
    assert list(records[0]["probabilities"]) == ["positive", "negative"]


ODD = {
    "blank": " ",
    "emoji": "\U0001f642",
    "joined emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "Arabic": "\u0645\u0631\u062d\u0628\u0627",
    "right-to-left mark": "\u202eevil",
    "a million characters": "good " * 200_000,
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_predict_answers_any_text(model: Path, text: str) -> None:
    done = peephole("predict", "-", "--model", model, "--jsonl", stdin=text)
    assert len(done.stdout.splitlines()) == 1


def test_predict_says_that_there_was_nothing(model: Path) -> None:
    assert "stdin: empty: it holds no text at all" in peephole("predict", "--model", model, status=1).stderr


def test_predict_names_the_place_of_a_bad_byte(model: Path) -> None:
    done = peephole("predict", "-", "--model", model, stdin=b"good\na\x00b\n", status=1)
    assert "stdin, line 2, byte 6: bad byte 0x00" in done.stderr
    assert done.stdout.startswith("positive\t")


def with_models(folder: Path, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the program of an installation whose models are those in `folder`."""
    program = (
        "import pathlib, sys; from peephole.classifier import shipped; from peephole.cli.app import main\n"
        "shipped.FOLDER = pathlib.Path(sys.argv.pop(1)); sys.argv[0] = 'peephole'; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


def test_predict_without_a_model_uses_the_one_of_the_package(model: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(model, models / "reviews")
    assert with_models(models, "predict", "good", "bad").stdout.split() == [
        "positive", "0.9969", "negative", "0.9969",
    ]  # fmt: skip
    facts = json.loads(with_models(models, "info", "--json").stdout)
    size = sum(file.stat().st_size for file in model.iterdir())
    assert facts["models"] == [
        {"name": "reviews", "bytes": size, "path": str(models / "reviews"), "default": True}
    ]
    assert "reviews        0.0 MB, the default" in with_models(models, "info").stdout


def test_predict_without_any_model_says_how_to_get_one(tmp_path: Path) -> None:
    done = with_models(tmp_path, "predict", "good", status=1)
    assert "this installation must have the model 'reviews' in" in done.stderr
    assert "peephole demo makes one in three minutes" in done.stderr
    assert done.stdout == ""
    assert "none: this installation was made without a model" in with_models(tmp_path, "info").stdout


def test_predict_answers_neutral_when_it_is_asked_to(model: Path) -> None:
    done = peephole("predict", "the film", "good", "--neutral", "0.1", "--model", model)
    assert done.stdout.splitlines() == ["neutral\t0.5000", "positive\t0.9969"]
    record = json.loads(peephole("predict", "film", "--neutral", "0.1", "--jsonl", "--model", model).stdout)
    assert (record["label"], record["probability"]) == ("neutral", 0.5)
    assert record["probabilities"] == {"negative": 0.5, "positive": 0.5}
    done = peephole("predict", "good", "--neutral", "0.1", "--top-k", "2", "--model", model, status=2)
    assert "--neutral and --top-k exclude each other; got both" in done.stderr
    assert peephole("predict", "good", "--neutral", "1.5", "--model", model, status=2).stdout == ""


def test_predict_with_a_missing_model_says_so(tmp_path: Path) -> None:
    done = peephole("predict", "good", "--model", tmp_path / "none", status=1)
    assert "no such model folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_option_is_a_usage_error() -> None:
    assert "--modle" in peephole("predict", "good", "--modle", "x", status=2).stderr


def test_a_closed_pipe_is_no_error(model: Path) -> None:
    command = (
        f'yes good | head -200000 | "{sys.executable}" -m peephole predict - --model "{model}" | head -1'
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert done.stdout.startswith(b"positive\t")
    assert done.stderr == b""


LABELLED = "text,label\ngood,positive\nbad,negative\ngood film was great,positive\nbad,positive\n"


def test_evaluate_prints_scores_and_writes_what_was_wrong(model: Path, tmp_path: Path) -> None:
    data, errors = tmp_path / "data.csv", tmp_path / "errors.jsonl"
    data.write_text(LABELLED)
    done = peephole("evaluate", model, data, "--errors", errors)
    assert "75.0 %" in done.stdout
    assert [json.loads(line)["text"] for line in errors.read_text().splitlines()] == ["bad"]
    document = json.loads(peephole("evaluate", model, data, "--json").stdout)
    assert (document["n"], document["accuracy"]) == (4, 0.75)
    assert document["confusion"] == [[1, 0], [1, 2]]


def test_evaluate_is_a_gate(model: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text(LABELLED)
    peephole("evaluate", model, data, "--min-accuracy", 0.75)
    done = peephole("evaluate", model, data, "--min-accuracy", 0.76, status=1)
    assert "accuracy 0.7500 is below --min-accuracy 0.76" in done.stderr


def test_evaluate_writes_a_report(model: Path, tmp_path: Path) -> None:
    data, report = tmp_path / "data.csv", tmp_path / "report.html"
    data.write_text(LABELLED)
    peephole("evaluate", model, data, "--html", report)
    page = report.read_text()
    assert "<svg" in page
    assert "75.0 %" in page


def test_evaluate_names_an_unknown_label(model: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("text,label\ngood,positive\nbad,neutral\n")
    done = peephole("evaluate", model, data, status=1)
    assert "row 2" in done.stderr
    assert "'neutral'" in done.stderr


def test_evaluate_chooses_rows(model: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("text,label,split\ngood,positive,dev\nbad,positive,train\n")
    assert json.loads(peephole("evaluate", model, data, "--where", "split=dev", "--json").stdout)["n"] == 1


def test_evaluate_development_needs_a_rule(model: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text(LABELLED)
    done = peephole("evaluate", model, data, "--development", status=1)
    assert "needs a model whose development part was chosen" in done.stderr


def test_info_knows_every_extra_and_its_packages() -> None:
    tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11 or newer")
    from peephole.cli.info import EXTRAS

    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    declared = tomllib.loads(text)["project"]["optional-dependencies"]
    assert EXTRAS.keys() == declared.keys() - {"all", "dev", "docs"}
    for extra, packages in EXTRAS.items():
        wanted = {re.split(r"[^\w-]", one)[0].replace("-", "_") for one in declared[extra] if "[" not in one}
        assert wanted <= {name.replace("-", "_") for name in packages}, extra


def test_info_lists_backends_and_extras() -> None:
    facts = json.loads(peephole("info", "--json").stdout)
    assert {backend["name"] for backend in facts["backends"]} >= {"torch", "reference"}
    assert facts["cells"]["peephole-lstm"]
    assert "backends" in peephole("info").stdout


def test_version_and_help() -> None:
    assert peephole("--version").stdout.startswith("peephole 0.")
    text = peephole("--help").stdout
    assert all(
        command in text for command in ("predict", "train", "evaluate", "convert", "demo", "bench", "info")
    )
    assert "--hidden-size" in peephole("train", "--help").stdout


SPARED = (
    "torch", "rich", "typer", "pydantic", "matplotlib", "accelerate", "datasets", "pyarrow", "csv", "gzip", "subprocess",
    "peephole.cli.train", "peephole.evaluation", "peephole.equations.diagram", "peephole.nn", "peephole.reading.source",
    "peephole.ops.own_cell", "peephole.studies", "peephole.training",
)  # fmt: skip


def test_nothing_is_imported_that_predict_does_not_need(model: Path) -> None:
    program = (
        "import sys; sys.argv = ['peephole', 'predict', 'good', '--model', sys.argv[1]]\n"
        "from peephole.cli.app import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        f"bad = set({SPARED!r}) & set(sys.modules)\n"
        "assert not bad, bad"
    )
    done = subprocess.run([sys.executable, "-c", program, str(model)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_importing_the_package_imports_next_to_nothing() -> None:
    program = (
        "import sys; before = set(sys.modules); import peephole; new = set(sys.modules) - before\n"
        "print(sorted(name for name in new if name.split('.')[0] not in sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "['peephole']"


def test_predict_does_not_take_a_mistyped_file_for_a_text(model: Path) -> None:
    done = peephole("predict", "reviws.csv.gz", "--model", model, status=2)
    assert "reviws.csv.gz: no such file" in done.stderr
    assert "--text" in done.stderr
    assert peephole("predict", "reviws.csv.gz", "--text", "--model", model).stdout


def test_predict_takes_an_empty_argument_for_an_empty_text(model: Path) -> None:
    assert len(peephole("predict", "", "hf: great film", "--model", model).stdout.splitlines()) == 2


def test_predict_refuses_options_that_would_do_nothing(model: Path) -> None:
    done = peephole("predict", "good", "--model", model, "--text-column", "x", status=2)
    assert "--text-column is for files" in done.stderr


def test_a_condition_on_the_same_column_twice_is_refused(model: Path, tmp_path: Path) -> None:
    done = peephole("evaluate", model, tmp_path, "--where", "a=1", "--where", "a=2", status=2)
    assert "a column can have one value; got a=1 and a=2" in done.stderr


def test_json_lines_hold_no_line_ends_and_no_controls(model: Path) -> None:
    out = peephole("predict", "good\u2028\u0085\u009b", "--model", model, "--jsonl").stdout
    assert len(out.splitlines()) == 1
    assert json.loads(out)["text"] == "good\u2028\u0085\u009b"


def test_a_full_disk_is_an_error_not_a_traceback(model: Path) -> None:
    command = f'"{sys.executable}" -m peephole predict good --model "{model}" > /dev/full'
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = peephole("--debug", "predict", "good", "--model", tmp_path / "none", status=1)
    assert "Traceback" in done.stderr


def test_evaluate_checks_where_it_will_write_before_it_reads(model: Path, tmp_path: Path) -> None:
    done = peephole("evaluate", model, tmp_path / "missing.csv", "--errors", tmp_path / "wrong.txt", status=2)
    assert "wrong.txt" in done.stderr
    assert "missing.csv" not in done.stderr
