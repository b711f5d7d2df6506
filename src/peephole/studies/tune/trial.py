"""One trial: a classifier trained and judged, or given up where it is behind the others."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from peephole.studies.listening import Listener
from peephole.studies.tune.plan import MODEL, PRESENT
from peephole.studies.tune.space import Value
from peephole.training import Pass, Progress, Recipe, TrainingDiverged, TrainRequest, train
from peephole.training import progress as telling
from peephole.training.loop import merit
from peephole.training.prepare import Parts


class Tried(Protocol):
    """A trial, as far as its training must know it."""

    values: dict[str, Value]

    def hopeless(self, epoch: int, score: float) -> bool:
        """Hear the score of a pass; tell whether the trial should end there."""
        ...


class _Pruned(Exception):
    """A trial was given up, since the others were ahead of it."""


class _Watch(Progress):
    """Tells the search of every pass, and ends a trial that is behind."""

    def __init__(self, trial: Tried, recipe: Recipe, hear: Listener) -> None:
        self.history: list[Pass] = []
        self._trial, self._recipe, self._listener, self._epochs = trial, recipe, hear, 0

    def start(self, plan: telling.Plan) -> None:
        self._epochs = plan.epochs

    def step(self, report: telling.StepReport) -> None:
        self._listener.hear(f"epoch {report.epoch}/{self._epochs}, loss {report.loss:.3f}")

    def finish_pass(self, line: Pass, *, best: bool) -> None:
        self.history.append(line)
        behind = self._trial.hopeless(line.epoch, merit(line, self._recipe)[0])
        if behind and line.epoch < self._epochs:
            raise _Pruned


def run_trial(
    request: TrainRequest,
    output: Path,
    trial: Tried,
    left: float,
    listener: Listener,
    parts: Parts | None = None,
) -> dict[str, Any] | None:
    """Train and judge one trial.

    Args:
        request: what to train on, and the recipe that the trial's values are set in.
        output: folder of the search; the trial's model is in a folder of its own in it, while it is the present one.
        trial: its values, and who hears of its passes.
        left: seconds of the time budget; infinite without one.
        listener: hears how far it is.
        parts: the texts, where they are not to be read from the request's sources.

    Returns:
        The result as JSON; None where the time was over before its end.
    """
    folder = output / PRESENT
    shutil.rmtree(folder, ignore_errors=True)
    recipe = dataclasses.replace(request.recipe, **trial.values)
    watch = _Watch(trial, recipe, listener)
    asked = dataclasses.replace(
        request,
        output=folder / MODEL,
        recipe=recipe,
        time_budget=left if math.isfinite(left) else None,
        checkpoint_steps=2**31,
    )
    ending = "pruned"
    try:
        ending = train(asked, progress=watch, parts=parts).ending
    except _Pruned:
        pass
    except TrainingDiverged:
        ending = "diverged"
    if ending == "time":
        return None
    best = max(watch.history, key=lambda line: merit(line, recipe), default=None)
    known = best is not None and ending != "diverged"
    return {
        "values": dict(trial.values),
        "ending": ending,
        "score": merit(best, recipe)[0] if best is not None and known else 0.0,
        "log_loss": best.log_loss if best is not None and known else None,
        "epoch": best.epoch if best is not None and known else None,
        "seconds": round(watch.history[-1].seconds, 1) if watch.history else 0.0,
        "curve": [merit(line, recipe)[0] for line in watch.history],
    }


def rank(result: Mapping[str, Any]) -> tuple[float, float]:
    """Return what decides between two trials: the score, and between equal scores the loss."""
    loss = result["log_loss"]
    return result["score"], -math.inf if loss is None else -loss


def best_of(results: Sequence[Mapping[str, Any]]) -> int | None:
    """Return which trial is the best of those that ran to their end; None where there is none."""
    whole = [n for n, result in enumerate(results) if result["ending"] not in ("pruned", "diverged")]
    return max(whole, key=lambda n: rank(results[n])) if whole else None
