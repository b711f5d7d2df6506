"""GRU against LSTM: how large, how fast, and how far each counts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from peephole import cells
from peephole.nn import Recurrent
from peephole.studies.compare.contenders import CONTENDERS, layer_parameters
from peephole.studies.figures import canvas, races, spread
from peephole.studies.figures.chapter import Chapter, Item, Numbers
from peephole.studies.figures.spread import table, told
from peephole.studies.measures import rounded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CELLS = {
    "lstm": ("LSTM", canvas.BLUE, "o"),
    "peephole-lstm": ("peephole LSTM", canvas.PURPLE, "D"),
    "gru": ("GRU", canvas.GREEN, "s"),
    "rnn": ("RNN, tanh", canvas.ORANGE, "^"),
    "irnn": ("RNN, ReLU", canvas.GOLD, "v"),
}


def measure_size(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Count parameters: there is nothing to measure twice."""
    size = settings["hidden"]
    return {name: layer_parameters(CONTENDERS[name].make_cell(), size, size) for name in settings["cells"]}


def measure_speed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Time the compiled kernels in turn: milliseconds for each 1,000 tokens, forwards alone and with the backward pass."""
    size, steps, count = settings["hidden"], settings["steps"], settings["sequences"]
    layers = {
        name: Recurrent(CONTENDERS[name].make_cell(), size, size, backend="compiled")
        for name in settings["cells"]
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = torch.randn(steps, count, size)
    thousands = steps * count / 1000

    def forward(layer: Recurrent) -> None:
        with torch.no_grad():
            layer(x)

    def training(layer: Recurrent) -> None:
        layer(x)[0].sum().backward()
        layer.zero_grad()

    found: dict[str, Any] = {}
    for kind, call in (("forward", forward), ("training", training)):
        times: dict[str, list[float]] = {name: [] for name in layers}
        for turn in range(settings["turns"] + 1):
            for name, layer in layers.items():
                begun = time.perf_counter()
                for _ in range(settings["calls"]):
                    call(layer)
                if turn:  # the first one warms up
                    times[name].append(1e3 * (time.perf_counter() - begun) / settings["calls"] / thousands)
        found[kind] = {name: rounded(values) for name, values in times.items()}
    return found


def draw(numbers: Numbers, figure: Figure) -> None:
    """Parameters, time and how far each counts."""
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1.1, 1.5), sharey=True)
    for row, (name, (_, color, marker)) in enumerate(_CELLS.items()):
        left.barh(row, numbers["size"][name] / 1000, height=0.55, color=color, linewidth=0)
        for kind, place, alpha in (("forward", row - 0.15, 1.0), ("training", row + 0.15, 0.45)):
            values = numbers["speed"][kind][name]
            middle.barh(place, spread.middle(values), height=0.26, color=color, alpha=alpha, linewidth=0)
            middle.plot([min(values), max(values)], [place, place], color=canvas.INK, linewidth=1)
        counts = numbers[f"count {name}"]["counts_to"]
        races.dots(right, row, counts, color, marker, apart=0.1)
    left.set_yticks(range(len(_CELLS)), [label for label, *_ in _CELLS.values()])
    left.tick_params(axis="y", length=0, labelcolor=canvas.INK)
    left.set_ylim(len(_CELLS) - 0.5, -0.5)
    left.set_title("parameters")
    middle.set_title("time")
    middle.set_xlim(left=0)
    middle.set_xlabel("ms for 1,000 tokens")
    left.set_xlabel("thousands, 128 units")
    right.set_title("counts aⁿbⁿ up to")
    right.axvspan(0, 10, color=canvas.SOFT, alpha=0.12, linewidth=0)
    right.set_xlim(0, 35)
    right.set_xlabel("n (grey: learnt from)")
    for place, words, color in ((-0.15, "forwards", canvas.GROUND), (0.15, "and back", canvas.INK)):
        middle.text(0.15, place, words, va="center", fontsize=7, color=color)
    middle.set_xticks(range(0, 9, 2))
    for axes in (left, middle, right):
        axes.grid(visible=False, axis="y")


def tables(numbers: Numbers) -> dict[str, list[str]]:
    """Size and speed; counting."""
    lstm = numbers["size"]["lstm"]
    costs = [
        [
            label, f"{numbers['size'][name]:,}", f"{numbers['size'][name] / lstm:.2f}",
            told(numbers["speed"]["forward"][name]), told(numbers["speed"]["training"][name]),
        ]
        for name, (label, *_) in _CELLS.items()
    ]  # fmt: skip
    counts: list[list[str]] = []
    for name, (label, *_) in _CELLS.items():
        found = numbers[f"count {name}"]
        solved, reach = races.seeds_that(found["solved"]), told(found["counts_to"])
        counts.append([f"{label}, {found['hidden']} units", str(found["parameters"]), solved, reach])
    head = ["cell, 128 units", "parameters", "of the LSTM's", "ms, forwards", "ms, with backward pass"]
    return {
        "costs": table(head, costs),
        "counting": table(["network", "parameters", "seeds right up to n = 15", "right up to n ="], counts),
    }


CHAPTER = Chapter(
    name="gru-or-lstm",
    title="GRU against LSTM: parameters, time, and how far each counts beyond what it has seen",
    about=(
        "Three panels with a row for each cell. Bars of parameters and of times, in which the GRU is at about three "
        "quarters of the LSTM. Marks for each seed at the n up to which it counts: from 15 on for the LSTMs, 11 for the "
        "GRU, 5 to 17 for plain networks."
    ),
    cells=[cells.GRU(), cells.LSTM()],
    items={
        "size": Item({"cells": list(_CELLS), "hidden": 128}, measure_size),
        "speed": Item(
            {"cells": list(_CELLS), "hidden": 128, "steps": 100, "sequences": 32, "calls": 3, "turns": 7},
            measure_speed,
        ),
        **{
            f"count {name}": Item(
                {
                    "task": "count",
                    "variant": "anbn",
                    "length": 10,
                    "contender": name,
                    "sequences": 20_000,
                    "seeds": 8,
                },
                races.race,
            )
            for name in _CELLS
        },
    },
    draw=draw,
    size=(7.2, 3.1),
    tables=tables,
)
