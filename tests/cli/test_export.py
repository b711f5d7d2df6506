"""``peephole export``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from peephole.cli.app import app
from support.models import word_counter

pytest.importorskip("onnx", reason="needs the onnx package")


def run(*arguments: object) -> object:
    program = typer.main.get_command(app)
    return program.main([str(argument) for argument in arguments], standalone_mode=False)


def test_a_model_is_written_as_onnx(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = word_counter().save(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    run("export", model, "--to", "onnx")
    assert "model-onnx, ONNX in float32, 0.00 MB" in capsys.readouterr().out
    assert (tmp_path / "model-onnx" / "model.onnx").is_file()
    run("export", model, "--to", "onnx", "--precision", "int8", "--output", tmp_path / "small", "--json")
    document = json.loads(capsys.readouterr().out)
    assert (document["to"], document["precision"]) == ("onnx", "int8")
    assert document["bytes"] == (tmp_path / "small" / "model.onnx").stat().st_size


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--to", "onxx"], "to must be one of 'onnx'; got 'onxx' (did you mean 'onnx'?)"),
        (
            ["--to", "onnx", "--precision", "int4"],
            "precision must be one of 'float32', 'float16', 'int8'; got 'int4'",
        ),
    ],
)
def test_wrong_options_are_usage_errors(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    words: str,
) -> None:
    monkeypatch.delenv("PEEPHOLE_DEBUG", raising=False)
    model = word_counter().save(tmp_path / "model")
    assert run("export", model, *options, "--output", tmp_path / "x") == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
