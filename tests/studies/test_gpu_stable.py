"""Races in processes that hang, break and end: scripted ones, and a real one that is stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from peephole.errors import PeepholeError
from peephole.studies.bench.bench import Listener
from peephole.studies.bench.cases import dense
from peephole.studies.bench.gpu.bench import bench_gpu
from peephole.studies.bench.gpu.cases import race
from peephole.studies.bench.gpu.plan import Settings
from peephole.studies.bench.gpu.stable import GpuStable
from support.gpu_document import GPU

TINY = dense("tiny", 2, 1, 3, 4)
SETTINGS = Settings(device="cpu", limit=100, race_limit=30, entrant_limit=10)
HANGS, ENDS = "hangs", "ends"


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Scripted:
    """Answers a job as a worker would: `behaviour` says what becomes of each label, and of the turns (label "")."""

    def __init__(self, behaviour: dict[str, str], time: Time, jobs: list[Any]) -> None:
        self.behaviour, self.time, self.jobs = behaviour, time, jobs
        self.messages: list[Any] = [("ready", GPU)]
        self.ended = False

    def send(self, message: Any) -> None:
        if message is None:
            return
        self.jobs.append(message)
        one, _, skip = message
        labels = [label for label in one.entrants if label not in skip]
        for label in labels:
            self.messages.append(("begin", label, {}))
            if (what := self.behaviour.get(label)) is not None:
                self.messages.append(what)
                return
            self.messages.append(("entrant", label, {"label": label, "status": "checked"}))
        self.messages.append(("begin", "", {}))
        if (what := self.behaviour.get("")) is not None:
            self.messages.append(what)
            return
        self.messages += [("timed", label, {"label": label, "status": "timed"}) for label in labels]
        self.messages.append(("done",))

    def receive(self, seconds: float) -> Any:
        self.time.now += 1
        message = self.messages.pop(0)
        if message == HANGS:
            self.time.now += seconds
            return None
        if message == ENDS:
            raise EOFError
        return message

    def end(self) -> str:
        self.ended = True
        return "its process ended with status -11"


def stable(
    behaviour: dict[str, Any], settings: Settings = SETTINGS
) -> tuple[GpuStable, list[Scripted], list[Any], Time]:
    time, jobs, made = Time(), [], []

    def start(given: Settings) -> Scripted:
        made.append(Scripted(behaviour, time, jobs))
        return made[-1]

    return GpuStable(settings, start, time), made, jobs, time


ONE = race("one", True, "float32", TINY, dict.fromkeys(("a", "b", "c"), ("loop", "rnn")))


def statuses(found: list[dict[str, Any]]) -> list[str]:
    return [entrant["status"] for entrant in found]


def test_a_race_without_trouble_uses_one_process() -> None:
    one, made, jobs, _ = stable({})
    assert statuses(one.run(ONE, 1e9)) == ["timed"] * 3
    assert statuses(one.run(ONE, 1e9)) == ["timed"] * 3
    assert (len(made), len(jobs)) == (1, 2)
    assert one.facts == GPU


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (HANGS, "it was not done after 10 s, and was stopped"),
        (ENDS, "its process ended with status -11"),
        (("broken", "AcceleratorError: an illegal memory access"), "AcceleratorError: an illegal memory access"),
    ],
    ids=["hangs", "ends", "breaks"],
)  # fmt: skip
@pytest.mark.parametrize("label", ["a", "b", "c"])
def test_one_that_is_lost_is_left_out_and_the_others_run_in_a_new_process(
    what: Any, reason: str, label: str
) -> None:
    one, made, jobs, _ = stable({label: what})
    found = one.run(ONE, 1e9)
    assert statuses(found) == ["failed" if name == label else "timed" for name in "abc"]
    lost = found["abc".index(label)]
    assert lost["reason"] == reason
    assert lost["who"] == "loop"
    assert [list(job[2]) for job in jobs] == [[], [label]]
    assert made[0].ended
    assert not made[1].ended
    assert statuses(one.run(ONE, 1e9)) == statuses(found)


def test_what_breaks_the_turns_voids_the_race_with_its_reason() -> None:
    one, _, jobs, _ = stable({"": ("broken", "an error")})
    found = one.run(ONE, 1e9)
    assert [entrant["reason"] for entrant in found] == ["an error"] * 3
    assert len(jobs) == 1


def test_a_race_ends_when_its_time_does() -> None:
    settings = Settings(device="cpu", race_limit=15, entrant_limit=10)
    one, _, jobs, time = stable({"a": HANGS, "b": HANGS, "c": HANGS}, settings)
    found = one.run(ONE, 1e9)
    assert statuses(found) == ["failed"] * 3
    assert time.now < 15 + 5
    assert "the time of this race, 15 s, or of the bench was over" in found[2]["reason"]
    assert [round(job[1].race_limit) <= 15 for job in jobs] == [True] * len(jobs)
    late = time.now + 4
    assert statuses(one.run(ONE, late)) == ["failed"] * 3
    assert time.now < late + 5


def test_a_process_that_does_not_start_says_why() -> None:
    class Refusing(Scripted):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.messages = [("refused", "RuntimeError: no driver")]

    with pytest.raises(PeepholeError, match="could not be started: RuntimeError: no driver"):
        GpuStable(SETTINGS, lambda given: Refusing({}, Time(), []))


class Ear(Listener):
    def __init__(self) -> None:
        self.documents: list[tuple[int, bool, bool]] = []

    def finish(self, document: dict[str, Any], *, table_ends: bool) -> None:
        self.documents.append((len(document["races"]), document["complete"], table_ends))


def run_all(behaviour: dict[str, Any], limit: float) -> tuple[dict[str, Any], Ear]:
    time, ear = Time(), Ear()
    start: Callable[[Settings], Any] = lambda given: Scripted(behaviour, time, [])  # noqa: E731
    two = dict.fromkeys(("a", "b"), ("loop", "rnn"))
    races = [race(f"race {n}", True, "float32", TINY, two) for n in range(5)]
    settings = Settings(device="cpu", limit=limit, race_limit=30, entrant_limit=20)
    return bench_gpu(races, settings, command="peephole bench", listener=ear, start=start, now=time), ear


def test_each_race_is_in_a_document_when_it_is_done() -> None:
    document, ear = run_all({}, 1000)
    assert document["complete"]
    assert [races for races, _, _ in ear.documents] == [1, 2, 3, 4, 5]
    assert all(ends for _, _, ends in ear.documents)
    assert document["machine"]["gpu"] == GPU
    assert len(document["targets"]) == 7


def test_what_does_not_fit_is_named_and_the_limit_holds() -> None:
    document, _ = run_all({"a": HANGS}, 60)  # each race takes more than 20 s
    assert not document["complete"]
    assert len(document["races"]) < 5
    assert [left["title"] for left in document["left_out"]] == [
        f"race {n}" for n in range(len(document["races"]), 5)
    ]
    assert document["left_out"][0]["reason"] == "the 60 s of the bench were over"
    assert sum(one["seconds"] for one in document["races"]) <= 60 + 5


@pytest.mark.slow
def test_a_real_process_that_takes_too_long_is_stopped() -> None:
    slow = dense("slow", 20_000, 1, 2, 2)  # minutes of small steps, and thousands of kernels
    one = race("slow", True, "float32", slow, {"loop": ("loop", "rnn"), "compile": ("compile", "rnn")})
    settings = Settings(device="cpu", race_limit=4, entrant_limit=2, seconds=0)
    with GpuStable(settings) as real:
        (loop, other) = real.run(one, float("inf"))
    assert loop["status"] == "failed"
    assert "stopped" in loop["reason"] or "over" in loop["reason"]
    assert other["status"] in ("refused", "failed")
