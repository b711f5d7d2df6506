"""``peephole convert``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from peephole.classifier import load
from peephole.cli.app import app
from support.models import word_counter


def run(*arguments: object) -> None:
    program = typer.main.get_command(app)
    program.main([str(argument) for argument in arguments], standalone_mode=False)


def test_the_model_is_stored_otherwise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, small = word_counter().save(tmp_path / "model"), tmp_path / "small"
    run("convert", model, "--storage", "int8", "--output", small)
    assert f"model: {small}, weights in int8, 0.00 MB" in capsys.readouterr().out
    again = load(small)
    assert again.config.storage == "int8"
    assert [answer.label for answer in again.predict(["the film was good", "dull"])] == [
        "positive",
        "negative",
    ]
    run("convert", small, "--storage", "float32", "--output", tmp_path / "back", "--json")
    document = json.loads(capsys.readouterr().out)
    assert (document["from"], document["storage"]) == ("int8", "float32")
    assert document["bytes"] == (tmp_path / "back" / "model.safetensors").stat().st_size
    assert load(tmp_path / "back").predict_proba(["fine"]).tolist() == again.predict_proba(["fine"]).tolist()


def test_an_unknown_storage_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PEEPHOLE_DEBUG", raising=False)
    model = word_counter().save(tmp_path / "model")
    status = typer.main.get_command(app).main(
        ["convert", str(model), "--storage", "int4", "--output", str(tmp_path / "x")], standalone_mode=False
    )
    assert status == 2
    assert "storage must be one of 'float32', 'float16', 'int8'; got 'int4'" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
