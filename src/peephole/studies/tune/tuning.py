"""`tune`: trials of the recipe on the same texts, one after the other or side by side, into one document."""

from __future__ import annotations

from typing import Any

from peephole.studies.listening import Listener
from peephole.studies.tune.plan import Plan, check_output
from peephole.studies.tune.search import Search
from peephole.studies.tune.space import first_trial
from peephole.studies.tune.study import Trials
from peephole.studies.tune.trial import run_trial
from peephole.training import TrainRequest
from peephole.training.prepare import digest_of, read_parts
from peephole.training.stopping import Clock


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
        MissingExtra, BackendUnavailable: Ray is not installed, or there is no cluster.
        KeyboardInterrupt: Ctrl-C came; trials that have ended are kept.
    """
    check_output(plan.output)
    parts, clock, listener = read_parts(request), Clock(plan.time_budget), listener or Listener()
    plan.output.mkdir(parents=True, exist_ok=True)
    what = {"sha256": digest_of(parts), "recipe": request.recipe.to_json()}
    trials = Trials(plan.output, what, plan.space, first_trial(plan.space, request.recipe), plan.seed)
    search = Search(request, plan, parts, trials, clock, listener)
    try:
        if plan.engine == "ray":
            from peephole.studies.tune.ray_engine import search_on_ray

            search_on_ray(search)
        else:
            search_here(search)
    except KeyboardInterrupt:
        search.write()
        raise KeyboardInterrupt(
            f"search was stopped; {len(search.results)} of {plan.trials} trials are kept in {plan.output}\n"
            "hint: run the same command again; it goes on after them"
        ) from None
    finally:
        search.clear()
    return search.write()


def search_here(search: Search) -> None:
    """Run one trial after the other until as many as asked for have ended, or the time is over."""
    while search.wanted() and (left := search.left) > 0:
        trial = search.begin()
        result = run_trial(search.request, search.plan.output, trial, left, search.listener)
        if result is None:
            return
        search.end(trial, result)
