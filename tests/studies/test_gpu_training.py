"""benchmarks/gpu_training.py: both models train, and a run that was finished keeps its times."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from peephole.errors import OptionError

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "gpu_training.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    found = importlib.util.spec_from_file_location("gpu_training", SCRIPT)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_without_a_gpu_it_says_what_to_do(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(OptionError, match="--device cpu"):
        script.parse(["r.csv", "--output", "out"])
    with pytest.raises(OptionError, match="--epochs"):
        script.parse(["r.csv", "--output", "out", "--device", "cpu", "--epochs", "0"])


def test_a_run_that_was_finished_before_keeps_its_times(script: ModuleType, tmp_path: Path) -> None:
    notes = tmp_path / "times.json"
    done = {"part": "language", "ending": "complete", "seconds_an_epoch": [2.0], "perplexity": 9.0}
    assert script.with_noted(done, notes) == done
    assert script.with_noted({"part": "language", "ending": "already"}, notes) == done
    other = {"part": "classifier", "ending": "already"}
    assert script.with_noted(other, notes) == other
    shown = script.table(
        {"machine": {"cpu": "a processor"}, "settings": {"precision": "bf16"}, "results": [done, other]}
    ).plain()
    assert shown.split("\n")[2:] == [
        "  language    complete        2.00  perplexity 9.0",
        "  classifier  already      no time",
    ]


def run(words: list[str]) -> str:
    """In a process of its own: one trains in one precision."""
    done = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_both_train_in_bfloat16_on_a_processor_and_go_on(tmp_path: Path) -> None:
    rows = [
        f"{word} film {n},{label}\n" for n in range(40) for word, label in (("good", "yes"), ("bad", "no"))
    ]
    (tmp_path / "r.csv").write_text("text,label\n" + "".join(rows), encoding="utf-8")
    words = [
        str(tmp_path / "r.csv"), "--output", str(tmp_path / "out"), "--device", "cpu", "--epochs", "2", "--hidden-size", "8",
        "--embedding", "8", "--json", str(tmp_path / "out.json"),
    ]  # fmt: skip
    run(words)
    first: dict[str, Any] = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [found["part"] for found in first["results"]] == ["classifier", "language"]
    assert all(len(found["seconds_an_epoch"]) == 2 for found in first["results"])
    assert all(seconds > 0 for found in first["results"] for seconds in found["seconds_an_epoch"])
    config = json.loads((tmp_path / "out" / "classifier" / "config.json").read_text(encoding="utf-8"))
    assert "bf16" in json.dumps(config)
    said = run(words)
    again = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert again["results"] == first["results"]
    assert "s an epoch" in said
