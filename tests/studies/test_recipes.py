"""benchmarks/recipes.py: each variant changes one thing, finished runs are kept, and chance is told from a difference."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from peephole.cli.app import app
from peephole.reading import Record
from peephole.training import Recipe

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
NAMES = ("recipes", "recipes_table", "recipes_texts", "recipes_variants")
TINY = ("hidden_size=6", "embedding=6", "head=0", "epochs=1", "vocabulary=300")


@pytest.fixture(scope="module")
def modules() -> Iterator[list[ModuleType]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)  # its parts import each other, as they do when it is run
        yield [importlib.import_module(name) for name in NAMES]
        for name in NAMES:
            sys.modules.pop(name, None)


@pytest.fixture
def script(modules: list[ModuleType]) -> ModuleType:
    return modules[0]


@pytest.fixture
def table(modules: list[ModuleType]) -> ModuleType:
    return modules[1]


@pytest.fixture
def texts(modules: list[ModuleType]) -> ModuleType:
    return modules[2]


@pytest.fixture
def corpus(tmp_path: Path) -> dict[str, Path]:
    words = {"pos": ("fine", "good", "great"), "neg": ("dull", "bad", "poor")}
    labelled = [
        (f"film {film}: a {words[label][n % 3]} one, seen {n} times", label, f"m{film}")
        for film in range(40)
        for n in range(3)
        for label in words
    ]
    files = {"data": tmp_path / "films.csv", "unlabelled": tmp_path / "more.csv"}
    rows = [f'"{text}",{label},{film}' for text, label, film in labelled]
    files["data"].write_text("\n".join(["text,label,movie", *rows]) + "\n", encoding="utf-8")
    more = [f"more of film {n % 50} in {n} words,m{n % 50}" for n in range(300)]
    files["unlabelled"].write_text("\n".join(["text,movie", *more]) + "\n", encoding="utf-8")
    return files


def records(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def films(path: Path) -> set[str]:
    return {f"m{record['text'].split('film ')[1].split()[0].strip(':')}" for record in records(path)}


def test_the_share_is_of_training_texts_alone_and_of_whole_groups(
    texts: ModuleType, corpus: dict[str, Path], tmp_path: Path
):
    columns = {"text_column": None, "label_column": None, "group_column": "movie"}
    whole, part = (
        texts.prepare(corpus["data"], corpus["unlabelled"], share, columns, tmp_path / str(share))
        for share in (1.0, 0.25)
    )
    assert whole.development == part.development
    assert whole.labels == part.labels == ("neg", "pos")
    assert whole.truth.tolist() == part.truth.tolist()
    held_out, kept = films(part.file("development")), films(part.file("training"))
    assert held_out == films(whole.file("development"))
    assert held_out
    assert kept < films(whole.file("training"))
    assert not kept & held_out
    assert not films(part.file("unlabelled")) & held_out
    count = part.facts["texts"]
    assert count["training"] == 6 * len(kept)  # whole films
    wanted = 0.25 * whole.facts["texts"]["training"]
    assert wanted <= count["training"] < wanted + 6
    assert count["training"] <= count["unlabelled"] < count["training"] + 6
    assert all("label" not in record for record in records(part.file("unlabelled")))
    assert whole.facts["texts"]["training"] + len(whole.development) == 240
    assert part.sizes == {"vocabulary": 1000, "batch_rows": 16, "batch_tokens": 8000}


def test_a_smaller_share_is_part_of_a_larger_one(texts: ModuleType):
    every = [Record(f"text {n}", "a", f"g{n % 10}" if n < 50 else None, "") for n in range(60)]
    small, large = (texts.whole_groups(every, wanted, "labelled") for wanted in (20, 40))
    assert {record.text for record in small} < {record.text for record in large}
    assert small != texts.whole_groups(every, 20, "unlabelled")
    assert texts.whole_groups(every, 60, "labelled") == every
    assert texts.whole_groups(every, 0, "labelled") == []


def test_every_variant_changes_one_thing(script: ModuleType):
    changes = [dict(variant.changes) for variant in script.VARIANTS.values()]
    assert all(
        len(change) <= 1 for name, change in zip(script.VARIANTS, changes, strict=True) if name != "mixed"
    )
    assert not script.VARIANTS["default"].changes
    defaults = Recipe()
    for change in changes:
        assert all(getattr(defaults, name) != value for name, value in change.items())


def in_process(seen: list[list[str]]) -> Any:
    def trainer(words: Sequence[str]) -> dict[str, Any]:
        seen.append(list(words))
        result = CliRunner().invoke(app, list(words))
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return trainer


@pytest.mark.slow
def test_the_program(
    script: ModuleType,
    corpus: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    written, seen = tmp_path / "result.json", list[list[str]]()
    words = [
        "--data",
        corpus["data"],
        "--group-column",
        "movie",
        "--unlabelled",
        corpus["unlabelled"],
        "--share",
        "0.5",
    ]
    words += ["--variants", "no-adversary,int8,mixed,teacher", "--work", tmp_path / "work"]
    words += [word for setting in TINY for word in ("--set", setting)]
    monkeypatch.setattr(sys, "argv", ["recipes.py", *map(str, words), "--json", str(written)])
    monkeypatch.setattr(script, "by_program", in_process(seen))
    script.main()
    first = capsys.readouterr().out
    assert "teacher: skipped, --teacher not given" in first
    report = json.loads(written.read_text("utf-8"))
    assert {"command", "date", "machine", "versions", "texts", "settings"} < set(report)
    assert report["command"].startswith("python benchmarks/recipes.py --data films.csv --group-column movie")
    assert report["texts"]["share"] == 0.5
    assert report["skipped"] == [{"variant": "teacher", "why": "--teacher not given"}]
    by_name = {found["variant"]: found for found in report["variants"]}
    assert list(by_name) == ["default", "no-adversary", "int8", "mixed"]
    assert [run["seed"] for run in by_name["mixed"]["runs"]] == [1, 2]
    assert by_name["mixed"]["runs"][0]["recipe"]["entropy"] == 1.0
    assert by_name["no-adversary"]["runs"][1]["recipe"]["adversarial"] == 0.0
    for run in by_name["int8"]["runs"]:
        assert run["bytes"] < run["float32_bytes"]
        assert run["labels_that_differ"] <= report["texts"]["texts"]["development"]
    mixed, default = by_name["mixed"], by_name["default"]
    assert mixed["differences"]["accuracy"]["mean"] == pytest.approx(mixed["accuracy"] - default["accuracy"])
    assert mixed["differences"]["log_loss"]["mean"] == pytest.approx(mixed["log_loss"] - default["log_loss"])
    paired = [run["against_default"]["difference"] for run in mixed["runs"]]
    assert np.mean(paired) == pytest.approx(mixed["differences"]["log_loss"]["mean"])
    assert len(seen) == 6  # int8 is not trained
    assert sum("--unlabelled" in words for words in seen) == 2

    script.main()  # again: nothing is trained, and all is told as before
    assert len(seen) == 6
    assert json.loads(written.read_text("utf-8"))["variants"] == report["variants"]
    assert capsys.readouterr().out == first
    monkeypatch.setattr(sys, "argv", ["recipes.py", "--table", str(written)])
    script.main()
    shown = capsys.readouterr().out
    assert first.endswith(shown)
    assert len(shown.strip().split("\n")) == 2 + 4
    assert "`--virtual-adversarial 1 --entropy 1`" in shown
    turned = " / ".join(str(run["labels_that_differ"]) for run in by_name["int8"]["runs"])
    assert f"`--storage int8`, 0.0 of 0.0 MB, {turned} labels turned" in shown

    monkeypatch.setattr(sys, "argv", ["recipes.py", *map(str, words), "--set", "learning_rate=0.01"])
    with pytest.raises(SystemExit, match=r"default-1\.json is of another settings: give another --work"):
        script.main()


def test_a_run_that_fails_says_how(script: ModuleType, capfd: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit, match="peephole magic: ended with status 2"):
        script.by_program(["magic"])
    assert "magic" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "x"], "--data and --work, or --table, must be given"),
        (["--data", "x", "--work", "w", "--share", "0"], "--share must be above 0"),
        (
            ["--data", "x", "--work", "w", "--variants", "magic"],
            "--variants: magic unknown; there are default",
        ),
    ],
)
def test_what_cannot_be_run_is_refused(
    script: ModuleType, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        script.parse(words)
    assert message in capsys.readouterr().err


def answers(variant: str, seed: int, right: Sequence[float]) -> dict[str, Any]:
    """A run whose probability of the right label, 0, is as given."""
    return {"variant": variant, "seed": seed, "changes": {}, "probabilities": [[p, 1 - p] for p in right]}


def summary(table: ModuleType, runs: list[dict[str, Any]], n: int) -> dict[str, Any]:
    titles = {run["variant"]: run["variant"] for run in runs}
    return table.summarise(runs, np.zeros(n, int), titles) | {"seeds": [1, 2]}


def test_a_difference_is_beyond_chance_only_beside_texts_and_seeds(table: ModuleType):
    chance = np.random.default_rng(0)
    p = chance.uniform(0.3, 0.8, 500)
    near = np.exp(chance.normal(0, 0.01, 500))
    same = [answers("default", seed, p) for seed in (1, 2)]
    better = [answers("better", seed, p * 1.05 * near) for seed in (1, 2)]
    found = summary(table, [*same, *better], 500)
    difference = found["variants"][1]["differences"]["log_loss"]
    assert difference["mean"] == pytest.approx(-np.log(1.05), abs=0.002)
    assert difference["error"] == difference["text_error"]  # the seeds agree: there are the texts alone
    assert table.verdict(found["variants"][1], found["level"]) == "better"
    assert table.verdict(summary(table, [*better, *same], 500)["variants"][0], 0.01) != "worse"

    apart = [answers("default", 1, p * 1.1), answers("default", 2, p / 1.1)]
    moved = summary(table, [*apart, *better], 500)
    difference = moved["variants"][1]["differences"]["log_loss"]
    deviation = np.sqrt(2 * np.log(1.1) ** 2 / 2)  # one degree of freedom of the two
    assert moved["seed_deviation"]["log_loss"] == pytest.approx(deviation, rel=0.01)
    assert difference["error"] == pytest.approx(np.hypot(difference["text_error"], deviation), rel=0.01)
    assert table.verdict(moved["variants"][1], moved["level"]) == "within chance"


def test_one_seed_alone_gives_no_verdict(table: ModuleType):
    runs = [answers("default", 1, [0.6, 0.7, 0.2]), answers("other", 1, [0.9, 0.9, 0.9])]
    found = summary(table, runs, 3)
    assert found["seed_deviation"] == {"accuracy": None, "log_loss": None}
    assert table.verdict(found["variants"][1], 0.01) == "one seed"
    assert found["variants"][1]["runs"][0]["against_default"]["first_only"] == 1
    assert found["variants"][1]["runs"][0]["labels_that_differ"] == 1
    assert "| one seed |" in table.markdown(found)
