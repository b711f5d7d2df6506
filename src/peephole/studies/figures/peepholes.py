"""Peepholes: what they let a gate see, and whether they help on three tasks of timing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from peephole import cells
from peephole.ops import run
from peephole.studies.figures import canvas, fading, races
from peephole.studies.figures.chapter import Chapter, Item, Numbers
from peephole.studies.figures.spread import table, told
from peephole.studies.measures import rounded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TASKS = {
    "gts": ("make spikes 10 or 11 steps apart", 20_000),
    "msd": ("tell delays of 10 from delays of 11", 10_000),
    "rectangle": ("make a square wave of period 10", 1_500),
}
_CONTENDERS = {
    "lstm": ("LSTM", canvas.BLUE, "o"),
    "peephole-lstm": ("peephole LSTM", canvas.ORANGE, "D"),
}


def measure_shut(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Shut the output gate, double the cell state, and return how far the forget gate moves, over units and sequences at most."""
    found: dict[str, list[float]] = {}
    for name in settings["cells"]:
        cell, moved = cells.make(name), []
        for seed in range(settings["seeds"]):
            made = fading.layer(cell, seed)
            weights = {key.removesuffix("_l0"): value.detach() for key, value in made.named_parameters()}
            count = settings["sequences"]
            rows = torch.zeros(count, fading.D, dtype=torch.float64)
            c = torch.from_numpy(np.random.default_rng([seed, 4]).standard_normal((count, fading.H)))
            h = torch.zeros_like(c)  # what a shut output gate shows
            once, twice = (
                run(
                    cell, rows, [count], weights, {"h": h, "c": state}, backend="reference", save=("f",)
                ).saved["f"]
                for state in (c, 2 * c)
            )
            moved.append(float((twice - once).abs().max()))
        found[name] = moved
    return {name: rounded(values) for name, values in found.items()}


def draw(numbers: Numbers, figure: Figure) -> None:
    """A row for each task and contender, a mark for each seed."""
    axes = figure.subplots()
    row = 0.0
    names: list[tuple[float, str, str]] = []
    for task, (label, most) in _TASKS.items():
        axes.text(0.6, row - 0.72, f"{label}, {most:,} sequences at most", fontweight="bold", va="center")
        for contender, (name, color, marker) in _CONTENDERS.items():
            values = numbers[f"{task} {contender}"]["solved"]
            races.dots(
                axes, row, [100 * value / most for value in values if value is not None], color, marker
            )
            missing = sum(value is None for value in values)
            races.hollow(axes, row, [108 + 4.5 * k for k in range(missing)], color, marker)
            names.append((row, f"{name}: {races.seeds_that(values)}", color))
            row += 1.0
        row += 0.9
    axes.axvspan(103, 140, color=canvas.SOFT, alpha=0.1, linewidth=0)
    axes.set_xlim(0, 140)
    axes.set_xticks([0, 25, 50, 75, 100, 121.5], ["0", "25 %", "50 %", "75 %", "100 %", "not solved"])
    axes.set_ylim(row - 1.2, -1.2)
    axes.set_yticks([place for place, *_ in names], [words for _, words, _ in names])
    axes.tick_params(axis="y", length=0)
    for tick, (*_, color) in zip(axes.get_yticklabels(), names, strict=True):
        tick.set_color(color)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("sequences learnt from until the task was solved, of those granted")


def tables(numbers: Numbers) -> dict[str, list[str]]:
    """Who solved what; what a gate sees."""
    rows: list[list[str]] = []
    for task, (label, most) in _TASKS.items():
        for contender, (name, *_) in _CONTENDERS.items():
            found = numbers[f"{task} {contender}"]
            rows.append([
                f"{label} (at most {most:,} sequences)",
                f"{name}, {found['hidden']} units",
                races.seeds_that(found["solved"]),
                told(found["solved"], never="not solved"),
            ])  # fmt: skip
    shut = [[_CONTENDERS[name][0], told(values)] for name, values in numbers["shut"].items()]
    return {
        "tasks": table(["task", "network", "seeds that solved it", "training sequences"], rows),
        "shut": table(["output gate shut, cell state doubled", "greatest move of the forget gate"], shut),
    }


CHAPTER = Chapter(
    name="peepholes",
    title="Three tasks of timing, with and without peepholes: after how much training each seed solves them",
    about=(
        "Rows of marks, one for each of eight seeds, at the share of the training that it took; hollow marks did not "
        "solve the task. The LSTM solves the three tasks from 6, 8 and 8 seeds, the peephole LSTM from 4, 8 and 6."
    ),
    cells=[cells.PeepholeLSTM()],
    items={
        "shut": Item({"cells": list(_CONTENDERS), "seeds": 10, "sequences": 16}, measure_shut),
        **{
            f"{task} {contender}": Item(
                {
                    "task": "timing",
                    "variant": task,
                    "length": 10,
                    "contender": contender,
                    "sequences": most,
                    "seeds": 8,
                },
                races.race,
            )
            for task, (_, most) in _TASKS.items()
            for contender in _CONTENDERS
        },
    },
    draw=draw,
    size=(7.2, 3.7),
    tables=tables,
)
