"""Turns, with a clock that tests turn by hand."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from peephole.studies.bench.timing import BURST, Clock, Contestant, Times, order_of_round, take_turns


class Hands:
    """A clock whose time passes where a test says so."""

    def __init__(self) -> None:
        self.time, self.cpu, self.slept = 0.0, 0.0, 0
        self.others: Callable[[float], float] = lambda seconds: 0.0  # time that threads use while we sleep

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.slept += 1
        self.cpu += self.others(seconds)

    def clock(self) -> Clock:
        return Clock(lambda: self.time, lambda: self.cpu, self.sleep)

    def work(self, *seconds: float) -> Callable[[], None]:
        """A call that takes these times, one after the other, and then the last for ever."""
        times = list(seconds)

        def call() -> None:
            self.time += times.pop(0) if len(times) > 1 else times[0]

        return call


def test_times_are_those_of_the_calls() -> None:
    hands = Hands()
    long = hands.work(9.0, 1.0, 2.0, 3.0, 4.0)  # the first call is not timed: it warms up
    times = take_turns({"long": Contestant(long)}, 0, rounds=4, clock=hands.clock())["long"]
    assert times.seconds == pytest.approx((1.0, 2.0, 3.0, 4.0))
    assert times.median == 2.5
    assert times.quartiles == (1.75, 3.25)


def test_quartiles_are_those_of_the_textbook() -> None:
    times = Times((5.0, 1.0, 9.0, 3.0, 7.0))
    assert (times.median, times.quartiles) == (5.0, (3.0, 7.0))
    assert Times((2.0,)).quartiles == (2.0, 2.0)
    found = times.to_json()
    assert found == {
        "median": 5.0, "lower_quartile": 3.0, "upper_quartile": 7.0, "shortest": 1.0, "calls": 5
    }  # fmt: skip


def test_changes_are_made_before_every_call_and_are_not_timed() -> None:
    hands, order = Hands(), []

    def change() -> None:
        order.append("change")
        hands.time += 100

    def call() -> None:
        order.append("call")
        hands.time += 1

    contestant = Contestant(call, change, lambda: order.append("enter"))
    times = take_turns({"one": contestant}, 0, rounds=2, clock=hands.clock())["one"]
    assert order == ["enter", "change", "call"] * 3  # once to warm up
    assert times.seconds == (1.0, 1.0)


def test_the_first_of_several_short_calls_does_not_count() -> None:
    hands = Hands()
    short = hands.work(5.0, BURST / 2, BURST / 4)  # to warm up; the first of the turn; the others
    times = take_turns({"short": Contestant(short)}, 0, rounds=1, clock=hands.clock())["short"]
    assert times.seconds == pytest.approx([BURST / 4] * 4)  # until the burst is over


def test_rounds_go_on_until_the_time_is_over() -> None:
    hands = Hands()
    times = take_turns({"one": Contestant(hands.work(1.0))}, 10.0, rounds=3, clock=hands.clock())["one"]
    assert len(times.seconds) == 10  # the sleeps of a few milliseconds fill the last second


def test_the_order_alternates_and_moves_on() -> None:
    hands, seen = Hands(), []

    def call(name: str) -> Callable[[], None]:
        def work() -> None:
            seen.append(name)
            hands.time += 1

        return work

    names = ["a", "b", "c"]
    take_turns({name: Contestant(call(name)) for name in names}, 0, rounds=6, clock=hands.clock())
    assert "".join(seen) == "abc" + "abc" + "cba" + "bca" + "acb" + "cab" + "bac"
    places = [sum(order_of_round(names, n).index(name) for n in range(6)) for name in names]
    assert places == [6, 6, 6]  # over six rounds nobody comes earlier than another


def test_a_turn_waits_until_threads_have_stopped_spinning() -> None:
    hands = Hands()
    until = 1.02  # another pool spins on one core until then
    hands.others = lambda seconds: seconds if hands.time < until else 0.0
    begun: list[float] = []

    def call() -> None:
        begun.append(hands.time)
        hands.time += 1.0

    take_turns({"one": Contestant(call)}, 0, rounds=1, clock=hands.clock())
    assert until <= begun[1] < until + 0.01


def test_a_process_that_never_rests_is_not_waited_for_without_end() -> None:
    hands = Hands()
    hands.others = lambda seconds: seconds
    take_turns({"one": Contestant(hands.work(1.0))}, 0, rounds=1, clock=hands.clock())
    assert hands.time < 2.2


def test_garbage_is_not_collected_while_time_is_taken() -> None:
    states: list[bool] = []
    hands = Hands()

    def call() -> None:
        states.append(gc.isenabled())
        hands.time += 1

    assert gc.isenabled()
    take_turns({"one": Contestant(call)}, 0, rounds=1, clock=hands.clock())
    assert states == [False, False]
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        take_turns({"one": Contestant(lambda: 1 / 0)}, 0, rounds=1, clock=hands.clock())
    assert gc.isenabled()
