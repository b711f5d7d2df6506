"""The benchmark of whole programs: losses are compared before anything is timed, and who differs gets no time."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import peephole.nn

ROOT = Path(__file__).resolve().parents[2]
SMALL: dict[str, dict[str, Any]] = {
    "word_language_model": {"width": 16, "reviews": 60},
    "forecaster": {"width": 8, "hours": 300},
    "sentiment_tutorial": {"width": 8, "count": 64},
}


@pytest.fixture(scope="module")
def programs() -> Any:
    spec = importlib.util.spec_from_file_location("programs", ROOT / "benchmarks" / "programs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", SMALL)
def test_both_have_the_same_losses_and_ours_is_ours(programs: Any, name: str) -> None:
    entry = programs.measure(name, steps=3, rounds=1, **SMALL[name])
    assert not entry["void"]
    assert set(entry["seconds_a_step"]) == {"torch", "peephole"}
    assert entry["times_faster"] > 0
    kinds = {
        whose: [
            type(m)
            for m in programs.make(name, whose, **SMALL[name]).model.modules()
            if isinstance(m, torch.nn.RNNBase)
        ]
        for whose in ("torch", "peephole")
    }
    assert len(kinds["torch"]) == len(kinds["peephole"]) == 1
    assert kinds["torch"][0] in (torch.nn.LSTM, torch.nn.GRU)
    assert kinds["peephole"][0] in (peephole.nn.LSTM, peephole.nn.GRU)


def test_losses_that_differ_are_void(programs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:  # the same interface, another equation
        GRU = staticmethod(lambda *args, **kwargs: peephole.nn.GRU(*args, reset="before", **kwargs))

    monkeypatch.setitem(programs.CHANGES, "forecaster", ("import", torch.nn, Other))
    entry = programs.measure("forecaster", steps=3, rounds=1, **SMALL["forecaster"])
    assert entry["void"]
    assert "seconds_a_step" not in entry


def test_the_committed_results_are_complete() -> None:
    document = json.loads((ROOT / "benchmarks" / "results" / "programs.json").read_text("utf-8"))
    assert [entry["program"] for entry in document["results"]] == list(SMALL)
    assert not any(entry["void"] for entry in document["results"])
