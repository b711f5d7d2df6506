"""A race: who is wrong gets no time, who cannot take part says why, and the others are timed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from peephole.studies.bench import race as races
from peephole.studies.bench.cases import dense
from peephole.studies.bench.contender import Refusal
from peephole.studies.bench.race import Entrant, Race, Stable, run_race
from peephole.studies.bench.timing import ROUNDS, Clock
from peephole.studies.bench.torch_contenders import LayerContender

CASE = dense("tiny", 3, 2, 4, 5)


class Broken(LayerContender):
    """The reference, with something wrong in it."""

    def __init__(self, problem, wrong: Callable[[Any], None]) -> None:
        super().__init__(problem, problem.layer("reference", torch.float32))
        self.wrong = wrong

    def forward(self):
        out = super().forward()
        return out if self.wrong != "outputs" else out + 1e-3

    def gradients(self):
        found = dict(super().gradients())
        name = "weight_hh_l0"
        if self.wrong == "one gradient":
            found[name] = found[name] * 1.001
        elif self.wrong == "no gradient":
            del found[name]
        elif self.wrong == "NaN":
            found[name] = found[name] * math.nan
        return found


def run(race: Race, **options: Any) -> dict[str, dict[str, Any]]:
    """Run with a clock that stands still but for its own ticks; return the entries by label."""
    ticks = iter(range(10**9))
    clock = Clock(lambda: 0.1 * next(ticks), lambda: 0.0, lambda seconds: None)
    found = run_race(race, 0, Stable(), peaks=options.get("peaks", {}), clock=clock)
    return {entrant["label"]: entrant for entrant in found["entrants"]}


@pytest.mark.parametrize("wrong", ["outputs", "one gradient", "no gradient", "NaN"])
def test_who_is_wrong_gets_no_time(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(races._MAKERS, "broken", lambda problem, threads: Broken(problem, wrong))
    entrants = {"right": Entrant("reference", CASE, "lstm", 1), "broken": Entrant("broken", CASE, "lstm", 1)}
    found = run(Race("x", wrong != "outputs", entrants))
    assert found["broken"]["status"] == "wrong"
    assert "seconds" not in found["broken"]
    assert "share_of_peak" not in found["broken"]
    assert not found["broken"]["errors"]["bound"] > max(
        found["broken"]["errors"]["outputs"], found["broken"]["errors"]["gradients"] or 0
    )
    assert found["right"]["status"] == "timed"
    assert found["right"]["seconds"]["calls"] >= ROUNDS


def test_the_same_contender_without_a_fault_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(races._MAKERS, "broken", lambda problem, threads: Broken(problem, "nothing"))
    found = run(Race("x", True, {"broken": Entrant("broken", CASE, "lstm", 1)}))
    assert found["broken"]["status"] == "timed"


def test_an_exact_document_of_an_entrant() -> None:
    peaks = {("float32", 1): 1e6}
    found = run(Race("x", False, {"loop": Entrant("reference", CASE, "gru", 1)}), peaks=peaks)["loop"]
    seconds, errors = found.pop("seconds"), found.pop("errors")
    work = 3 * 2 * 3 * 5 * (4 + 5)
    assert seconds["median"] == pytest.approx(0.1)  # one tick
    assert found.pop("share_of_peak") == pytest.approx(work / 0.1 / 1e6)
    assert errors["gradients"] is None
    assert found == {
        "label": "loop",
        "who": "reference",
        "cell": "gru",
        "case": "tiny",
        "threads": 1,
        "dtype": "float32",
        "multiply_adds": work,
        "status": "timed",
    }


def test_inference_only_is_no_training() -> None:
    found = run(Race("x", True, {"values": Entrant("peephole-values", CASE, "lstm", 1)}))["values"]
    assert (found["status"], found["reason"]) == ("refused", "it does inference only")


def test_nobody_fit_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(races._MAKERS, "absent", lambda problem, threads: Refusal("gone", "look for it"))
    found = run(Race("x", True, {"absent": Entrant("absent", CASE, "lstm", 1)}))["absent"]
    assert (found["status"], found["reason"], found["hint"]) == ("refused", "gone", "look for it")


def test_each_runs_with_its_own_threads() -> None:
    before, seen = torch.get_num_threads(), []

    class Watching(LayerContender):
        def forward(self):
            seen.append(torch.get_num_threads())
            return super().forward()

    makers = races._MAKERS
    try:
        makers["watching"] = lambda problem, threads: Watching(
            problem, problem.layer("reference", torch.float32)
        )
        run(Race("x", False, {f"{n}": Entrant("watching", CASE, "rnn", n) for n in (1, 2)}))
    finally:
        del makers["watching"]
        torch.set_num_threads(before)
    assert seen[:4] == [1, 2, 1, 2]  # checked, then warmed up
    assert sorted(set(seen)) == [1, 2]
    assert seen.count(1) == seen.count(2)


def test_problems_and_contenders_are_kept_for_the_next_race_and_no_longer() -> None:
    stable = Stable()
    one, other = Entrant("reference", CASE, "lstm", 1), Entrant("reference", CASE, "gru", 1)
    contender = stable.contender(one)
    stable.keep(Race("x", True, {"a": one}))
    assert stable.contender(one) is contender
    stable.keep(Race("x", True, {"a": other}))
    assert stable.contender(one) is not contender
