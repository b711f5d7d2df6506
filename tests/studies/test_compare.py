"""The comparison: every pair runs once, finished ones are kept, and the document says what happened."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path

import pytest

from peephole.errors import OptionError
from peephole.studies.compare import comparison
from peephole.studies.compare.comparison import compare
from peephole.studies.compare.contenders import CONTENDERS, choose
from peephole.studies.compare.page import notes
from support.echo_task import ECHO
from support.made_up_runs import Quick, Told, plan


def test_every_pair_runs_once_seed_by_seed(tmp_path: Path) -> None:
    study, told = Quick(), Told()
    document = compare(study, plan(tmp_path / "new" / "out"), told)
    assert study.ran == [(name, seed) for seed in (1, 2, 3) for name in ("rnn", "lstm", "gru")]
    assert document["complete"]
    assert json.loads((tmp_path / "new" / "out" / "compare.json").read_text("utf-8")) == document
    assert told.lines[:4] == [
        "0/9 RNN, tanh, orthogonal, 11 units, seed 1",
        "half of it",
        "RNN, tanh, orthogonal, 11 units, seed 1: not solved: 25.0% right",
        "1/9 LSTM, 5 units, seed 1",
    ]
    assert told.lines[-1] == "9/9 timing all of them in turn"
    rnn, lstm, gru = document["contenders"]
    assert rnn["score"] | {"solved_interval": None} == {
        "solved": 0,
        "solved_interval": None,
        "right": 0.5,
        "right_range": [0.25, 0.75],
        "loss": 0.02,
        "sequences": None,
        "diverged": 0,
        "further": {},
    }
    assert lstm["score"]["solved_interval"] == pytest.approx([0.4385, 1.0], abs=1e-4)  # Wilson, 3 of 3
    assert lstm["score"]["sequences"] == 200
    assert lstm["parameters"] == study.count(CONTENDERS["lstm"], 5)
    assert gru["milliseconds"] == {"training": 2.0, "inference": 0.5}
    assert lstm["survival"] == [1.0, 0.5, 0.25]
    assert lstm["gradient_half_life"] == 1.0
    assert lstm["gradient_half_life_in_h"] == pytest.approx(5 * math.log(2) / (3 * math.log(10)), rel=1e-3)
    # Units of the three seeds: 1, 2, 3, 5, 5, 5, ∞, ∞, ∞, at every twentieth.
    assert lstm["survival_at_start"] == [1.0, 0.25, 0.0625]
    assert lstm["gradient_half_life_at_start"] == 0.5
    assert set(lstm["memory_half_lives"]) == {1.0, 2.0, 3.0, 5.0, None}
    assert lstm["memory_half_lives"][0] == 1.0
    assert lstm["memory_half_lives"][10] == 5.0
    assert lstm["memory_half_lives"][-1] is None
    assert len(lstm["memory_half_lives"]) == 21
    assert rnn["memory_half_lives"] == []
    assert [run["seed"] for run in gru["runs"]] == [1, 2, 3]
    assert "memory" not in gru["runs"][0]
    assert document["subject"]["task"] == "echo"
    assert set(document["machine"]) == {"cpu", "cores", "instruction_set", "system", "threads"}


def test_finished_runs_are_kept_and_a_comparison_can_grow(tmp_path: Path) -> None:
    first = compare(Quick(), plan(tmp_path))
    again = Quick()
    assert compare(again, plan(tmp_path)) == first
    assert again.ran == []
    more = Quick()
    document = compare(more, plan(tmp_path, seeds=(2, 4), contenders=choose(["gru", "lstm", "irnn"])))
    assert more.ran == [("irnn", 2), ("gru", 4), ("lstm", 4), ("irnn", 4)]
    assert [contender["name"] for contender in document["contenders"]] == ["gru", "lstm", "irnn"]
    assert [run["seed"] for run in document["contenders"][0]["runs"]] == [2, 4]


def test_a_run_of_something_else_is_not_taken_for_it(tmp_path: Path) -> None:
    compare(Quick(), plan(tmp_path))
    other = Quick()
    other.budget = dataclasses.replace(ECHO.budget, sequences=99)
    with pytest.raises(OptionError) as caught:
        compare(other, plan(tmp_path))
    assert re.fullmatch(
        r"compare: \S+rnn-1.json must be the run that is asked for; it is another one: sequences: 3000, now 99",
        caught.value.message,
    )
    assert other.ran == []
    with pytest.raises(OptionError, match="hidden_size: 11, now "):
        compare(Quick(), plan(tmp_path, hidden_size=6))


class Ticking:
    """A clock that moves on by ten seconds whenever it is read."""

    def __init__(self, budget: float | None) -> None:
        self._read = 0

    @property
    def seconds(self) -> float:
        self._read += 1
        return 10.0 * self._read


def test_time_that_is_over_leaves_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "Clock", Ticking)
    study, told = Quick(), Told()
    study.stop_at = 4
    document = compare(study, plan(tmp_path, time_budget=100.0), told)
    assert told.lines[-1] == "time budget: 4 of 9 runs are done; the same command goes on"
    assert study.clocks == [90.0, 80.0, 70.0, 60.0]
    assert not document["complete"]
    assert [len(contender["runs"]) for contender in document["contenders"]] == [2, 1, 1]
    assert document["contenders"][0]["milliseconds"] is None
    assert notes(document) == ["Not finished: 4 of 9 runs are done. The same command goes on after them."]
    rest = Quick()
    assert compare(rest, plan(tmp_path))["complete"]
    assert len(rest.ran) == 5
    assert rest.clocks == [math.inf] * 5


def test_an_interrupt_says_what_is_kept(tmp_path: Path) -> None:
    study = Quick()
    study.stop_at, study.error = 2, KeyboardInterrupt()
    with pytest.raises(
        KeyboardInterrupt, match=r"stopped; 2 of 9 runs are kept in .*\nhint: run the same command again"
    ):
        compare(study, plan(tmp_path))
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["lstm-1.json", "rnn-1.json"]
    assert not json.loads((tmp_path / "compare.json").read_text("utf-8"))["complete"]
    assert "2 of 9 runs are done" in (tmp_path / "report.html").read_text("utf-8")


def test_a_run_that_fails_leaves_the_ones_before(tmp_path: Path) -> None:
    study = Quick()
    study.stop_at, study.error = 1, MemoryError()
    with pytest.raises(MemoryError):
        compare(study, plan(tmp_path))
    assert (tmp_path / "runs" / "rnn-1.json").exists()
    document = json.loads((tmp_path / "compare.json").read_text("utf-8"))
    assert [len(contender["runs"]) for contender in document["contenders"]] == [1, 0, 0]


def test_what_cannot_be_planned_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(OptionError) as caught:
        plan(tmp_path, contenders=(), seeds=(1, 1), hidden_size=0, match="weights", time_budget=0.0)
    assert caught.value.message == (
        "compare: contenders must be at least one; got none; seeds must be numbers of at least 0, each once; got 1, 1; "
        "match must be one of 'parameters', 'units'; got 'weights'; hidden_size must be at least 1; got 0; "
        "time_budget must be above 0 seconds; got 0.0"
    )
