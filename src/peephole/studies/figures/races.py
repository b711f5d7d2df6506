"""Contenders that learn a task of `peephole.studies.tasks` from several seeds, with a small budget, on equal terms."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from peephole.studies.compare.contenders import CONTENDERS, choose, sizes_of
from peephole.studies.compare.task_network import task_parameters
from peephole.studies.compare.task_trainer import learn
from peephole.studies.measures import rounded
from peephole.studies.tasks import make_task

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def race(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Let one contender learn a task from each seed.

    Args:
        settings: `task`, `variant` and `length` of the task, `contender`, `sequences` of its budget, `seeds`. The contender has
            about as many parameters as an LSTM of the task's usual size.

    Returns:
        `hidden` units; for each seed `solved`, the sequences after which it was, or None; `right`, the share of test sequences;
        and what the task alone can tell, as a list.
    """
    task = make_task(settings["task"], length=settings["length"], variant=settings["variant"])
    budget = dataclasses.replace(task.budget, sequences=settings["sequences"])
    contender = CONTENDERS[settings["contender"]]
    sizes = sizes_of(
        choose([contender.name]),
        budget.hidden_size,
        "parameters",
        lambda one, size: task_parameters(task, one, size),
    )
    hidden = sizes[contender.name]
    runs = [learn(task, contender, hidden, budget, seed) for seed in range(1, settings["seeds"] + 1)]
    found: dict[str, Any] = {
        "hidden": hidden,
        "parameters": task_parameters(task, contender, hidden),
        "solved": [run.sequences if run.ending == "solved" else None for run in runs],
        "right": rounded([run.score.right for run in runs]),
    }
    for name in runs[0].further:
        found[name] = [run.further[name] for run in runs]
    return found


def seeds_that(values: list[Any]) -> str:
    """Say how many of the seeds have a value.

    >>> seeds_that([3, None, 5])
    '2 of 3'
    """
    return f"{sum(value is not None for value in values)} of {len(values)}"


def dots(
    axes: Axes, row: float, values: Sequence[float], color: str, marker: str, apart: float = 0.2
) -> None:
    """Draw a mark for each seed in a row; equal ones stand above each other, `apart` rows from one to the next."""
    for value, seeds in Counter(values).items():
        places = [row + apart * (k - (seeds - 1) / 2) for k in range(seeds)]
        axes.plot(
            [value] * seeds, places, color=color, marker=marker, markersize=5.5, linestyle="none", alpha=0.85,
            markeredgewidth=0, clip_on=False,
        )  # fmt: skip


def hollow(axes: Axes, row: float, places: Sequence[float], color: str, marker: str) -> None:
    """Draw hollow marks, for seeds that did not get there."""
    axes.plot(
        places, [row] * len(places), color=color, marker=marker, markersize=5.5, linestyle="none", fillstyle="none",
        markeredgewidth=1.2, clip_on=False,
    )  # fmt: skip
