"""The comparison on a task: with real training that takes a moment, and what is made of its runs."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from peephole.errors import OptionError
from peephole.studies.bench.timing import Contestant
from peephole.studies.compare import comparison, task_study
from peephole.studies.compare.comparison import compare
from peephole.studies.compare.contenders import CONTENDERS, choose
from peephole.studies.compare.study import Stopped, Study
from peephole.studies.compare.task_study import TaskStudy, measured
from peephole.studies.compare.task_trainer import learn
from peephole.studies.measures import rounded
from support.echo_task import ECHO
from support.made_up_runs import plan


@pytest.mark.slow
def test_a_task_from_the_first_weights_to_the_page(tmp_path: Path) -> None:
    study = TaskStudy(ECHO)
    contenders = choose(["irnn", "lstm", "peephole-lstm-full", "gru-before"])
    document = compare(study, plan(tmp_path, contenders=contenders, seeds=(1, 2)))
    assert document["complete"]
    for contender in document["contenders"]:
        assert contender["score"]["solved"] == 2, contender["name"]
        assert contender["milliseconds"]["training"] > 0
        assert contender["milliseconds"]["inference"] > 0
        assert contender["survival"][0] == contender["survival_at_start"][0] == 1.0
        assert len(contender["survival"]) == 4
        assert bool(contender["memory_half_lives"]) == (contender["name"] != "irnn")
        run = contender["runs"][0]
        assert run["backend"] in ("compiled", "triton", "torch", "reference")
        assert run["parameters"] == contender["parameters"]
        assert run["tested"] == 2560
    assert "solved" in (tmp_path / "report.html").read_text("utf-8")
    # The same command in another folder finds the same, but for what clocks say.
    other = compare(study, plan(tmp_path / "other", contenders=contenders, seeds=(1, 2)))
    for one, two in zip(document["contenders"], other["contenders"], strict=True):
        assert {**one["runs"][0], "seconds": 0} == {**two["runs"][0], "seconds": 0}
        assert one["survival"] == two["survival"]


def test_a_run_is_that_of_its_seed_and_is_measured_before_and_after() -> None:
    budget = dataclasses.replace(ECHO.budget, sequences=390, learning_rate=0.01)
    study, heard = TaskStudy(ECHO, budget), list[str]()
    runs = [study.run(CONTENDERS["lstm"], 5, seed, lambda: math.inf, heard.append) for seed in (1, 2)]
    assert [words.split(" of")[0] for words in heard] == [
        "51%",
        "100%",
    ] * 2  # of whole batches, the last one over
    for seed, run in zip((1, 2), runs, strict=True):
        learnt = learn(ECHO, CONTENDERS["lstm"], 5, budget, seed)
        assert run["right"] == learnt.score.right
        assert run["curve"]["right"] == rounded([point.right for point in learnt.curve])
        assert run["curve"]["loss"] == rounded([point.loss for point in learnt.curve])
        batch = ECHO.batch(64, np.random.default_rng([seed, 3]))
        for key, network in (("memory_at_start", learnt.start), ("memory", learnt.network)):
            assert run[key] == measured(network, batch).to_json()
        assert run["memory"] != run["memory_at_start"]
    assert runs[0]["curve"]["loss"] != runs[1]["curve"]["loss"]
    with pytest.raises(Stopped):
        study.run(CONTENDERS["lstm"], 5, 1, lambda: 0.0, heard.append)


def test_the_seeds_are_summed_up_by_their_medians() -> None:
    def ended(ending: str, sequences: int, right: float, loss: float | None, **further: float) -> Any:
        return {"ending": ending, "sequences": sequences, "right": right, "loss": loss, "further": further}

    runs = [
        ended("solved", 100, 1.0, 0.1, twice=0.2),
        ended("solved", 150, 0.98, 0.2, twice=0.3),
        ended("solved", 1000, 0.97, 0.3),
        ended("budget", 3000, 0.1, 4.0, twice=0.9),
        ended("diverged", 2500, 0.0, None),
    ]
    found = TaskStudy(ECHO).summary({"gru": runs})["gru"]
    assert found.pop("solved_interval") == pytest.approx([0.2307, 0.8824], abs=1e-4)  # Wilson, 3 of 5
    assert found == {
        "solved": 3,
        "right": 0.97,
        "right_range": [0.0, 1.0],
        "loss": pytest.approx(0.25),
        "sequences": 150,
        "diverged": 1,
        "further": {"twice": 0.3},
    }


def test_costs_are_for_a_thousand_steps_of_the_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns that take 3 ms, on 20 sequences of three or four steps."""
    steps = int(ECHO.batch(ECHO.budget.batch, np.random.default_rng(0)).lengths.sum())
    assert 60 < steps < 80

    def turns(contestants: dict[str, Contestant], seconds: float) -> dict[str, Any]:
        said = {name: type(contestant.call()) for name, contestant in contestants.items()}
        assert said == {"training gru": float, "inference gru": np.ndarray}  # a loss, and answers
        return {
            "training gru": SimpleNamespace(median=0.003),
            "inference gru": SimpleNamespace(median=0.001),
        }

    monkeypatch.setattr(task_study, "take_turns", turns)
    found = TaskStudy(ECHO).costs({"gru": 3})["gru"]
    assert found.training == pytest.approx(3 * 1000 / steps)
    assert found.inference == pytest.approx(1000 / steps)


def test_a_diverged_run_is_part_of_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from peephole.studies.compare import task_trainer

    monkeypatch.setattr(task_trainer, "take_step", lambda *arguments: math.nan)
    document = compare(TaskStudy(ECHO), plan(tmp_path, contenders=choose(["lstm"]), seeds=(1,)))
    (lstm,) = document["contenders"]
    assert lstm["score"]["diverged"] == 1
    assert (lstm["score"]["right"], lstm["score"]["loss"]) == (0.0, None)
    assert lstm["survival"] == []
    assert lstm["survival_at_start"][0] == 1.0
    assert "1 of 1 runs diverged" in (tmp_path / "report.html").read_text("utf-8")


def test_studies_have_what_a_comparison_asks_of_them() -> None:
    assert Study.__abstractmethods__ == {
        "facts",
        "usual_size",
        "count",
        "what",
        "run",
        "costs",
        "summary",
        "told",
    }
    assert isinstance(comparison.FORMAT, int)


def test_the_budget_of_a_task_can_be_changed() -> None:
    usual = TaskStudy.of("adding").budget
    changed = TaskStudy.of("adding", 50, "halves", {"batch": 7, "init": None}, {"gru": 0.5})
    assert (changed.task.length, changed.task.variant, changed.budget.batch) == (50, "halves", 7)
    assert changed.budget.rates == {**usual.rates, "gru": 0.5}
    assert TaskStudy.of("adding", changes={"learning_rate": 0.2}, rates={"gru": 0.5}).budget.rates == {
        "gru": 0.5
    }
    with pytest.raises(OptionError, match="batch must be at least 1; got 0"):
        TaskStudy.of("adding", changes={"batch": 0})


def test_what_decides_a_run_is_what_concerns_it() -> None:
    study = TaskStudy.of("adding", rates={"gru": 0.5})
    lstm, gru, rnn = (study.what(CONTENDERS[name], 9, 4) for name in ("lstm", "gru", "rnn"))
    assert gru["learning_rate"] == 0.5
    assert lstm == TaskStudy.of("adding").what(CONTENDERS["lstm"], 9, 4)  # another's rate is not its own
    assert rnn["init"] == "orthogonal"
    assert {
        "task",
        "variant",
        "length",
        "contender",
        "hidden_size",
        "seed",
        "sequences",
        "batch",
        "judge_steps",
    } < set(lstm)
