"""Timing by turns, with a stopwatch: CUDA's events on a GPU, the system's counter elsewhere."""

from __future__ import annotations

import abc
import gc
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from peephole.studies.bench.timing import Contestant, Times, order_of_round

ROUNDS = 5  # at least, while there is time
WARM_UP = 3  # calls of each that are not timed
BURST = 0.02  # seconds: a turn of short calls goes on for so long …
MOST = 20  # … or so many calls
_L2 = 64 << 20  # bytes of a second-level cache, where torch does not say


class Stopwatch(abc.ABC):
    """Times one call."""

    name: str

    @abc.abstractmethod
    def measure(self, call: Callable[[], object]) -> float:
        """Call, and return how long it took, in seconds."""


class HostStopwatch(Stopwatch):
    """The system's counter: for what is done when the call returns."""

    name = "perf_counter"

    def measure(self, call: Callable[[], object]) -> float:  # noqa: D102
        begun = time.perf_counter()
        call()
        return time.perf_counter() - begun


class EventStopwatch(Stopwatch):
    """Events on the GPU's stream.

    Before each call twice as much memory as the second-level cache holds is written, so that nothing of what the call reads is
    still in there, and the GPU is waited for. So the time is what a user waits, launches from Python with it.

    Args:
        device: the GPU.
    """

    name = "CUDA events"

    def __init__(self, device: torch.device) -> None:
        cache = getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 0) or _L2
        self._swept = torch.empty(2 * cache, dtype=torch.uint8, device=device)
        self._start, self._end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        self._device = device

    def measure(self, call: Callable[[], object]) -> float:  # noqa: D102
        self._swept.zero_()
        torch.cuda.synchronize(self._device)
        self._start.record()
        call()
        self._end.record()
        self._end.synchronize()
        return self._start.elapsed_time(self._end) / 1e3


def stopwatch_for(device: str) -> Stopwatch:
    """Return the stopwatch of a device, ``"cuda"`` or ``"cpu"``."""
    return HostStopwatch() if device == "cpu" else EventStopwatch(torch.device(device))


def take_turns(
    contestants: Mapping[str, Contestant],
    seconds: float,
    stopwatch: Stopwatch,
    *,
    rounds: int = ROUNDS,
    deadline: float = float("inf"),
    failed: Callable[[str, Exception], None],
    now: Callable[[], float] = time.monotonic,
) -> dict[str, Times]:
    """Time several contestants in turn. One that fails leaves the race, and the others go on.

    Args:
        contestants: what to time, by name.
        seconds: rounds are begun until so much time has passed, at least 0.
        stopwatch: measures a call.
        rounds: of at least so many rounds, at least 1.
        deadline: by `now`; after it no round is begun but the first.
        failed: is told who failed, and of what.
        now: the time in seconds.

    Returns:
        The times of those that did not fail.

    Example:
        >>> times = take_turns(
        ...     {"sum": Contestant(lambda: sum(range(9))), "bad": Contestant(lambda: 1 / 0)},
        ...     0, HostStopwatch(), failed=lambda name, error: print(name, error),
        ... )
        bad division by zero
        >>> list(times), len(times["sum"].seconds) >= 5
        (['sum'], True)
    """
    taken: dict[str, list[float]] = {}
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for name, contestant in contestants.items():
            if _fenced(name, lambda one=contestant: _warm_up(one), failed) is not None:
                taken[name] = []
        begun, done = now(), 0
        while taken and (done == 0 or (now() < deadline and (done < rounds or now() - begun < seconds))):
            for name in order_of_round(list(taken), done):
                found = _fenced(name, lambda one=contestants[name]: _turn(one, stopwatch), failed)
                if found is None:
                    del taken[name]
                else:
                    taken[name] += found
            done += 1
    finally:
        if collecting:
            gc.enable()
    return {name: Times(tuple(times)) for name, times in taken.items()}


def _fenced(
    name: str, work: Callable[[], list[float]], failed: Callable[[str, Exception], None]
) -> list[float] | None:
    try:
        return work()
    # Whatever stops a rival, from memory to its compiler, is a result of the bench and is shown.
    except Exception as error:  # noqa: BLE001
        failed(name, error)
        return None


def _warm_up(contestant: Contestant) -> list[Any]:
    contestant.enter()
    for _ in range(WARM_UP):
        contestant.change()
        contestant.call()
    return []


def _turn(contestant: Contestant, stopwatch: Stopwatch) -> list[float]:
    contestant.enter()
    times: list[float] = []
    while len(times) < MOST and sum(times) < BURST:
        contestant.change()
        times.append(stopwatch.measure(contestant.call))
    return times
