"""The figures of a comparison. Drawings see only numbers of the document, and words of this file and of `contenders`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from peephole.evaluation.drawing import ABOVE, SOFT, drawn
from peephole.studies.compare.contenders import CONTENDERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Document = Mapping[str, Any]

# Stand-ins for the page's colours, and the stroke of each contender: none is told by its colour alone.
_COLORS = {name: f"#0101{16 + k:02x}" for k, name in enumerate(CONTENDERS)}
VARIABLES = {color: f"--{name}" for name, color in _COLORS.items()}
_DASHES: dict[str, tuple[float, ...]] = {
    "rnn": (1, 1.6),
    "irnn": (3, 1.6),
    "lstm": (),
    "peephole-lstm": (6, 1.6),
    "peephole-lstm-previous": (6, 1.6, 1, 1.6, 1, 1.6),
    "peephole-lstm-full": (6, 1.6, 1, 1.6),
    "gru": (),
    "gru-before": (3, 1, 1, 1),
    "coupled-lstm": (9, 1.6),
}
_WIDTHS = {"gru": 2.6}  # beside the LSTM's line, which is whole too
_LOWEST = 1e-8  # of a survival curve that is drawn: below, nothing is left of a gradient in float32


def dashes(name: str) -> tuple[float, ...]:
    """Return the stroke of a contender, lengths of lines and gaps in line widths; empty: a whole line."""
    return _DASHES[name]


def line_width(name: str) -> float:
    """Return the width of a contender's line, in points."""
    return _WIDTHS.get(name, 1.6)


def learning_figure(document: Document) -> str | None:
    """Draw how each run came to its score: a line for each seed, with a dot where a task was solved."""
    is_task = document["subject"]["kind"] == "task"
    runs = [(c["name"], run) for c in document["contenders"] for run in c["runs"] if run.get("curve")]
    if not runs:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for name, run in runs:
            curve = run["curve"]
            places = [n / 1000 for n in curve["sequences"]] if is_task else curve["epoch"]
            shares = [_percent(share) for share in curve["right" if is_task else "accuracy"]]
            _line(axes, name, places, shares, alpha=0.75, scale=0.7)
            if run["ending"] == "solved":
                axes.plot(places[-1:], shares[-1:], "o", color=_COLORS[name], markersize=4.5)
        axes.set_xlabel("training sequences, thousands" if is_task else "passes over the texts")
        axes.set_ylabel("right, %")
        axes.set_ylim(top=103)

    return drawn("learning", 3.0, paint, colors=VARIABLES)


def score_figure(document: Document) -> str | None:
    """Draw the score of every seed, and the median of a task's, or the interval of texts'."""
    is_task = document["subject"]["kind"] == "task"
    rows = [c for c in document["contenders"] if c["runs"]]
    if not rows:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for place, contender in enumerate(rows):
            color, key = _COLORS[contender["name"]], "right" if is_task else "accuracy"
            shares = [100 * run[key] for run in contender["runs"] if key in run]
            score = contender["score"]
            if is_task:
                axes.plot(
                    [100 * score["right"]], [place], "|", color=color, markersize=17, markeredgewidth=2.4
                )
            elif "accuracy" in score:
                mean, (low, high) = score["accuracy"]["value"], score["accuracy"]["interval"]
                spread = [[100 * (mean - low)], [100 * (high - mean)]]
                axes.errorbar(
                    [100 * mean], [place], xerr=spread, color=color, marker="|", markersize=12, capsize=3
                )
            axes.plot(shares, [place] * len(shares), "o", color=color, markersize=5, alpha=0.6)
        chance = document["subject"]["chance"]
        if not is_task:
            axes.axvline(100 * chance, color=SOFT, linestyle="--", linewidth=1)
        axes.set_yticks(range(len(rows)), [c["title"] for c in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("right, %")

    return drawn("scores", 0.9 + 0.3 * len(rows), paint, colors=VARIABLES)


def survival_figure(document: Document, key: str) -> str | None:
    """Draw how gradients fade with the steps that they go back.

    Args:
        document: of the comparison.
        key: ``"survival"``, after training, or ``"survival_at_start"``.
    """
    rows = [(c["name"], c[key]) for c in document["contenders"] if len(c.get(key) or ()) > 1]
    if not rows:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axhline(1.0, color=SOFT, linewidth=1)
        for name, curve in rows:
            values = [math.nan if not v or v < _LOWEST else min(v, 1 / _LOWEST) for v in curve]
            _line(axes, name, list(range(len(values))), values)
        _logarithmic(axes)
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, _LOWEST), max(high, 2.0))
        axes.set_xlabel("steps back from the last")
        axes.set_ylabel("gradient left")

    return drawn(key.replace("_", "-"), 3.0, paint, colors=VARIABLES)


def memory_figure(document: Document) -> str | None:
    """Draw the half-lives of units, from the shortest to the longest."""
    rows = [(c["name"], c["memory_half_lives"]) for c in document["contenders"] if c["memory_half_lives"]]
    finite = [life for _, lives in rows for life in lives if life]
    if not finite:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for name, lives in rows:
            shares = [100 * k / (len(lives) - 1) for k in range(len(lives))]
            _line(
                axes, name, shares, [2 * max(finite) if life is None else life or math.nan for life in lives]
            )
        _logarithmic(axes)
        axes.set_xlabel("units, %, from the shortest memory to the longest")
        axes.set_ylabel("half-life, steps")

    return drawn("half-lives", 3.0, paint, colors=VARIABLES)


def cost_figure(document: Document) -> str | None:
    """Draw what 1,000 steps cost, in training and in inference."""
    rows = [c for c in document["contenders"] if c["milliseconds"]]
    if not rows:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for place, contender in enumerate(rows):
            color, cost = _COLORS[contender["name"]], contender["milliseconds"]
            axes.barh(place - 0.18, cost["training"], 0.34, color=color)
            axes.barh(place + 0.2, cost["inference"], 0.34, color=color, alpha=0.45)
        axes.barh(-9, 0, color=SOFT, label="training")
        axes.barh(-9, 0, color=SOFT, alpha=0.45, label="inference")
        axes.legend(**ABOVE)
        axes.set_yticks(range(len(rows)), [c["title"] for c in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("milliseconds for 1,000 steps")

    return drawn("costs", 0.95 + 0.34 * len(rows), paint, colors=VARIABLES)


def _logarithmic(axes: Axes) -> None:
    """A logarithmic axis upwards, with plain numbers: 0.01, and not 10⁻²."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(lambda value, _: "")


def _percent(share: float | None) -> float:
    return math.nan if share is None else 100 * share


def _line(
    axes: Axes,
    name: str,
    places: Sequence[float],
    values: Sequence[float],
    *,
    alpha: float = 1.0,
    scale: float = 1.0,
) -> None:
    style: dict[str, Any] = {"dashes": dashes(name)} if dashes(name) else {}
    axes.plot(places, values, color=_COLORS[name], linewidth=scale * line_width(name), alpha=alpha, **style)
