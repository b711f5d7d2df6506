"""`tune`: trials of the recipe on the same texts, one after the other, into one document."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from peephole.errors import OptionError
from peephole.files import replacing, write_json
from peephole.studies.bench.machine import machine, today, versions
from peephole.studies.tune.page import page
from peephole.studies.tune.space import Dimension, first_trial
from peephole.studies.tune.study import JOURNAL, Trial, Trials
from peephole.training import Pass, Progress, Recipe, TrainingDiverged, TrainRequest, train
from peephole.training import progress as telling
from peephole.training.loop import merit
from peephole.training.prepare import Parts, digest_of, read_parts
from peephole.training.stopping import Clock

FORMAT = 1
DOCUMENT, PAGE, BEST, MODEL, _PRESENT = "tune.json", "report.html", "best.json", "model", ".trial"
_OURS = (DOCUMENT, PAGE, BEST, MODEL, JOURNAL)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What is searched, and for how long.

    Attributes:
        space: the settings, at least one.
        trials: how many, those of earlier sessions included; at least 1.
        seed: of what is tried, at least 0; the recipe's own seed stays.
        output: folder of the document, the page, the best recipe and its model.
        time_budget: stop after so many seconds, above 0; None: when all trials have ended.
        command: what was typed.

    Raises:
        OptionError: something is out of range; all problems at once.
    """

    space: tuple[Dimension, ...]
    trials: int
    seed: int
    output: Path
    time_budget: float | None = None
    command: str = ""

    def __post_init__(self) -> None:
        problems: list[str] = []
        if not self.space:
            problems.append("space must name at least one setting; got none")
        if self.trials < 1:
            problems.append(f"trials must be at least 1; got {self.trials}")
        if self.seed < 0:
            problems.append(f"seed must be at least 0; got {self.seed}")
        if self.time_budget is not None and not self.time_budget > 0:
            problems.append(f"time_budget must be above 0 seconds; got {self.time_budget!r}")
        if problems:
            raise OptionError("tune: " + "; ".join(problems))


class Listener:
    """Hears what a search does, and says nothing; a base for those that do."""

    def begin(self, done: int, total: int, words: str) -> None:
        """Hear that a trial begins, `done` of `total` having ended."""

    def hear(self, words: str) -> None:
        """Hear, often, how far the present trial is."""

    def finish(self, words: str) -> None:
        """Hear how a trial ended."""


def check_output(folder: Path) -> None:
    """Refuse a folder that cannot be an output, and change nothing.

    Raises:
        OptionError: it is a file, or holds something else than a search.
    """
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"tune: the output must be a folder; got the file {folder}")
    found = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    strange = [name for name in found if name not in _OURS and not name.startswith(".")]
    if strange:
        raise OptionError(
            "tune: the output must be a new or empty folder, or that of an earlier search; "
            f"got {folder} with {', '.join(strange[:3])}",
            hint="give another --output",
        )


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
            result = _run(request, plan.output, trial, left, listener)
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
        shutil.rmtree(plan.output / _PRESENT, ignore_errors=True)
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


def rank(result: Mapping[str, Any]) -> tuple[float, float]:
    """Return what decides between two trials: the score, and between equal scores the loss."""
    loss = result["log_loss"]
    return result["score"], -math.inf if loss is None else -loss


class _Pruned(Exception):
    """A trial was given up, since the others were ahead of it."""


class _Watch(Progress):
    """Tells the search of every pass, and ends a trial that is behind."""

    def __init__(self, trial: Trial, recipe: Recipe, hear: Listener) -> None:
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


def _run(
    request: TrainRequest, output: Path, trial: Trial, left: float, listener: Listener
) -> dict[str, Any] | None:
    """Train and judge one trial; None where the time was over before its end."""
    folder = output / _PRESENT
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
        ending = train(asked, progress=watch).ending
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


def best_of(results: Sequence[Mapping[str, Any]]) -> int | None:
    """Return which trial is the best of those that ran to their end; None where there is none."""
    whole = [n for n, result in enumerate(results) if result["ending"] not in ("pruned", "diverged")]
    return max(whole, key=lambda n: rank(results[n])) if whole else None


def _keep_best(output: Path, results: Sequence[Mapping[str, Any]], recipe: Recipe) -> None:
    """Put the last trial's recipe and model in the best one's place, if it is the best."""
    if best_of(results) != len(results) - 1:
        return
    write_json("tune", output / BEST, dataclasses.replace(recipe, **results[-1]["values"]).to_json())
    shutil.rmtree(output / MODEL, ignore_errors=True)
    (output / _PRESENT / MODEL).rename(output / MODEL)


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
