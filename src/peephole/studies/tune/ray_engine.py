"""Trials side by side on the workers of a Ray cluster: they train and tell every pass; the study stays here.

Ray places the trials and moves the texts, the passes and the models. A trial's texts travel with it, so that a worker needs this
package and nothing else of ours, and its model comes back, so that only this process writes into the output folder.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peephole.clusters import cluster
from peephole.errors import BackendUnavailable, OptionError, PeepholeError, require
from peephole.studies.listening import Listener
from peephole.studies.tune.plan import MODEL, PRESENT, Plan
from peephole.studies.tune.search import Search, words_of
from peephole.studies.tune.study import Trial
from peephole.studies.tune.trial import run_trial
from peephole.training import TrainRequest
from peephole.training.prepare import Parts

_WAIT = 0.2  # seconds between two looks at what the workers have said
_LOSSES = 3  # trials in a row that may be lost with their worker
_STORE = 128 << 20  # bytes of a cluster for one search, beside the texts


class Desk:
    """Where workers ask whether a trial should go on, and this process answers; an actor of Ray's, of which there is one."""

    def __init__(self) -> None:
        import asyncio

        self._asked: list[tuple[int, int, float]] = []
        self._answers: dict[tuple[int, int], Any] = {}
        self._new_answer = asyncio.Future[bool]

    async def hopeless(self, number: int, epoch: int, score: float) -> bool:
        """Wait for the answer to the score of a pass."""
        answer = self._answers[number, epoch] = self._new_answer()
        self._asked.append((number, epoch, score))
        return await answer

    async def take(self) -> list[tuple[int, int, float]]:
        """Return what has been asked since: number of the trial, of the pass, and its score."""
        asked, self._asked = self._asked, []
        return asked

    async def answer(self, number: int, epoch: int, hopeless: bool) -> None:
        """Let the worker that asked go on, or end its trial."""
        self._answers.pop((number, epoch)).set_result(hopeless)


class RemoteTrial:
    """A trial as the worker that trains it knows it.

    Args:
        number: of the trial.
        values: of the settings that are searched.
        desk: who knows of the other trials.
    """

    def __init__(self, number: int, values: Mapping[str, Any], desk: Any) -> None:
        self.values = dict(values)
        self._number, self._desk = number, desk

    def hopeless(self, epoch: int, score: float) -> bool:
        """Tell the score of a pass, and hear whether the trial should end there."""
        ray: Any = require("ray", extra="ray", purpose="a trial of peephole tune")
        return bool(ray.get(self._desk.hopeless.remote(self._number, epoch, score)))


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a worker sends back.

    Attributes:
        result: of the trial, as JSON; None where the time was over, or where it failed.
        files: of the model's folder, by name; none unless it was trained to its end.
        failure: what it raised, for a reader, and whether that is about an option; or None.
    """

    result: dict[str, Any] | None
    files: dict[str, bytes] = dataclasses.field(default_factory=dict[str, bytes])
    failure: tuple[str, bool] | None = None


def work(request: TrainRequest, parts: Parts, trial: RemoteTrial, left: float) -> Outcome:
    """Train one trial in a folder of its own; this runs on the worker."""
    with tempfile.TemporaryDirectory(prefix="peephole-tune-") as folder:
        try:
            result = run_trial(request, Path(folder), trial, left, Listener(), parts)
        except PeepholeError as error:
            return Outcome(None, failure=(str(error), isinstance(error, OptionError)))
        model = Path(folder, PRESENT, MODEL)
        files = {path.name: path.read_bytes() for path in model.iterdir()} if model.is_dir() else {}
        return Outcome(result, files)


def search_on_ray(search: Search) -> None:
    """Run trials side by side until as many as asked for have ended, or the time is over.

    Raises:
        MissingExtra: Ray is not installed.
        BackendUnavailable: there is no cluster at the address, or workers end again and again.
        OptionError, PeepholeError: what a trial raised.
    """
    plan = search.plan
    if any(dimension.name == "development_share" for dimension in plan.space):
        raise OptionError(
            "tune: engine 'ray' sends the same texts to all trials; got development_share to search"
        )
    parts = search.parts
    store = _STORE + 4 * sum(len(record.text) for record in [*parts.seen, *parts.development])
    with cluster(plan.address, processors=plan.workers, store=store, where="tune") as ray:
        workers, gpus = _room(ray, plan)
        texts = ray.put(search.parts)
        desk = ray.remote(num_cpus=0)(Desk).options(max_concurrency=1000).remote()
        task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=0)(work)
        running: dict[Any, tuple[int, Trial]] = {}
        losses = 0
        while running or (search.wanted() and search.left > 0):
            while len(running) < workers and search.wanted(len(running)) and search.left > 0:
                number, trial = search.begun, search.begin(len(running))
                own = task.remote(search.request, texts, RemoteTrial(number, trial.values, desk), search.left)
                running[own] = (number, trial)
            done, _ = ray.wait(list(running), timeout=_WAIT)
            by_number = dict(running.values())
            for number, epoch, score in ray.get(desk.take.remote()):
                if number in by_number:
                    desk.answer.remote(number, epoch, by_number[number].hopeless(epoch, score))
            for own in done:
                number, trial = running.pop(own)
                try:
                    outcome: Outcome = ray.get(own)
                except ray.exceptions.RayTaskError:
                    raise
                except ray.exceptions.RayError as error:
                    losses += 1
                    if losses > _LOSSES:
                        raise BackendUnavailable(
                            f"tune: workers must live until a trial ends; {losses} ended in a row, the last with "
                            f"{type(error).__name__}",
                            hint="give each more memory (fewer --workers), and run the same command again: it goes on",
                        ) from error
                    trial.forget()
                    search.listener.finish(
                        f"trial {number + 1} was lost with its worker: another takes its place"
                    )
                    continue
                losses = 0
                _take(search, number, trial, outcome)


def _take(search: Search, number: int, trial: Trial, outcome: Outcome) -> None:
    """Keep what a worker sent back."""
    if outcome.failure is not None:
        message, usage = outcome.failure
        raise (OptionError if usage else PeepholeError)(message)
    if outcome.result is None:  # the time was over: the next session takes it anew
        return
    folder = search.plan.output / PRESENT / MODEL
    search.clear()
    folder.mkdir(parents=True)
    for name, content in outcome.files.items():
        (folder / Path(name).name).write_bytes(content)
    search.end(trial, outcome.result, f"trial {number + 1} ({words_of(trial.values)}): ")


def _room(ray: Any, plan: Plan) -> tuple[int, int]:
    """Return how many workers the cluster has room for, and the GPUs of each."""
    there = ray.cluster_resources()
    gpus = 0 if plan.cpu or not there.get("GPU") else 1
    room = int(there["GPU"]) if gpus else max(int(there.get("CPU", 1)), 1)
    return min(plan.workers or room, room), gpus
