"""``peephole push``, and names of the Hub in other commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub", reason="needs the extra 'hub'")

import typer

import peephole
from hub.conftest import cache as cache
from hub.conftest import hub as hub
from peephole.cli.app import app, main
from support.fake_hub import FakeHub
from support.models import word_counter

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


def run(*arguments: object) -> None:
    program = typer.main.get_command(app)
    program.main([str(argument) for argument in arguments], standalone_mode=False)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_model_is_pushed_and_used_by_its_name(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    word_counter().save("model")
    run(
        "push",
        "model",
        "ada/films",
        "--private",
        "--license",
        "mit",
        "--language",
        "en",
        "--tag",
        "a",
        "--tag",
        "b",
        "--message",
        "First",
    )
    held = hub.repositories["ada/films"]
    commit = held.refs["main"]
    assert capsys.readouterr().out == f"model: {hub.url}/ada/films/commit/{commit}\n"
    assert (held.private, held.messages[-1]) == (True, "First")
    data = json.loads(held.commits[commit]["config.json"])["data"]
    assert data == {"model_license": "mit", "language": ["en"], "tags": ["a", "b"]}
    run("push", "model", "ada/films", "--revision", "next", "--pr", "--json")
    assert json.loads(capsys.readouterr().out)["revision"] == "refs/pr/1"
    Path("texts.csv").write_text("text,label\nthe film was good,positive\nbad,negative\n")
    run("predict", "good", "bad", "--model", "ada/films", "--jsonl")
    assert [json.loads(line)["label"] for line in capsys.readouterr().out.split("\n")[:2]] == [
        "positive",
        "negative",
    ]
    run("evaluate", f"ada/films@{commit}", "texts.csv", "--min-accuracy", "1")
    run("convert", "ada/films@next", "--storage", "int8", "--output", "small")
    assert peephole.load("small").config.storage == "int8"
    run("export", "ada/films@refs/pr/1", "--to", "onnx")
    assert Path("films-onnx/model.onnx").is_file()


def test_the_plainest_line_takes_a_name_too(
    hub: FakeHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    word_counter().push_to_hub("ada/films")
    monkeypatch.setattr("sys.argv", ["peephole", "predict", "good", "--model", "ada/films"])
    with pytest.raises(SystemExit) as end:
        main()
    assert (end.value.code, capsys.readouterr().out[:8]) == (0, "positive")
    monkeypatch.setattr("sys.argv", ["peephole", "predict", "good", "--model", "ada/flims"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert (
        "error: ada/flims: no such model folder here, and no such model on the Hugging Face Hub"
        in capsys.readouterr().err
    )


def test_a_server_pins_what_it_serves(hub: FakeHub) -> None:
    pytest.importorskip("fastapi", reason="needs the extra 'serve'")
    from peephole.serve.models import load_models, pinned, sources

    assert pinned(()) == ()
    word_counter().save("mine")
    done = word_counter().push_to_hub("ada/films")
    found = pinned(("ada/films", "old=ada/films@main", "mine", "reviews"))
    assert list(sources(found)) == ["films", "old", "mine", "reviews"]
    assert found[2:] == ("mine", "reviews")
    assert all(each.endswith(f"/snapshots/{done.commit}") for each in found[:2])
    hub.status = 503
    assert load_models(found)["films"].labels == ("negative", "positive")


def test_a_teacher_of_the_hub(hub: FakeHub) -> None:
    pytest.importorskip("torch", reason="needs the extra 'train'")
    from peephole.training.teachers import load_teachers, teacher_digest

    folder = word_counter().save("mine")
    word_counter().push_to_hub("ada/films")
    (teacher,) = load_teachers(["ada/films"], ["positive", "negative"])
    assert (teacher.path, teacher.columns) == ("ada/films", [1, 0])
    assert teacher.digest == teacher_digest("ada/films") == teacher_digest(folder)
