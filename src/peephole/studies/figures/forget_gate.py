"""Control of the gradient by the forget gate: half-lives against its bias, and what the bias does for learning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from peephole import cells
from peephole.studies.figures import canvas, fading, letters
from peephole.studies.figures.chapter import Chapter, Item, Numbers
from peephole.studies.figures.spread import table, told
from peephole.studies.measures import rounded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BIASES = (-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
_LEARNT = (0.0, 1.0, 3.0, 5.0)
_MOST = 500


def half_life_of(bias: float) -> float:
    """Return ln(1/2) / ln σ(b): the steps in which a gate that is always σ(b) halves what it keeps.

    >>> half_life_of(0.0), round(half_life_of(1.0), 2), round(half_life_of(5.0), 1)
    (1.0, 2.21, 103.2)
    """
    return math.log(2) / math.log1p(math.exp(-bias))


def measure_half_lives(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return, for each bias and seed, the half-life of the gradient in c, of all of it and of its part along the conveyor."""
    found: dict[str, Any] = {}
    for bias in settings["biases"]:
        halves: dict[str, list[float]] = {"all": [], "direct": []}
        for seed in range(settings["seeds"]):
            made = fading.layer(cells.LSTM(), seed, forget_bias=bias)
            noise = fading.noise(seed, settings["steps"], settings["sequences"])
            for name, curve in zip(halves, fading.fading_in(made, noise, seed), strict=True):
                halves[name].append(curve.half_life)
        found[str(bias)] = {name: rounded(values) for name, values in halves.items()}
    return found


def measure_learning(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Train LSTMs on the latest letter, from each bias and seed: after how many steps is it learnt?"""
    found: dict[str, Any] = {}
    for bias in settings["biases"]:
        readers = [
            letters.learn(cells.LSTM(), settings["length"], seed, settings["most_steps"], forget_bias=bias)
            for seed in range(settings["seeds"])
        ]
        found[str(bias)] = letters.results(readers)
    return found


def draw(numbers: Numbers, figure: Figure) -> None:
    """Half-lives against the bias, and steps of learning."""
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    fine = np.linspace(-1.5, 6.5, 81)
    left.plot(
        fine,
        [half_life_of(b) for b in fine],
        color=canvas.INK,
        linewidth=1.2,
        linestyle=(0, (4, 2)),
        label="ln ½ / ln σ(b)",
    )
    for kind, words, color, marker, shift in (
        ("direct", "along the conveyor alone", canvas.BLUE, "o", -0.08),
        ("all", "with what goes through the gates", canvas.ORANGE, "D", 0.08),
    ):
        for bias in _BIASES:
            values = [math.inf if v is None else v for v in numbers["half_lives"][str(bias)][kind]]
            label = words if bias == _BIASES[0] else None
            shown = [min(value, 400.0) for value in values]
            left.plot([bias + shift] * 2, [min(shown), max(shown)], color=color, linewidth=1.4)
            left.plot(
                bias + shift,
                np.median(shown),
                color=color,
                marker=marker,
                markersize=5,
                linestyle="none",
                label=label,
            )
    left.set_yscale("log")
    left.set_ylim(0.4, 500)
    left.set_yticks([1, 10, 100, 400], ["1", "10", "100", "never"])
    left.minorticks_off()
    left.set_xlabel("forget gate's bias, b")
    left.set_ylabel("the gradient halves in, steps")
    left.set_title("half-life of the gradient in c")
    left.legend(loc="upper left")
    learning = numbers["learning"]
    for place, bias in enumerate(_LEARNT):
        steps = learning[str(bias)]["steps"]
        order = np.argsort([math.inf if step is None else step for step in steps])
        for k, seed in enumerate(order):
            x = place + 0.11 * (k - (len(steps) - 1) / 2)
            if steps[seed] is None:
                right.plot(
                    x, _MOST * 1.12, color=canvas.ORANGE, marker="x", markersize=6, markeredgewidth=1.6
                )
            else:
                right.plot(x, steps[seed], color=canvas.BLUE, marker="o", markersize=5)
    right.axhline(_MOST * 1.05, color=canvas.SOFT, linewidth=0.8)
    right.set_xticks(range(len(_LEARNT)), [f"{bias:g}" for bias in _LEARNT])
    right.set_xlim(-0.5, len(_LEARNT) - 0.5)
    right.set_ylim(0, _MOST * 1.2)
    right.set_yticks(
        [0, 100, 200, 300, 400, 500, _MOST * 1.12], ["0", "100", "200", "300", "400", "500", "not"]
    )
    right.set_xlabel("forget gate's bias, b")
    right.set_ylabel("optimiser's steps")
    right.set_title("until the task is learnt")


def tables(numbers: Numbers) -> dict[str, list[str]]:
    """Half-lives beside the formula, and learning."""
    halves = [
        [
            f"{bias:g}",
            f"{1 / (1 + math.exp(-bias)):.3f}",
            f"{half_life_of(bias):.3g}",
            *(told(numbers["half_lives"][str(bias)][kind], never="never") for kind in ("direct", "all")),
        ]
        for bias in _BIASES
    ]
    learnt = {f"{bias:g}": numbers["learning"][str(bias)] for bias in _LEARNT}
    return {
        "half-lives": table(
            ["b", "σ(b)", "ln ½ / ln σ(b), steps", "measured, conveyor alone", "measured, all"], halves
        ),
        "learning": letters.learning_table("b", learnt),
    }


CHAPTER = Chapter(
    name="forget-gate",
    title="The forget gate's bias sets how far the gradient reaches, and how soon a task is learnt",
    about=(
        "Left, logarithmic: the half-life of the gradient grows with the bias. Along the conveyor alone it follows the "
        "formula; with what goes through the gates it is longer at every bias, and from 3 on the gradient does not fade "
        "at all. Right: steps until a task of memory is learnt, a mark for each seed; with biases of 3 and 5 all seeds "
        "but one do not learn it in time."
    ),
    cells=[cells.LSTM()],
    items={
        "half_lives": Item(
            {"seeds": 10, "steps": 101, "sequences": 16, "biases": _BIASES}, measure_half_lives
        ),
        "learning": Item(
            {"seeds": 5, "length": 100, "most_steps": _MOST, "biases": _LEARNT}, measure_learning
        ),
    },
    draw=draw,
    size=(7.2, 3.5),
    tables=tables,
)
