"""A search while it runs: what has been begun, what has ended, and what is written after each trial."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from peephole.files import replacing, write_json
from peephole.studies.bench.machine import machine, today, versions
from peephole.studies.listening import Listener
from peephole.studies.tune.page import page
from peephole.studies.tune.plan import BEST, DOCUMENT, MODEL, PAGE, PRESENT, Plan
from peephole.studies.tune.study import Trial, Trials
from peephole.studies.tune.trial import best_of
from peephole.training import Recipe, TrainRequest
from peephole.training.prepare import Parts, digest_of
from peephole.training.stopping import Clock

FORMAT = 1


class Search:
    """The trials of one session and of those before it.

    Args:
        request: what to train on, and the recipe where the search begins.
        plan: what is searched.
        parts: the texts.
        trials: Optuna's side.
        clock: of the session.
        listener: hears of each trial.
    """

    def __init__(
        self,
        request: TrainRequest,
        plan: Plan,
        parts: Parts,
        trials: Trials,
        clock: Clock,
        listener: Listener,
    ) -> None:
        self.request, self.plan, self.parts, self.listener = request, plan, parts, listener
        self._trials, self._clock = trials, clock
        self.begun = len(trials.results)

    @property
    def left(self) -> float:
        """Seconds of the time budget; infinite without one."""
        budget = self.plan.time_budget
        return math.inf if budget is None else budget - self._clock.seconds

    @property
    def results(self) -> list[dict[str, Any]]:
        """What was kept of each trial that has ended, in the order in which they began."""
        return self._trials.results

    def wanted(self, running: int = 0) -> bool:
        """Whether another trial should begin, beside so many that run."""
        return len(self.results) + running < self.plan.trials

    def begin(self, running: int = 0) -> Trial:
        """Begin a trial beside so many that run."""
        trial = self._trials.begin(running)
        self.listener.begin(self.begun, self.plan.trials, words_of(trial.values))
        self.begun += 1
        return trial

    def clear(self) -> None:
        """Remove what the present trial has left."""
        shutil.rmtree(self.plan.output / PRESENT, ignore_errors=True)

    def end(self, trial: Trial, result: Mapping[str, Any], which: str = "") -> None:
        """Keep the result of a trial, and its model if it is the best so far.

        Args:
            trial: the trial.
            result: of it, as JSON; its model is in the folder of the present trial.
            which: how it is called where others run beside it.
        """
        _keep_best(self.plan.output, [*self.results, result], self.request.recipe)
        trial.end(result["score"], result, pruned=result["ending"] == "pruned")
        self.listener.finish(f"{which}{result['ending']}, {result['score']:.1%}")
        self.write(with_page=False)

    def write(self, *, with_page: bool = True) -> dict[str, Any]:
        """Write the document, and the page too, and return the document."""
        parts, recipe, plan, results = self.parts, self.request.recipe, self.plan, self.results
        document: dict[str, Any] = {
            "format": FORMAT,
            "command": plan.command,
            "date": today(),
            "complete": len(results) >= plan.trials,
            "asked": plan.trials,
            "machine": machine() | {"threads": torch.get_num_threads()},
            "versions": versions(),
            "title": ", ".join(Path(str(source)).name for source in self.request.sources) or "texts",
            "training": len(parts.train),
            "development": len(parts.development),
            "labels": list(parts.labels),
            "sha256": digest_of(parts),
            "score": recipe.score,
            "seed": plan.seed,
            "recipe": recipe.to_json(),
            "space": {dimension.name: str(dimension) for dimension in plan.space},
            "best": best_of(results),
            "trials": [dict(result) for result in results],
        }
        write_json("tune", plan.output / DOCUMENT, document)
        if with_page:
            with replacing("tune", plan.output / PAGE) as file:
                file.write(page(document))
        return document


def words_of(values: Mapping[str, Any]) -> str:
    """Return settings for a reader.

    Example:
        >>> words_of({"learning_rate": 0.0031234, "hidden_size": 64, "cell": "gru"})
        'learning_rate 0.00312, hidden_size 64, cell gru'
    """
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    )


def _keep_best(output: Path, results: Sequence[Mapping[str, Any]], recipe: Recipe) -> None:
    """Put the last trial's recipe and model in the best one's place, if it is the best."""
    if best_of(results) != len(results) - 1:
        return
    write_json("tune", output / BEST, dataclasses.replace(recipe, **results[-1]["values"]).to_json())
    shutil.rmtree(output / MODEL, ignore_errors=True)
    (output / PRESENT / MODEL).rename(output / MODEL)
