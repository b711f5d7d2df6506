"""`compare`: every contender from every seed, one after the other, into one document."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from peephole.errors import OptionError, nearest
from peephole.files import replacing, write_json
from peephole.studies.bench.machine import machine, today, versions
from peephole.studies.compare.contenders import CONTENDERS, MATCHES, Contender, sizes_of
from peephole.studies.compare.ledger import DOCUMENT, PAGE, Ledger
from peephole.studies.compare.page import page
from peephole.studies.compare.study import Cost, Stopped, Study
from peephole.studies.listening import Listener
from peephole.studies.measures import median_curve, rounded, survival_half_life
from peephole.training.stopping import Clock

FORMAT = 1
_QUANTILES = np.linspace(0, 1, 21)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """Who is compared, and how.

    Attributes:
        contenders: who, in the order in which they are shown; at least one.
        seeds: each at least 0, all different; at least one, and three for an answer.
        hidden_size: units of the LSTM, at least 1.
        match: what is equal: ``"parameters"``, those of the LSTM, or ``"units"``.
        output: folder of the document, the page and the finished runs.
        time_budget: begin and go on with nothing after so many seconds; None: until all is done.
        command: what was typed.

    Raises:
        OptionError: something is out of range; all problems at once.
    """

    contenders: tuple[Contender, ...]
    seeds: tuple[int, ...]
    hidden_size: int
    match: str
    output: Path
    time_budget: float | None = None
    command: str = ""

    def __post_init__(self) -> None:
        problems: list[str] = []
        if not self.contenders:
            problems.append("contenders must be at least one; got none")
        if not self.seeds or len(set(self.seeds)) != len(self.seeds) or min(self.seeds) < 0:
            listed = ", ".join(map(str, self.seeds)) or "none"
            problems.append(f"seeds must be numbers of at least 0, each once; got {listed}")
        if self.match not in MATCHES:
            problems.append(
                f"match must be one of {', '.join(map(repr, MATCHES))}; got {self.match!r}{nearest(self.match, MATCHES)}"
            )
        if self.hidden_size < 1:
            problems.append(f"hidden_size must be at least 1; got {self.hidden_size}")
        if self.time_budget is not None and not self.time_budget > 0:
            problems.append(f"time_budget must be above 0 seconds; got {self.time_budget!r}")
        if problems:
            raise OptionError("compare: " + "; ".join(problems))


def compare(study: Study, plan: Plan, listener: Listener | None = None) -> dict[str, Any]:
    """Run a comparison, or what is left of it.

    Seed by seed every contender has its turn, so that a comparison that was cut short compares like with like. Each finished run
    is kept, and then the document ``compare.json`` is written anew; the page ``report.html`` at the end, and when it is stopped.

    Args:
        study: what it is about.
        plan: who takes part.
        listener: hears of each run.

    Returns:
        The document; docs/reference/tasks.md says what it holds.

    Raises:
        OptionError: the output holds something else, or runs of another comparison.
        KeyboardInterrupt: Ctrl-C came; finished runs are kept.
    """
    clock, ledger, listener = Clock(plan.time_budget), Ledger(plan.output), listener or Listener()

    def seconds_left() -> float:
        return math.inf if plan.time_budget is None else plan.time_budget - clock.seconds

    sizes = sizes_of(plan.contenders, plan.hidden_size, plan.match, study.count)
    pairs = [(contender, seed) for seed in plan.seeds for contender in plan.contenders]
    asked = {
        f"{contender.name}-{seed}": study.what(contender, sizes[contender.name], seed)
        for contender, seed in pairs
    }
    runs = {name: found for name, what in asked.items() if (found := ledger.find(name, what)) is not None}
    document = _Document(study, plan, sizes)
    try:
        for contender, seed in pairs:
            name, hidden = f"{contender.name}-{seed}", sizes[contender.name]
            if name in runs:
                continue
            title = f"{contender.title}, {hidden} units, seed {seed}"
            listener.begin(len(runs), len(pairs), title)
            result = study.run(contender, hidden, seed, seconds_left, listener.hear)
            runs[name] = ledger.keep(name, asked[name], result)
            listener.finish(f"{title}: {study.told(runs[name])}")
            document.write(runs, with_page=False)
        listener.begin(len(runs), len(pairs), "timing all of them in turn")
        document.costs = study.costs(sizes)
    except Stopped:
        listener.finish(f"time budget: {len(runs)} of {len(pairs)} runs are done; the same command goes on")
    except KeyboardInterrupt:
        document.write(runs)
        raise KeyboardInterrupt(
            f"comparison was stopped; {len(runs)} of {len(pairs)} runs are kept in {plan.output}\n"
            "hint: run the same command again; it goes on after them"
        ) from None
    return document.write(runs)


class _Document:
    """The document of a comparison, and the page made of it."""

    def __init__(self, study: Study, plan: Plan, sizes: Mapping[str, int]) -> None:
        self._study, self._plan, self._sizes = study, plan, sizes
        self.costs: dict[str, Cost] = {}

    def write(self, runs: Mapping[str, Mapping[str, Any]], *, with_page: bool = True) -> dict[str, Any]:
        """Write the document, and the page too, and return the document."""
        folder, found = self._plan.output, self._made(runs)
        write_json("compare", folder / DOCUMENT, found)
        if with_page:
            with replacing("compare", folder / PAGE) as file:
                file.write(page(found))
        return found

    def _made(self, runs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        plan, by_name = self._plan, dict[str, list[Mapping[str, Any]]]()
        for contender in plan.contenders:
            names = [f"{contender.name}-{seed}" for seed in plan.seeds]
            by_name[contender.name] = [runs[name] for name in names if name in runs]
        scores = self._study.summary({name: own for name, own in by_name.items() if own})
        return {
            "format": FORMAT,
            "command": plan.command,
            "date": today(),
            "complete": len(runs) == len(plan.contenders) * len(plan.seeds),
            "machine": machine() | {"threads": torch.get_num_threads()},
            "versions": versions(),
            "subject": self._study.facts,
            "seeds": list(plan.seeds),
            "match": plan.match,
            "reference_size": plan.hidden_size,
            "contenders": [
                {
                    "name": name,
                    "title": CONTENDERS[name].title,
                    "cell": CONTENDERS[name].cell,
                    "options": dict(CONTENDERS[name].options),
                    "init": CONTENDERS[name].init,
                    "hidden_size": self._sizes[name],
                    "parameters": self._study.count(CONTENDERS[name], self._sizes[name]),
                    "score": scores.get(name),
                    "milliseconds": None if name not in self.costs else dataclasses.asdict(self.costs[name]),
                    **_memory(own),
                    "runs": [_short(run) for run in own],
                }
                for name, own in by_name.items()
            ],
        }


_LONG = ("what", "memory", "memory_at_start", "right_texts", "losses")


def _short(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run without what is summed up over the seeds, or only of use to go on."""
    return {"seed": run["what"]["seed"], **{key: value for key, value in run.items() if key not in _LONG}}


def _memory(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the seeds together say of gradients and memory."""
    found: dict[str, Any] = {}
    for key, end in (("memory", ""), ("memory_at_start", "_at_start")):
        for kind in ("survival", "survival_in_h"):
            curve = median_curve([run[key][kind] for run in runs if run.get(key)])
            found[kind + end] = curve
            found[kind.replace("survival", "gradient_half_life") + end] = survival_half_life(curve)
    units = [
        math.inf if life is None else life
        for run in runs
        if run.get("memory")
        for life in run["memory"]["memory_half_lives"]
    ]
    quantiles = np.quantile(units, _QUANTILES, method="inverted_cdf") if units else np.zeros(0)
    found["memory_half_lives"] = rounded(
        quantiles
    )  # of units, from the shortest to the longest in steps of 5 %
    return found
