"""What is offered for a name that was mistyped: of a command, an option, a value, a column, a label, a model, a file."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from peephole.cli import app
from peephole.files import nearest_path
from support.models import word_counter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("mistyped")
    word_counter().save(made / "my-model")
    (made / "reviews.csv").write_text("text,label,film\ngood,positive,a\nbad,negative,b\n")
    (made / "typo.csv").write_text("text,label\ngood,positve\n")
    (made / "recipe.json").write_text("{}")
    (made / "data").mkdir()
    (made / "data" / "tweets.jsonl").write_text('{"text": "good"}\n')
    return made


LINES = {
    "a command": ("trian reviews.csv", "train"),
    "an option": ("predict good --modle reviews", "--model"),
    "a method": ("explain good --method shaply", "shapley"),
    "a storage": ("convert my-model --storage int9 --output out", "int8"),
    "a format to export": ("export my-model --to onx", "onnx"),
    "a precision": ("export my-model --to onnx --precision f16", "float16"),
    "a format": ("predict reviews.csv --format cvs", "csv"),
    "a cell": ("train reviews.csv --cell lsmt --output out", "lstm"),
    "a setting": ("compare reviews.csv --set epoch=2", "epochs"),
    "a setting to search": ("tune reviews.csv --search learning_rat", "learning_rate"),
    "a contender": ("compare reviews.csv --contenders lsmt", "lstm"),
    "what matches": ("compare reviews.csv --match unit", "units"),
    "a task": ("compare --task ordr", "order"),
    "a variant": ("compare --task order --variant tow", "two"),
    "first weights": ("compare --task order --init crono", "chrono"),
    "a race": ("bench revew", "review"),
    "a rival": ("bench --rival trch", "torch"),
    "a cell of a race": ("bench --cells lsmt", "lstm"),
    "a dtype": ("bench --dtype float3", "float32"),
    "a column of texts": ("predict reviews.csv --text-column txt", "text"),
    "a column of labels": ("evaluate my-model reviews.csv --label-column labl", "label"),
    "a column of groups": ("train reviews.csv --group-column flim --output out", "film"),
    "a column of a condition": ("predict reviews.csv --where flm=a", "film"),
    "a label to explain": ("explain good --target positve --model my-model", "positive"),
    "a label of the behaviour suite": ("evaluate my-model --behaviour --positive postive", "positive"),
    "a label in the texts": ("evaluate my-model typo.csv", "positive"),
    "a model of this installation": ("predict good --model revews", "reviews"),
    "a model folder": ("predict good --model ./my-modl", "my-model"),
    "a model folder, by its bare name": ("predict good --model my_model", "my-model"),
    "a file to label": ("predict revews.csv", "reviews.csv"),
    "a file to train on": ("train revews.csv --output out", "reviews.csv"),
    "a file to score": ("evaluate my-model revews.csv", "reviews.csv"),
    "a file in a mistyped folder": ("predict dta/tweets.jsonl", "data/tweets.jsonl"),
    "a recipe": ("train reviews.csv --recipe recip.json --output out", "recipe.json"),
    "an ending": ("evaluate my-model reviews.csv --errors out.cvs", ".csv"),
}


@pytest.mark.parametrize(("line", "meant"), LINES.values(), ids=LINES)
def test_what_was_meant_is_offered(
    line: str, meant: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["peephole", *shlex.split(line)])
    with pytest.raises(SystemExit) as ended:
        app.main()
    told = capsys.readouterr()
    assert ended.value.code in (1, 2)
    assert told.out == ""
    said = told.err.replace("│", " ")
    offers = (
        f"(did you mean {meant!r}?)",
        f"Did you mean '{meant}'",
        f"(Possible options: {meant})",
        f"Did you mean {meant}",
    )
    assert any(offer in said for offer in offers), said


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "first").mkdir()
    (tmp_path / "runs" / "firsts.csv").touch()
    (tmp_path / ".hidden").touch()
    assert nearest_path("runs/fist") == " (did you mean 'runs/first'?)"
    assert nearest_path("runs/firsts.cvs") == " (did you mean 'runs/firsts.csv'?)"
    assert nearest_path("runs/firsts.cvs", folders=True) == " (did you mean 'runs/first'?)"
    assert nearest_path("run/first") == " (did you mean 'runs/first'?)"
    assert nearest_path("run/second") == ""
    assert nearest_path(tmp_path / "rums") == f" (did you mean {str(tmp_path / 'runs')!r}?)"
    for nothing in ("", "/", "hidden", "a\0b", "x" * 5000, "no/such/thing", "runs/firsts.csv/deeper"):
        assert nearest_path(nothing) == ""
