"""`Runner`: threads that work through what waits, as much at once as fits."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from peephole.ops import limit_threads
from peephole.serve.logs import log

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclasses.dataclass(eq=False)
class _Job(Generic[Item, Result]):
    """Items that came together; `results` fills up, and the last one answers `future`."""

    items: Sequence[Item]
    costs: Sequence[int]
    future: Future[list[Result]]
    results: dict[int, Result] = dataclasses.field(default_factory=dict)
    failed: bool = False


_Place = tuple[_Job[Item, Result], int]  # a job and the position of one of its items


class Runner(Generic[Item, Result]):
    """Runs a function in threads of its own over what waits, in the order of arrival.

    Whenever a thread becomes free it takes all that waits, as far as the costs fit; it never waits for more to come. Where
    several are free, each takes its share. What a cancelled future asked for is left out.

    Args:
        name: of the threads.
        work: takes items and returns as many results, in order.
        most: the most that the items of one call may cost together; an item that costs more runs alone.
        callers: how many threads there are, at least 1.
        threads: the most threads that a call of `work` may use in turn; None: no limit.
        seen: is told of each call how many items it had and what they cost together.

    Example:
        >>> runner = Runner("squares", lambda numbers: [n * n for n in numbers], most=100)
        >>> runner.submit([1, 2, 3], [1, 1, 1]).result()
        [1, 4, 9]
        >>> runner.close()
    """

    def __init__(
        self,
        name: str,
        work: Callable[[list[Item]], Sequence[Result]],
        *,
        most: int,
        callers: int = 1,
        threads: int | None = None,
        seen: Callable[[int, int], None] | None = None,
    ) -> None:
        self._work, self._most, self._threads, self._seen = work, most, threads, seen
        self._waiting: deque[_Place[Item, Result]] = deque()
        self._cost = 0  # of all that waits
        self._free = 0  # threads that have nothing to do
        self._changed = threading.Condition()
        self._closing = False
        self._callers = [threading.Thread(target=self._run, name=name, daemon=True) for _ in range(callers)]
        for thread in self._callers:
            thread.start()

    def submit(self, items: Sequence[Item], costs: Sequence[int]) -> Future[list[Result]]:
        """Return the future of the results for `items`, each with what it costs; cancelling it takes away what still waits.

        Raises:
            RuntimeError: the runner is closed.
        """
        future: Future[list[Result]] = Future()
        if not items:
            future.set_result([])
            return future
        job = _Job(items, costs, future)
        with self._changed:
            if self._closing:
                raise RuntimeError("Runner.submit: must not be called after close")
            self._waiting.extend((job, n) for n in range(len(items)))
            self._cost += sum(costs)
            self._changed.notify(len(items))
        return future

    def close(self) -> None:
        """Finish what waits, and end the threads."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._callers:
            thread.join()

    def _run(self) -> None:
        while batch := self._next():
            if self._threads is None:
                self._answer(batch)
            else:
                with limit_threads(self._threads):
                    self._answer(batch)
            del batch  # while the thread waits it keeps no texts

    def _next(self) -> list[_Place[Item, Result]]:
        """Wait for something to do, and take as much as fits; nothing once the runner is closed and all is done."""
        with self._changed:
            self._free += 1
            while not (batch := self._taken()) and not self._closing:
                self._changed.wait()
            self._free -= 1
            return batch

    def _taken(self) -> list[_Place[Item, Result]]:
        batch: list[_Place[Item, Result]] = []
        cost, share = 0, self._cost / self._free
        while self._waiting:
            job, n = self._waiting[0]
            left_out = job.failed or job.future.cancelled()
            if batch and not left_out and (cost >= share or cost + job.costs[n] > self._most):
                break
            self._waiting.popleft()
            self._cost -= job.costs[n]
            if not left_out:
                batch.append((job, n))
                cost += job.costs[n]
        return batch

    def _answer(self, batch: list[_Place[Item, Result]]) -> None:
        try:
            results = self._work([job.items[n] for job, n in batch])
            if len(results) != len(batch):
                raise RuntimeError(
                    f"Runner: must get a result for each of {len(batch)} items; got {len(results)}"
                )
        except Exception as error:  # noqa: BLE001 (raised again where the answer is waited for)
            self._fail(batch, error)
            return
        self._tell(batch)
        done: list[_Job[Item, Result]] = []
        with self._changed:  # another thread may have had the job's other items
            for (job, n), result in zip(batch, results, strict=True):
                job.results[n] = result
                if len(job.results) == len(job.items):
                    done.append(job)
        for job in done:
            if job.future.set_running_or_notify_cancel():
                job.future.set_result([job.results[k] for k in range(len(job.items))])

    def _tell(self, batch: list[_Place[Item, Result]]) -> None:
        try:
            if self._seen is not None:
                self._seen(len(batch), sum(job.costs[n] for job, n in batch))
        except Exception as error:  # noqa: BLE001 (what is only counted must not end the thread that answers)
            log("error", logging.ERROR, error=error)

    def _fail(self, batch: list[_Place[Item, Result]], error: Exception) -> None:
        """Give each job its own error: one whose item cannot be run must not take others with it."""
        jobs = dict.fromkeys(job for job, _ in batch)
        if len(jobs) > 1:
            for one in jobs:
                self._answer([(job, n) for job, n in batch if job is one])
            return
        (job,) = jobs
        with self._changed:
            first, job.failed = not job.failed, True
        if first and job.future.set_running_or_notify_cancel():
            job.future.set_exception(error)
