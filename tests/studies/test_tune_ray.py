"""A search on Ray's workers finds what one after the other finds, outlives its workers, and goes on where it was stopped."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from peephole import clusters
from peephole.classifier import load
from peephole.errors import BackendUnavailable, OptionError
from peephole.studies.listening import Listener
from peephole.studies.tune import ray_engine
from peephole.studies.tune.plan import Plan
from peephole.studies.tune.tuning import tune
from peephole.training import Recipe, TrainRequest
from support.small_estimators import labelled
from support.small_searches import NARROW, TINY

pytestmark = [
    pytest.mark.slow,
    # Ray and gRPC leave files and sockets to the garbage collector, and fork while threads run.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One cluster of this machine for all tests; a search uses the connection that there is."""
    ray = pytest.importorskip("ray")
    os.environ.update(clusters._SETTINGS)
    ray.init("local", num_cpus=2, include_dashboard=False, object_store_memory=80 << 20, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def request_(tmp_path) -> TrainRequest:
    texts, labels = labelled(80)
    with (tmp_path / "texts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *zip(texts, labels, strict=True)])
    return TrainRequest(sources=(tmp_path / "texts.csv",), output=tmp_path / "unused", recipe=TINY, cpu=True)


def plan(folder: Path, trials: int, **changes: Any) -> Plan:
    base = {"space": NARROW, "trials": trials, "seed": 1, "output": folder, "engine": "ray", "cpu": True}
    return Plan(**{**base, **changes})


def found(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [{key: value for key, value in trial.items() if key != "seconds"} for trial in document["trials"]]


class Heard(Listener):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def finish(self, words: str) -> None:
        self.lines.append(words)


def test_one_worker_finds_what_a_search_here_finds(cluster, request_, tmp_path) -> None:
    """Pruning, order and bits included; in two sessions on Ray, and in one here."""
    here = tune(request_, plan(tmp_path / "here", 6, engine="local"))
    tune(request_, plan(tmp_path / "ray", 2, workers=1))
    there = tune(request_, plan(tmp_path / "ray", 6, workers=1))
    assert found(there) == found(here)
    assert there["best"] == here["best"]
    models = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("here", "ray")]
    assert models[0] == models[1]
    names = sorted(path.name for path in (tmp_path / "ray").iterdir())
    assert names == ["best.json", "model", "report.html", "trials.journal", "tune.json"]


def test_two_workers_try_other_values_and_the_best_model_is_kept(cluster, request_, tmp_path) -> None:
    heard = Heard()
    document = tune(request_, plan(tmp_path / "ray", 5, workers=2), heard)
    assert document["complete"]
    assert len(document["trials"]) == len(heard.lines) == 5
    assert sorted(line.split()[1] for line in heard.lines) == list("12345")
    tried = [tuple(trial["values"].values()) for trial in document["trials"]]
    assert tried[0] == (TINY.learning_rate, TINY.hidden_size)
    assert len(set(tried)) == 5
    best = document["trials"][document["best"]]
    recipe = Recipe.from_json(json.loads((tmp_path / "ray" / "best.json").read_text()))
    assert recipe == dataclasses.replace(TINY, **best["values"])
    kept = load(tmp_path / "ray" / "model").config
    assert max(kept.metrics["learning_curve"]["development_accuracy"]) == best["score"]
    assert kept.data["recipe"]["hidden_size"] == best["values"]["hidden_size"]


def test_a_trial_whose_worker_dies_is_taken_anew(cluster, request_, tmp_path, monkeypatch) -> None:
    real, marker = ray_engine.work, str(tmp_path / "died")

    def dying(*arguments: Any) -> Any:
        if not os.path.exists(marker):  # noqa: PTH110 - it runs on a worker, where nothing of this module is
            open(marker, "w").close()  # noqa: PTH123
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)

    monkeypatch.setattr(ray_engine, "work", dying)
    heard = Heard()
    document = tune(request_, plan(tmp_path / "ray", 2, workers=1), heard)
    assert document["complete"]
    assert heard.lines[0] == "trial 1 was lost with its worker: another takes its place"
    assert document["trials"][0]["values"]["learning_rate"] == TINY.learning_rate


def test_workers_that_die_again_and_again_end_the_search(cluster, request_, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(ray_engine, "work", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(BackendUnavailable, match="4 ended in a row, the last with WorkerCrashedError"):
        tune(request_, plan(tmp_path / "ray", 2, workers=1))


def test_what_a_trial_raises_is_raised_here(cluster, request_, tmp_path) -> None:
    recipe = dataclasses.replace(TINY, precision="fp16")
    with pytest.raises(OptionError, match="precision 'fp16' needs a GPU"):
        tune(dataclasses.replace(request_, recipe=recipe), plan(tmp_path / "ray", 2, workers=1))


def test_an_address_where_nobody_listens(request_, tmp_path) -> None:
    import ray

    if ray.is_initialized():
        ray.shutdown()
    with pytest.raises(BackendUnavailable, match=r"no Ray cluster answers at 127\.0\.0\.1:9"):
        tune(request_, plan(tmp_path / "ray", 2, address="127.0.0.1:9"))
