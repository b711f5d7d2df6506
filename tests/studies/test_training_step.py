"""benchmarks/training_step.py: the torch models are the same model, and who is wrong gets no time."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from peephole.classifier import ModelConfig
from peephole.nn.classifier import ClassifierModule
from peephole.training import Recipe
from peephole.training.batches import Batch, gather
from peephole.training.corpus import Corpus

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "training_step.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    found = importlib.util.spec_from_file_location("training_step", SCRIPT)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def batch(lengths: list[int]) -> Batch:
    chance = np.random.default_rng(0)
    texts = [chance.integers(3, 40, n, dtype=np.int32) for n in lengths]
    return gather(Corpus.from_texts(texts, [n % 2 for n in lengths]), np.arange(len(lengths)))


@pytest.fixture
def models(script: ModuleType) -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    config = ModelConfig.default(
        vocabulary=40, labels=["bad", "good"], embedding=6, hidden_size=5, head=4, word_dropout=0.0,
        embedding_dropout=0.0, pooling_dropout=0.0, head_dropout=0.0,
    )  # fmt: skip
    ours = ClassifierModule(config).train()
    return {
        "peephole": ours,
        "packed": script.TorchClassifier(ours, packed=True),
        "padded": script.TorchClassifier(ours, packed=False),
    }


def test_all_compute_the_same(script: ModuleType, models: dict[str, Any]) -> None:
    ragged, level = batch([3, 7, 1, 4]), batch([5, 5, 5])
    errors = script.check(models, ragged, level, Recipe())
    assert all(entry["error"] <= entry["bound"] for entry in errors.values()), errors
    for model in models.values():  # as they were: float32, and no gradient left
        assert {p.dtype for p in model.parameters()} == {torch.float32}
        assert all(p.grad is None for p in model.parameters())


def test_padding_changes_the_numbers_of_a_ragged_batch(script: ModuleType, models: dict[str, Any]) -> None:
    ragged = batch([3, 7, 1, 4])
    errors = script.check(models, ragged, ragged, Recipe())
    assert errors["padded"]["error"] > 1e-3


def test_who_is_wrong_gets_no_time(
    script: ModuleType, models: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ragged, level = batch([3, 7]), batch([5, 5])
    with torch.no_grad():
        models["peephole"].recurrent.bias_hh_l0.add_(1e-3)
    monkeypatch.setattr(script, "ROUNDS", 1)
    errors = script.check(models, ragged, level, Recipe())
    results = {entry["model"]: entry for entry in script.measure(models, [ragged], errors, Recipe())}
    assert "seconds_a_step" not in results["peephole"]
    assert results["packed"]["seconds_a_step"]["median"] > 0
    report = {
        "batches": {"count": 1, "texts": 2, "tokens": 10, "padded_steps": 14},
        "machine": {"threads": 1},
        "results": list(results.values()),
    }
    shown = script.table(report).plain().split("\n")
    assert "of the padded steps 71% real" in shown[0]
    assert "wrong: no time" in shown[2]


def test_a_step_trains(script: ModuleType, models: dict[str, Any]) -> None:
    ragged = batch([3, 7, 4])
    before = script.loss_with(models["packed"], ragged, 0.0).item()
    steps = script.stepper(models["packed"], [ragged], Recipe())
    for _ in range(50):
        steps()
    assert script.loss_with(models["packed"], ragged, 0.0).item() < before
