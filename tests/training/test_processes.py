"""Several processes are one: the same curve, the same gradients in every step, up to rounding; and only the first one writes."""

from __future__ import annotations

import csv
import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peephole.training import LanguageRecipe, PretrainRequest, Progress, Recipe, pretrain
from support import data_parallel
from support.launching import launch
from support.models import word_counter
from support.once import of_all_workers, once

QUIET = {"word_dropout": 0.0, "embedding_dropout": 0.0, "pool_dropout": 0.0, "head_dropout": 0.0}
LANGUAGE = {
    "embedding": 8,
    "hidden_size": 8,
    "streams": 6,
    "window": 8,
    "epochs": 2,
    "candidates": 20,
    "vocabulary": 400,
}

# What is changed in the tiny recipe, which has dropout everywhere, an adversary and an average; and what else is asked for.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "lstm": ({}, {}),
    "without noise": (QUIET | {"adversarial": 0.0, "average": 0.0, "evaluate": "raw"}, {}),
    "peephole LSTM": ({"cell": "peephole-lstm", "class_weights": "balanced", "adversarial": 0.0}, {}),
    "deep GRU": ({"cell": "gru", "layers": 2, "layer_dropout": 0.3, "recurrent_dropout": 0.2}, {}),
    "weights of texts": ({"class_weights": "balanced"}, {"weight_column": "times"}),
    "virtual": ({"virtual_adversarial": 1.0, "entropy": 0.3}, {"unlabelled": True}),
    "taught": ({"entropy": 0.3, "distillation": 0.6}, {"unlabelled": True, "teachers": True}),
    "from a language model": ({"language_loss": 0.5}, {"language_model": True}),
}
PRETRAINING: dict[str, dict[str, Any]] = {
    "both directions": LANGUAGE | {"directions": "both", "recurrent_dropout": 0.1},
    "two layers": LANGUAGE | {"directions": "forward", "layers": 2, "layer_dropout": 0.2},
}
Runs = Callable[[int], Path]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, small_corpus, tiny) -> Runs:
    """Train all cases in so many processes, once, whichever of pytest's processes asks first; return the folder of the logs."""
    root = of_all_workers(tmp_path_factory) / "training in processes"
    given = root / "given"
    with once(given) as must_be_made:
        if must_be_made:
            write_jobs(given, small_corpus, tiny)

    @functools.cache
    def trained(processes: int) -> Path:
        folder = root / f"by {processes}"
        with once(folder) as must_be_made:
            if must_be_made:
                ended = launch(processes, data_parallel.__file__, str(given / "jobs.json"), str(folder))
                assert ended.status == 0, ended.err
                # One process speaks.
                assert ended.err.count("training and 30 development texts") == len(CASES) + 2
        return folder

    return trained


def write_jobs(root: Path, small_corpus: Callable[[Path], Path], tiny: Recipe) -> None:
    """Write what is trained, and from what."""
    source = small_corpus(root / "texts.csv")
    with source.open(newline="") as file:
        lines = list(csv.reader(file))
    with (root / "weighted.csv").open("w", newline="") as file:
        rows = [[*line, 1 + n % 3] for n, line in enumerate(lines[1:])]
        csv.writer(file).writerows([[*lines[0], "times"], *rows])
    (root / "unlabelled.txt").write_text(
        "".join(f"number {n} was {'dull' if n % 3 else 'fine'}\n" for n in range(91))
    )
    (root / "language.txt").write_text("\n".join(line[0] for line in lines[1:]))
    teacher = word_counter().save(root / "teacher")
    recipe = LanguageRecipe.from_json(LANGUAGE | {"directions": "both"})
    asked = PretrainRequest(
        sources=(root / "language.txt",), output=root / "language", recipe=recipe, cpu=True
    )
    pretrain(asked, progress=Progress())
    base = dataclasses.replace(tiny, epochs=2)

    def job(name: str, changes: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
        made = {
            "name": name,
            "source": str(root / ("weighted.csv" if "weight_column" in more else "texts.csv")),
        }
        made |= {"weight_column": more.get("weight_column")}
        made["recipe"] = dataclasses.replace(base, **changes).to_json()
        if "language_model" in more:  # which brings its own sizes and tokens
            made["recipe"] = {
                "epochs": 2,
                "head": 6,
                "noise_from": "start",
                "max_length": 16,
                "head_tokens": 6,
            } | changes
            made["language_model"] = str(root / "language")
        if "unlabelled" in more:
            made["unlabelled"] = [str(root / "unlabelled.txt")]
        if "teachers" in more:
            made["teachers"] = [str(teacher)]
        return made

    jobs = [job(name, *case) for name, case in CASES.items()]
    jobs += [
        {"name": name, "pretrain": True, "source": str(root / "language.txt"), "recipe": recipe}
        for name, recipe in PRETRAINING.items()
    ]
    cut = {"output": "short", "source": str(root / "texts.csv"), "recipe": base.to_json()}
    jobs += [cut | {"name": "cut", "budget": 1e-9}, cut | {"name": "resumed", "resume": True}]
    (root / "jobs.json").write_text(json.dumps(jobs))


def log_of(folder: Path, name: str, process: int = 0) -> dict[str, Any]:
    return json.loads((folder / f"{name}.{process}.json").read_text())


def gradients_of(folder: Path, name: str, process: int = 0) -> np.ndarray:
    return np.load(folder / f"{name}.{process}.npy")


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("name", [*CASES, *PRETRAINING])
def test_the_curve_and_the_gradients_are_those_of_one_process(runs, name, processes) -> None:
    alone, shared = log_of(runs(1), name), log_of(runs(processes), name)
    assert len(alone["losses"]) == len(shared["losses"]) > 20
    np.testing.assert_allclose(shared["losses"], alone["losses"], rtol=0, atol=1e-5)
    for key in ("train_loss", "log_loss"):
        expected = [line[key] for line in alone["history"]]
        np.testing.assert_allclose([line[key] for line in shared["history"]], expected, rtol=0, atol=1e-5)

    one, several = gradients_of(runs(1), name), gradients_of(runs(processes), name)
    apart = np.linalg.norm(several - one, axis=1) / np.linalg.norm(one, axis=1)
    # Float32 has 24 bits. The virtual adversary scales a slope of nearly nothing to a given length: its rounding grows with that.
    assert apart[0] < (1e-5 if name == "virtual" else 1e-6)
    assert apart.max() < (0.1 if name == "virtual" else 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
def test_every_text_of_a_batch_is_read_by_one_process(runs, processes) -> None:
    for name in CASES:
        alone = log_of(runs(1), name)["texts"]
        shares = [log_of(runs(processes), name, process)["texts"] for process in range(processes)]
        for step, batch in enumerate(alone):
            assert sorted(row for share in shares for row in share[step]) == sorted(batch), (name, step)
            sizes = [len(share[step]) for share in shares]
            assert max(sizes) - min(sizes) <= 0.3 * len(batch) + 1


@pytest.mark.slow
def test_all_processes_keep_the_same_weights_and_the_first_one_writes(runs) -> None:
    for name in CASES:
        gradients = [gradients_of(runs(2), name, process) for process in range(2)]
        assert np.array_equal(*gradients)
        first, second = (log_of(runs(2), name, process) for process in range(2))
        assert first["metrics"] == second["metrics"]
        assert second["writes"] == []
        assert any("tensors.safetensors" in path for path in first["writes"])
    assert any("teacher-" in path for path in log_of(runs(2), "taught")["writes"])
    assert sorted(path.name for path in (runs(2) / "lstm").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]


@pytest.mark.slow
def test_a_time_budget_ends_all_and_a_resumed_run_has_the_same_bits(runs) -> None:
    for process in range(2):
        assert log_of(runs(2), "cut", process)["ending"] == "time"
        assert log_of(runs(2), "resumed", process)["ending"] == "complete"
    whole, resumed = ((runs(2) / name / "model.safetensors").read_bytes() for name in ("lstm", "short"))
    assert whole == resumed
