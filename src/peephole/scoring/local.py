"""The engine of one machine: this process alone, or a pool of processes that share the processors."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from peephole.classifier import Classifier
from peephole.errors import WorkerLost
from peephole.scoring.task import Receipt, Setup, Task
from peephole.scoring.worker import Worker, alone, score_alone, share_the_machine

TRIES = 4  # deaths of workers with the same part in hand


def score_here(tasks: Iterator[Task], setup: Setup, classifier: Classifier) -> Generator[Receipt, None, None]:
    """Make the parts in this process, in order."""
    worker = Worker(setup, classifier)
    with _environment({"TOKENIZERS_PARALLELISM": share_the_machine(setup.threads)["TOKENIZERS_PARALLELISM"]}):
        for task in tasks:
            yield worker.score(task)


def score_in_processes(tasks: Iterator[Task], setup: Setup, workers: int) -> Generator[Receipt, None, None]:
    """Make the parts in processes of their own; receipts come as parts are made.

    A worker that dies takes its pool with it. What the pool had is made again by a new one: writing a part twice leaves the same
    part.

    Raises:
        WorkerLost: pools die again and again with the same part in hand.
    """
    waiting: list[Task] = []
    deaths: Counter[int] = Counter()
    others = set(multiprocessing.active_children())
    try:
        with _environment(
            share_the_machine(setup.threads)
        ):  # processes are started when they are first needed
            while True:
                running: dict[Future[Receipt], Task] = {}
                refused: list[Task] = []
                pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start, (setup,))
                try:
                    yield from _through(pool, tasks, waiting, running, refused, 2 * workers)
                    return
                except BrokenProcessPool as error:
                    deaths.update(task.part for task in running.values())
                    deaths.update(task.part for task in refused)
                    waiting += [*running.values(), *refused]
                    give_up(deaths, error)
                finally:
                    pool.shutdown(wait=False, cancel_futures=True)
    finally:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()


def _through(
    pool: ProcessPoolExecutor,
    tasks: Iterator[Task],
    waiting: list[Task],
    running: dict[Future[Receipt], Task],
    refused: list[Task],
    most: int,
) -> Generator[Receipt, None, None]:
    """Give a pool all tasks, those that wait first, at most so many at a time."""
    while True:
        while len(running) < most:
            task = waiting.pop(0) if waiting else next(tasks, None)
            if task is None:
                break
            try:
                running[pool.submit(score_alone, task)] = task
            except (
                OSError
            ) as error:  # a pool that breaks while it starts a process has closed what that is to inherit
                refused.append(task)
                raise BrokenProcessPool(f"a process could not be started: {error}") from error
            except BrokenProcessPool:
                refused.append(task)
                raise
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            receipt = future.result()
            del running[future]
            yield receipt


def give_up(deaths: Counter[int], error: Exception | None) -> None:
    """Raise `WorkerLost` where one part was in hand at too many deaths."""
    for part, times in deaths.items():
        if times >= TRIES:
            raise WorkerLost(
                f"predict: processes that score ended {times} times with part {part} in hand",
                hint="look for what ends them: memory is the commonest, and fewer --workers need less",
            ) from error


def _start(setup: Setup) -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asked decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    alone(setup)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _environment(variables: dict[str, str]) -> Generator[None, None, None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables.keys() - before.keys():
            os.environ.pop(name, None)
        os.environ.update({name: before[name] for name in variables.keys() & before.keys()})
