"""`tune`: trials of the recipe on the same texts, one after the other, into one document."""

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
from peephole.studies.tune.plan import BEST, DOCUMENT, MODEL, PAGE, PRESENT, Plan, check_output
from peephole.studies.tune.space import first_trial
from peephole.studies.tune.study import Trials
from peephole.studies.tune.trial import best_of, run_trial
from peephole.training import Recipe, TrainRequest
from peephole.training.prepare import Parts, digest_of, read_parts
from peephole.training.stopping import Clock

FORMAT = 1


def tune(request: TrainRequest, plan: Plan, listener: Listener | None = None) -> dict[str, Any]:
    """Search the recipe, or go on searching.

    The first trial is the request's own recipe. After each trial ``tune.json`` is written, and ``best.json``, the recipe of
    the best trial so far, whose model is kept in ``model``; the page ``report.html`` at the end, and when it is stopped.

    Args:
        request: what to train on, and the recipe where the search begins; its output is not used.
        plan: what is searched.
        listener: hears of each trial.

    Returns:
        The document.

    Raises:
        OptionError: the output holds something else, or another search.
        DataError: the texts cannot be used; every problem is listed.
        KeyboardInterrupt: Ctrl-C came; trials that have ended are kept.
    """
    check_output(plan.output)
    parts, clock, listener = read_parts(request), Clock(plan.time_budget), listener or Listener()
    plan.output.mkdir(parents=True, exist_ok=True)
    what = {"sha256": digest_of(parts), "recipe": request.recipe.to_json()}
    trials = Trials(plan.output, what, plan.space, first_trial(plan.space, request.recipe), plan.seed)
    document = _Document(request, plan, parts)
    try:
        while (done := len(trials.results)) < plan.trials:
            left = math.inf if plan.time_budget is None else plan.time_budget - clock.seconds
            if left <= 0:
                break
            trial = trials.begin()
            listener.begin(done, plan.trials, words_of(trial.values))
            result = run_trial(request, plan.output, trial, left, listener)
            if result is None:
                break
            _keep_best(plan.output, [*trials.results, result], request.recipe)
            trial.end(result["score"], result, pruned=result["ending"] == "pruned")
            listener.finish(f"{result['ending']}, {result['score']:.1%}")
            document.write(trials.results, with_page=False)
    except KeyboardInterrupt:
        document.write(trials.results)
        raise KeyboardInterrupt(
            f"search was stopped; {len(trials.results)} of {plan.trials} trials are kept in {plan.output}\n"
            "hint: run the same command again; it goes on after them"
        ) from None
    finally:
        shutil.rmtree(plan.output / PRESENT, ignore_errors=True)
    return document.write(trials.results)


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


class _Document:
    """The document of a search, and the page made of it."""

    def __init__(self, request: TrainRequest, plan: Plan, parts: Parts) -> None:
        self._request, self._plan, self._parts = request, plan, parts

    def write(self, results: Sequence[Mapping[str, Any]], *, with_page: bool = True) -> dict[str, Any]:
        """Write the document, and the page too, and return the document."""
        parts, recipe, plan = self._parts, self._request.recipe, self._plan
        document: dict[str, Any] = {
            "format": FORMAT,
            "command": plan.command,
            "date": today(),
            "complete": len(results) >= plan.trials,
            "asked": plan.trials,
            "machine": machine() | {"threads": torch.get_num_threads()},
            "versions": versions(),
            "title": ", ".join(Path(str(source)).name for source in self._request.sources) or "texts",
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
