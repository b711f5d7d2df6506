"""Timing by turns: everybody in one process, in an order that alternates, and each with the machine to itself.

Two things would favour one of the contestants. The machine is not equally fast at all times: so turns are short, and the order
is turned round and moved on from round to round. And thread pools go on spinning after a call, for five milliseconds (OpenMP) or
thirty (ONNX Runtime), on the core that the next one needs: so each turn waits until this process is quiet.
"""

from __future__ import annotations

import dataclasses
import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

ROUNDS = 7  # at least
BURST = 0.03  # seconds: a turn of short calls goes on for so long
_QUIET = 0.1  # share of a core that a quiet process may use
_PATIENCE = 0.1  # seconds: a process that is not quiet by then never will be


@dataclasses.dataclass(frozen=True, slots=True)
class Clock:
    """Time, all in seconds: what passes, what this process uses on all cores, and waiting."""

    now: Callable[[], float] = time.perf_counter
    used: Callable[[], float] = time.process_time
    sleep: Callable[[float], None] = time.sleep


@dataclasses.dataclass(frozen=True, slots=True)
class Contestant:
    """What is timed.

    Attributes:
        call: the work.
        change: what is done before each call, untimed: an optimiser's step changes the weights.
        enter: what is done before each turn, untimed, such as setting the number of threads.
    """

    call: Callable[[], object]
    change: Callable[[], object] = lambda: None
    enter: Callable[[], object] = lambda: None


@dataclasses.dataclass(frozen=True, slots=True)
class Times:
    """The times of one contestant.

    Attributes:
        seconds: of each call, in the order in which they were made; at least one.
    """

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Seconds below which a quarter, and three quarters, of the calls lie.

        >>> Times((4.0, 1.0, 2.0, 3.0, 5.0)).quartiles
        (2.0, 4.0)
        """
        if len(self.seconds) == 1:
            return self.seconds[0], self.seconds[0]
        lower, _, upper = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return lower, upper

    def to_json(self) -> dict[str, Any]:
        """Return median, quartiles and shortest, in seconds, and the number of calls."""
        lower, upper = self.quartiles
        return {
            "median": self.median,
            "lower_quartile": lower,
            "upper_quartile": upper,
            "shortest": min(self.seconds),
            "calls": len(self.seconds),
        }


def take_turns(
    contestants: Mapping[str, Contestant], seconds: float, *, rounds: int = ROUNDS, clock: Clock | None = None
) -> dict[str, Times]:
    """Time several contestants in turn.

    In a turn, a contestant whose call is long makes one. A short one is called for 30 ms, and the first of these calls, which
    finds the caches as others left them and the threads asleep, does not count.

    Args:
        contestants: what to time, by name.
        seconds: rounds are begun until so much time has passed, at least 0.
        rounds: of at least so many rounds, at least 1.
        clock: the time; the machine's by default.

    Example:
        >>> times = take_turns({"sum": Contestant(lambda: sum(range(1000)))}, 0, rounds=1)
        >>> 0 < times["sum"].median < 1
        True
    """
    clock = clock or Clock()
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for contestant in contestants.values():  # memory, code and caches of the first call
            contestant.enter()
            contestant.change()
            contestant.call()
        begun, done = clock.now(), 0
        while done < rounds or clock.now() - begun < seconds:
            for name in order_of_round(list(contestants), done):
                wait_until_quiet(clock)
                taken[name] += _turn(contestants[name], clock)
            done += 1
    finally:
        if collecting:
            gc.enable()
    return {name: Times(tuple(times)) for name, times in taken.items()}


def order_of_round(names: list[str], done: int) -> list[str]:
    """Return the order of a round: every second one is reversed, and after each pair another begins.

    Args:
        names: the contestants.
        done: rounds before this one.

    Example:
        >>> [" ".join(order_of_round(["a", "b", "c"], n)) for n in range(4)]
        ['a b c', 'c b a', 'b c a', 'a c b']
    """
    first = done // 2 % max(1, len(names))
    order = names[first:] + names[:first]
    return order[::-1] if done % 2 else order


def wait_until_quiet(clock: Clock) -> None:
    """Wait until this process uses next to no time on any core, or a tenth of a second."""
    begun = clock.now()
    while True:
        start, used = clock.now(), clock.used()
        clock.sleep(0.002)
        passed = clock.now() - start
        if clock.used() - used <= _QUIET * passed or clock.now() - begun > _PATIENCE:
            return


def _turn(contestant: Contestant, clock: Clock) -> list[float]:
    contestant.enter()
    first = _timed(contestant, clock)
    if first >= BURST:
        return [first]
    begun = clock.now()
    times = [_timed(contestant, clock)]
    while clock.now() - begun < BURST:
        times.append(_timed(contestant, clock))
    return times


def _timed(contestant: Contestant, clock: Clock) -> float:
    contestant.change()
    begun = clock.now()
    contestant.call()
    return clock.now() - begun
