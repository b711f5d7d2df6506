"""What commands print with --json, beside the schemas that are promised."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from peephole.cli import app
from peephole.cli.schemas import ANSWERS, schema
from peephole.cli.schemas.fields import fields
from support.models import word_counter

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "json-fields.txt"
SMALL = "--hidden-size 4 --embedding 4 --epochs 1 --head 0"
Said = Callable[[str], str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("json")
    word_counter().save(made / "counter")
    rows = [
        f"{word} film {n},{label},g{n % 9}\n"
        for n in range(60)
        for word, label in (("good", "positive"), ("bad", "negative"))
    ]
    (made / "r.csv").write_text("text,label,film\n" + "".join(rows))
    (made / "d.csv").write_text("text,label\nvery good,positive\nvery bad,negative\n")
    (made / "u.txt").write_text("".join(f"so good {n}\n" for n in range(20)))
    return made


@pytest.fixture
def said(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Run a command line where the texts are, and return all of its stdout."""
    monkeypatch.chdir(folder)

    def run(line: str) -> str:
        monkeypatch.setattr(sys, "argv", ["peephole", *line.split()])
        with pytest.raises(SystemExit) as ended:
            app.main()
        told = capsys.readouterr()
        assert not ended.value.code, told.err
        return told.out

    return run


def problems(name: str, document: Any) -> list[str]:
    validator = jsonschema_rs.Draft202012Validator(schema(name))
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(document)]


QUICK = {
    "two texts": ("predict", "predict good bad --model counter --json --top-k 2"),
    "no text": ("predict", "predict r.csv --where film=g1 --model counter --json"),
    "a neutral answer": ("predict", "predict film --model counter --neutral 1 --json"),
    "texts in files": (
        "predict-files",
        "predict r.csv --model counter --output o.csv --workers 1 --probabilities --json",
    ),
    "all done before": (
        "predict-files",
        "predict r.csv --model counter --output o.csv --workers 1 --probabilities --json",
    ),
    "a text explained": ("explain", "explain good --json"),
    "no word": ("explain", "explain --text . --method leave-one-out --json"),
    "an empty text": ("explain", "explain --text --json --model counter --method leave-one-out !"),
    "by the conveyor": ("explain", "explain good --method conveyor --json"),
    "texts explained": ("explain-several", "explain r.csv --model counter --method leave-one-out --json"),
    "an evaluation": ("evaluate", "evaluate counter r.csv --json"),
    "of one class": ("evaluate", "evaluate counter r.csv --where label=positive --json"),
    "the suite": ("evaluate-behaviour", "evaluate counter --behaviour --json"),
    "a conversion": ("convert", "convert counter --storage float16 --output half --json"),
    "an export": ("export", "export reviews --to onnx --output onnx --json"),
    "the installation": ("info", "info --json"),
}  # fmt: skip
SLOW = {
    "a training": ("train", f"train r.csv {SMALL} --output m --json"),
    "its end, again": ("train", f"train r.csv {SMALL} --output m --resume --json"),
    "a pretraining": (
        "pretrain",
        "pretrain r.csv --hidden-size 4 --embedding 4 --epochs 1 --output lm --json",
    ),
    "that again": (
        "pretrain",
        "pretrain r.csv --hidden-size 4 --embedding 4 --epochs 1 --output lm --resume --json",
    ),
    "groups held out": ("train", f"train r.csv {SMALL} --group-column film --output m2 --json"),
    "development texts": ("train", f"train r.csv {SMALL} --dev d.csv --output m3 --json"),
    "unlabelled texts": ("train", f"train r.csv {SMALL} --unlabelled u.txt --entropy 0.1 --output m4 --json"),
    "a search": ("tune", f"tune r.csv {SMALL} --trials 2 --output t --json"),
    "cells on texts": (
        "compare",
        "compare r.csv --set epochs=1 --set hidden_size=4 --set embedding=4 --contenders rnn,lstm --seeds 2 --output c --json",
    ),
    "cells on a task": (
        "compare",
        "compare --task order --length 20 --sequences 100 --contenders gru --seeds 1 --hidden-size 2 --output c2 --json",
    ),
    "cells that count": (
        "compare",
        "compare --task count --length 4 --sequences 100 --contenders lstm --seeds 1 --hidden-size 2 --output c3 --json",
    ),
}


@pytest.mark.parametrize(("name", "line"), QUICK.values(), ids=QUICK)
def test_an_answer_is_what_its_schema_says(name: str, line: str, said: Said) -> None:
    assert problems(name, json.loads(said(line))) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "line"), SLOW.values(), ids=SLOW)
def test_a_long_answer_is_what_its_schema_says(name: str, line: str, said: Said) -> None:
    assert problems(name, json.loads(said(line))) == []


def test_each_line_of_jsonl_is_what_its_schema_says(said: Said) -> None:
    lines = said("predict r.csv --model counter --jsonl").splitlines()
    assert len(lines) == 120
    assert [problem for line in lines for problem in problems("predict-line", json.loads(line))] == []


def test_documents_that_are_kept_are_what_their_schema_says() -> None:
    results = ROOT / "benchmarks" / "results"
    assert problems("bench", json.loads((results / "layers.json").read_text())) == []
    for task in json.loads((results / "long-dependencies.json").read_text())["tasks"]:
        assert problems("compare", task) == []


@pytest.mark.slow
def test_a_bench_is_what_its_schema_says(said: Said, folder: Path) -> None:
    said("bench 4,2,3,3 --seconds 0 --cells lstm --rival none --json b.json")
    assert problems("bench", json.loads((folder / "b.json").read_text())) == []


def test_a_schema_is_printed_and_names_itself(said: Said) -> None:
    for name, answer in ANSWERS.items():
        printed = json.loads(said(f"info --schema {name}"))
        jsonschema_rs.meta.validate(printed)
        assert printed["$id"] == f"urn:peephole:{name}:{answer.version}"
    assert json.loads(said("info --json"))["schemas"] == {
        name: answer.version for name, answer in ANSWERS.items()
    }


def objects(part: Any) -> list[dict[str, Any]]:
    """Every object of a schema that has fields."""
    if isinstance(part, list):
        return [found for inner in part for found in objects(inner)]
    if not isinstance(part, dict):
        return []
    inside = [found for inner in part.values() for found in objects(inner)]
    return [part, *inside] if isinstance(part.get("properties"), dict) and "required" in part else inside


@pytest.mark.parametrize("name", ANSWERS)
def test_a_field_without_a_schema_is_found(name: str) -> None:
    assert all(found["additionalProperties"] is False for found in objects(schema(name)))


def test_no_field_is_lost_or_gets_another_type() -> None:
    promised = GOLDEN.read_text(encoding="utf-8").splitlines()
    made = [
        f"{name} {answer.version} {field.path or '.'}: {field.kind}{'' if field.needed else ', may be missing'}"
        for name, answer in ANSWERS.items()
        for field in fields(schema(name))
    ]
    current = {f"{name} {answer.version} " for name, answer in ANSWERS.items()}
    lost = [line for line in promised if line.startswith(tuple(current)) and line not in made]
    assert not lost, "a reader may count on these: keep them, or raise the version in ANSWERS\n" + "\n".join(
        lost
    )
    new = [line for line in made if line not in promised]
    assert not new, f"from now on these are promised: add them to {GOLDEN.name}\n" + "\n".join(new)
