"""Races in a process that may end: who hangs or breaks it is left out, and the others go on in a new one."""

from __future__ import annotations

import dataclasses
import multiprocessing
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol

from peephole.errors import PeepholeError
from peephole.studies.bench.gpu.plan import Settings
from peephole.studies.bench.gpu.worker import serve
from peephole.studies.bench.race import Race

START = 120.0  # seconds in which a process must be ready
_TIMES = 4  # processes that one race may use up


class Worker(Protocol):
    """A process that runs races."""

    def send(self, message: Any) -> None:
        """Send it a job."""
        ...

    def receive(self, seconds: float) -> tuple[Any, ...] | None:
        """Return the next message, or None if none comes in time.

        Raises:
            EOFError: it has ended.
        """
        ...

    def end(self) -> str:
        """End it, and return how it ended, in words."""
        ...


class ProcessWorker:
    """A process of this Python.

    Args:
        settings: what it is started with.
    """

    def __init__(self, settings: Settings) -> None:
        context = multiprocessing.get_context("spawn")  # CUDA cannot be used in a fork
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, settings), daemon=True)
        self._process.start()
        theirs.close()

    def send(self, message: Any) -> None:  # noqa: D102
        self._connection.send(message)

    def receive(self, seconds: float) -> tuple[Any, ...] | None:  # noqa: D102
        if not self._connection.poll(max(0.0, seconds)):
            return None
        try:
            return self._connection.recv()
        except ConnectionResetError:
            raise EOFError from None

    def end(self) -> str:  # noqa: D102
        self._process.join(0.2)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._connection.close()
        return f"its process ended with status {self._process.exitcode}"


class GpuStable:
    """Runs races, each to its end.

    Args:
        settings: the device and the times.
        start: starts a process.
        now: the time in seconds.

    Attributes:
        facts: of the GPU.

    Raises:
        PeepholeError: the first process could not be started.
    """

    def __init__(
        self,
        settings: Settings,
        start: Callable[[Settings], Worker] = ProcessWorker,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._start, self._now = settings, start, now
        self._worker: Worker | None = None
        self.facts: dict[str, Any] = self._ready(START)

    def __enter__(self) -> GpuStable:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._worker is not None:
            if kind is None:
                self._worker.send(None)
            self._worker.end()
            self._worker = None

    def _ready(self, seconds: float) -> dict[str, Any]:
        """Start a process, and return what it says of the GPU."""
        worker = self._start(self._settings)
        message: tuple[Any, ...] | None
        try:
            message = worker.receive(seconds)
        except EOFError:
            message = ("refused", worker.end())
        if message is None or message[0] != "ready":
            worker.end()
            why = f"it was not ready after {seconds:.0f} s" if message is None else message[1]
            raise PeepholeError(f"bench --device cuda: the process for the GPU could not be started: {why}")
        self._worker = worker
        return message[1]

    def run(self, race: Race, deadline: float) -> list[dict[str, Any]]:
        """Run a race, and return what became of each entrant, in order.

        Args:
            race: who takes part.
            deadline: by `now`; what is not done by then has failed for that reason.
        """
        from peephole.studies.bench.gpu.heat import entrant_facts

        ends = min(deadline, self._now() + self._settings.race_limit)
        known = {
            label: entrant_facts(label, entrant, training=race.training)
            for label, entrant in race.entrants.items()
        }
        skip: dict[str, str] = {}
        found: dict[str, dict[str, Any]] = {}
        for _ in range(_TIMES):
            at, why = self._once(race, ends, skip, found)
            if why is None:
                break
            # Who was being built is to blame; in the timing it is not known who, and there is nothing to go on with.
            blamed = (
                [at] if at else [label for label in known if found.get(label, {}).get("status") == "checked"]
            )
            for label in blamed:
                skip[label] = why
                found[label] = found.get(label, known[label]) | {"status": "failed", "reason": why}
            done = all(
                label in skip or found.get(label, {}).get("status") in ("wrong", "refused", "failed")
                for label in known
            )
            if done or self._now() >= ends:
                break
        for label, facts in known.items():
            if found.get(label, {"status": "checked"})["status"] == "checked":
                reason = f"the time of this race, {self._settings.race_limit:.0f} s, or of the bench was over"
                found[label] = found.get(label, facts) | {"status": "failed", "reason": reason}
        return [found[label] for label in known]

    def _once(
        self, race: Race, ends: float, skip: dict[str, str], found: dict[str, dict[str, Any]]
    ) -> tuple[str, str | None]:
        """Run a race in one process: where it stood when it ended, and why it did, or None if all went well."""
        at = next(label for label in race.entrants if label not in skip)
        try:
            if self._worker is None:
                self._ready(max(1.0, ends - self._now()))
            assert self._worker is not None
            limits = self._limits(ends)
            self._worker.send((race, limits, dict(skip)))
            while True:
                left = ends - self._now()
                message = self._worker.receive(min(left, self._settings.entrant_limit) if at else left)
                if message is None:
                    self._drop()
                    seconds = min(left, self._settings.entrant_limit) if at else left
                    return at, f"it was not done after {max(0.0, seconds):.0f} s, and was stopped"
                if message[0] == "done":
                    return at, None
                if message[0] == "broken":
                    self._drop()
                    return at, message[1]
                kind, label, facts = message
                if kind == "begin":
                    at = label
                else:
                    found[label] = facts
        except (EOFError, BrokenPipeError):
            return at, self._drop()
        except PeepholeError as error:
            return at, error.message

    def _limits(self, ends: float) -> Settings:
        """The settings with the time that is left for a race; a tenth of it is for the last calls."""
        return dataclasses.replace(self._settings, race_limit=max(0.0, 0.9 * (ends - self._now())))

    def _drop(self) -> str:
        worker, self._worker = self._worker, None
        return "it was stopped" if worker is None else worker.end()
