"""The engine of many machines: actors of a Ray cluster, each with the model, fed one part after the other.

Ray places the actors, moves the rows and finds out who has died. What is left is what Ray leaves to a driver: a part whose actor
died goes to the next one that is free, and another actor is asked for in its place, wherever there is room.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any, cast

from peephole.classifier import Classifier
from peephole.clusters import cluster
from peephole.errors import BackendUnavailable, PeepholeError, WorkerLost, require
from peephole.scoring.local import TRIES, give_up
from peephole.scoring.storage import Store, join, store_of
from peephole.scoring.task import Receipt, Setup, Task, part_name
from peephole.scoring.worker import Worker, share_the_machine

_OBJECT_STORE = 1 << 28  # bytes, of a cluster for one job: rows wait there, for a moment


@contextlib.contextmanager
def room_on_ray(address: str | None, workers: int | None, threads: int) -> Generator[int, None, None]:
    """Connect to a Ray cluster, or make one on this machine for one job; yield how many actors fit.

    Args:
        address: as `peephole.clusters.cluster` takes it.
        workers: actors; None: as many as the cluster has room for now.
        threads: processors of each.

    Raises:
        MissingExtra: Ray is not installed.
        BackendUnavailable: there is no cluster at the address.
    """
    processors = None if workers is None else max(workers * threads, 1)
    with cluster(address, processors=processors, store=_OBJECT_STORE, where="predict") as ray:
        yield workers or max(int(ray.cluster_resources().get("CPU", 1)) // threads, 1)


def score_on_ray(
    tasks: Iterator[Task], setup: Setup, workers: int, classifier: Classifier
) -> Generator[Receipt, None, None]:
    """Make the parts on the cluster that this process is connected to; receipts come as parts are made.

    Raises:
        WorkerLost: actors die again and again with the same part in hand.
        BackendUnavailable: the parts are written to a disk that this machine does not see.
    """
    ray = require("ray", extra="ray", purpose="scoring on a Ray cluster")
    store = store_of(setup.folder)
    deaths: Counter[int] = Counter()
    pool = _Actors(ray, setup, workers, classifier)
    try:
        waiting = list(itertools.islice(tasks, 1))
        while waiting or pool.busy:
            while waiting and pool.free:
                pool.give(waiting.pop(0))
                if not waiting:  # read one ahead, so that an actor that gets free need not wait for it
                    waiting += itertools.islice(tasks, 1)
            for task, receipt in pool.wait():
                if receipt is None:
                    deaths[task.part] += 1
                    waiting.append(task)
                    give_up(deaths, None)
                else:
                    _check_seen(store, setup, receipt)
                    yield receipt
    finally:
        pool.close()


class Actor:
    """A worker in a process that Ray started, with ``OMP_NUM_THREADS`` set to what the actor has been given.

    It is made without arguments: the process starts while the driver still prepares what it is to be sent.
    """

    def prepare(self, setup: Setup, classifier: Classifier) -> None:
        """Take what `Worker` takes, once, before the first part."""
        os.environ.update(share_the_machine(setup.threads))  # before the tokenizer starts threads
        self._worker = Worker(setup, classifier)

    def score(self, task: Task) -> Receipt:
        """Make a part."""
        return self._worker.score(task)


class _Actors:
    """So many actors, those that are free and those that are not; each that dies is followed by another.

    Args:
        ray: the module.
        setup: what all tasks share.
        count: of actors.
        classifier: the model, which is sent to the cluster once.
    """

    def __init__(self, ray: Any, setup: Setup, count: int, classifier: Classifier) -> None:
        self._ray = ray
        self._setup = setup
        self._kind = ray.remote(num_cpus=setup.threads, max_restarts=0)(Actor)
        self.free: list[Any] = []
        self.busy: dict[Any, tuple[Any, Task]] = {}
        self._coming: dict[Any, Any] = {}
        self._failures = 0
        actors = [self._kind.remote() for _ in range(count)]
        self._model = ray.put(classifier)
        for actor in actors:
            self._prepare(actor)

    def give(self, task: Task) -> None:
        """Let a free actor make a part."""
        actor = self.free.pop()
        self.busy[actor.score.remote(task)] = actor, task

    def wait(self) -> list[tuple[Task, Receipt | None]]:
        """Wait until something happens; return the tasks that ended, with None for a receipt where the actor died."""
        ready, _ = self._ray.wait([*self.busy, *self._coming], num_returns=1)
        found: list[tuple[Task, Receipt | None]] = []
        for reference in ready:
            if reference in self._coming:
                self._arrive(reference)
                continue
            actor, task = self.busy.pop(reference)
            try:
                receipt = cast("Receipt", self._get(reference))
            except self._ray.exceptions.RayActorError:
                self._prepare(self._kind.remote())
                found.append((task, None))
            else:
                self.free.append(actor)
                found.append((task, receipt))
        return found

    def close(self) -> None:
        """Let the actors go."""
        for actor in [*self.free, *(actor for actor, _ in self.busy.values()), *self._coming.values()]:
            self._ray.kill(actor)

    def _prepare(self, actor: Any) -> None:
        self._coming[actor.prepare.remote(self._setup, self._model)] = actor

    def _arrive(self, reference: Any) -> None:
        actor = self._coming.pop(reference)
        try:
            self._get(reference)
        except self._ray.exceptions.RayActorError as error:
            self._failures += 1
            if self._failures >= TRIES:
                raise WorkerLost(
                    f"predict: actors ended {self._failures} times before they were ready: {str(error).strip()}",
                    hint="the cluster's machines need the same Python and the same peephole as this one",
                ) from error
            self._prepare(self._kind.remote())
        else:
            self._failures = 0
            self.free.append(actor)

    def _get(self, reference: Any) -> Any:
        """Return a result; raise what its maker raised, as if it had been raised here."""
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, (PeepholeError, OSError)):
                raise cause from error
            raise


def _check_seen(store: Store, setup: Setup, receipt: Receipt) -> None:
    path = join(setup.folder, part_name(receipt.part, setup.kind))
    if receipt.octets and not store.shared and store.stat(path) is None:
        raise BackendUnavailable(
            f"predict: {path} was written on another machine of the cluster, and is not seen here",
            hint="give an --output that all machines see: a shared disk, s3://… or gs://…",
        )
