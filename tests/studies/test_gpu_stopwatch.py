"""Turns with a stopwatch that a test holds."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from peephole.studies.bench.gpu.stopwatch import (
    MOST,
    WARM_UP,
    HostStopwatch,
    Stopwatch,
    stopwatch_for,
    take_turns,
)
from peephole.studies.bench.timing import Contestant


class Held(Stopwatch):
    """Calls return how long they took; the time passes by as much."""

    name = "held"

    def __init__(self) -> None:
        self.time = 0.0

    def measure(self, call: Callable[[], object]) -> float:
        took = call()
        assert isinstance(took, float)
        self.time += took
        return took


def never(name: str, error: Exception) -> None:
    raise AssertionError(name) from error


def test_a_long_call_is_one_turn_and_a_short_one_is_repeated() -> None:
    held = Held()
    found = take_turns(
        {"long": Contestant(lambda: 0.5), "short": Contestant(lambda: 0.006), "none": Contestant(lambda: 0.0)},
        0, held, rounds=2, failed=never, now=lambda: held.time,
    )  # fmt: skip
    assert found["long"].seconds == (0.5,) * 2
    assert found["short"].seconds == (0.006,) * 8  # four calls make 20 ms
    assert len(found["none"].seconds) == 2 * MOST


def test_inputs_change_before_every_call_and_the_warm_up_is_not_timed() -> None:
    heard: list[str] = []

    def call() -> float:
        heard.append("call")
        return 1.0

    found = take_turns(
        {"one": Contestant(call, lambda: heard.append("change"))}, 0, Held(), rounds=2, failed=never
    )
    assert heard == ["change", "call"] * (WARM_UP + 2)
    assert len(found["one"].seconds) == 2


def test_rounds_go_on_for_the_seconds_and_end_at_the_deadline() -> None:
    held = Held()
    one = {"one": Contestant(lambda: 1.0)}
    assert len(take_turns(one, 9, held, rounds=2, failed=never, now=lambda: held.time)["one"].seconds) == 9
    held = Held()
    found = take_turns(one, 9, held, rounds=7, deadline=3.0, failed=never, now=lambda: held.time)
    assert len(found["one"].seconds) == 3
    held = Held()  # what began late has one round at least
    found = take_turns(one, 9, held, rounds=7, deadline=-1.0, failed=never, now=lambda: held.time)
    assert len(found["one"].seconds) == 1


@pytest.mark.parametrize("calls", [0, WARM_UP + 1])
def test_who_fails_leaves_and_the_others_go_on(calls: int) -> None:
    left, told = [calls], []

    def fails() -> float:
        left[0] -= 1
        if left[0] < 0:
            raise MemoryError("no more")
        return 1.0

    found = take_turns(
        {"bad": Contestant(fails), "good": Contestant(lambda: 1.0)},
        0, Held(), rounds=4, failed=lambda name, error: told.append((name, str(error))),
    )  # fmt: skip
    assert told == [("bad", "no more")]
    assert list(found) == ["good"]
    assert len(found["good"].seconds) == 4
    assert gc.isenabled()


def test_nobody_left_ends_it() -> None:
    def fails() -> float:
        raise ValueError

    assert take_turns({"bad": Contestant(fails)}, 9, Held(), failed=lambda name, error: None) == {}


def test_a_processor_is_timed_by_the_systems_counter() -> None:
    stopwatch = stopwatch_for("cpu")
    assert isinstance(stopwatch, HostStopwatch)
    assert 0 < stopwatch.measure(lambda: sum(range(1000))) < 1
