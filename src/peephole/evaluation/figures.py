"""The report's figures. Drawings never see a text from the data: only numbers and words of this file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING

from peephole.errors import OptionError
from peephole.evaluation.drawing import ABOVE, ACCENT, SECOND, SOFT, drawn
from peephole.evaluation.evaluation import Evaluation
from peephole.evaluation.metrics import accuracy_interval
from peephole.evaluation.wording import tokens_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

History = Sequence[Mapping[str, object]]
"""A training run: one mapping per report, with any of ``step``, ``epoch``, ``loss``, ``development_accuracy``
(a share), ``development_log_loss`` (nats) and ``tokens_per_second``."""

HISTORY_KEYS = (
    "step",
    "epoch",
    "loss",
    "development_accuracy",
    "development_log_loss",
    "tokens_per_second",
)

_MOST_POINTS = 300  # of a curve; more are averaged, or a long run's report would weigh megabytes


def reliability_diagram(evaluation: Evaluation) -> str:
    """Draw accuracy against confidence, one point per bin that holds texts, and how many texts those are.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    bins = [bin for bin in evaluation.calibration_bins if bin.n]

    def paint(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        confidence = [100 * bin.confidence for bin in bins if bin.confidence is not None]
        accuracy = [100 * bin.correct / bin.n for bin in bins]
        bounds = [accuracy_interval(bin.correct, bin.n) for bin in bins]
        spread = [
            [share - 100 * bound.low for share, bound in zip(accuracy, bounds, strict=True)],
            [100 * bound.high - share for share, bound in zip(accuracy, bounds, strict=True)],
        ]
        above.plot([0, 100], [0, 100], color=SOFT, linewidth=1, linestyle="--", label="perfect calibration")
        above.errorbar(
            confidence,
            accuracy,
            yerr=spread,
            color=ACCENT,
            marker="o",
            markersize=5,
            linewidth=1.4,
            elinewidth=1,
            capsize=2,
            label="this model, 95 % intervals",
        )
        above.set_ylabel("right, %")
        lowest = min([100 * bound.low for bound in bounds] + confidence)
        above.set_ylim(10 * math.floor(lowest / 10) - 3, 103)
        above.legend(**ABOVE)
        below.bar(
            [50 * (bin.low + bin.high) for bin in bins],
            [bin.n for bin in bins],
            width=[92 * (bin.high - bin.low) for bin in bins],
            color=ACCENT,
        )
        below.set_ylabel("texts")
        below.set_xlabel("probability given to the answer, %")
        below.set_xlim(100 * min(bin.low for bin in bins) - 1, 101)

    return drawn("reliability", 4.3, paint)


def length_diagram(evaluation: Evaluation) -> str | None:
    """Draw the accuracy for each bin of lengths with its interval; None when lengths were not given.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    bins = evaluation.by_length
    if not bins:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        places = list(range(len(bins)))
        accuracy = [100 * bin.accuracy for bin in bins]
        spread = [
            [100 * (bin.accuracy - bin.interval.low) for bin in bins],
            [100 * (bin.interval.high - bin.accuracy) for bin in bins],
        ]
        mean = 100 * evaluation.accuracy
        axes.axvline(mean, color=SOFT, linewidth=1, linestyle="--", label="all texts")
        axes.errorbar(
            accuracy,
            places,
            xerr=spread,
            color=ACCENT,
            marker="o",
            markersize=5,
            linestyle="none",
            elinewidth=1.4,
            capsize=2,
        )
        axes.set_yticks(places, [f"{tokens_words(bin)} ({bin.n:,})" for bin in bins])
        axes.set_ylim(len(bins) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("right, %, with 95 % intervals")
        axes.set_title("tokens (texts)", loc="left", color=SOFT)
        lowest = min(100 * bin.interval.low for bin in bins)
        axes.set_xlim(max(-2.0, 5 * math.floor(lowest / 5) - 2), 102)

    return drawn("lengths", 0.95 + 0.3 * max(len(bins), 3), paint)


def learning_curve(history: History) -> str | None:
    """Draw loss and development accuracy over the run; None when the history holds neither.

    The axis below counts epochs if every entry has one, else steps, else entries. Numbers that are missing,
    None, NaN or infinite (a run that diverged) leave a gap. Curves of many points are averaged in groups.

    Raises:
        MissingExtra: matplotlib is not installed.
        OptionError: an entry of the history holds something that is not a number.
    """
    check_history(history)
    unit, places = _places(history)
    loss = _curve(history, places, "loss")
    development = _curve(history, places, "development_log_loss")
    accuracy = [(place, 100 * share) for place, share in _curve(history, places, "development_accuracy")]
    panels = [panel for panel, drawn in (("loss", loss or development), ("accuracy", accuracy)) if drawn]
    if not panels:
        return None

    def paint(figure: Figure) -> None:
        grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)
        axes: dict[str, Axes] = {panel: grid[row, 0] for row, panel in enumerate(panels)}
        if "loss" in axes:
            for points, color, name in ((loss, SECOND, "training"), (development, ACCENT, "development")):
                if points:
                    _line(axes["loss"], _thinned(points), color, name)
            axes["loss"].set_ylabel("loss, nats")
            axes["loss"].legend(**ABOVE)
        if "accuracy" in axes:
            _line(axes["accuracy"], accuracy, ACCENT, "development")
            best = max(accuracy, key=lambda point: point[1])
            axes["accuracy"].plot([best[0]], [best[1]], marker="o", markersize=7, color=ACCENT)
            axes["accuracy"].set_ylabel("development\naccuracy, %")
            axes["accuracy"].margins(y=0.15)
        axes[panels[-1]].set_xlabel(unit)
        axes[panels[-1]].locator_params(axis="x", integer=True)

    return drawn("learning", 1.2 + 1.55 * len(panels), paint)


def check_history(history: History) -> None:
    """Raise `OptionError` unless every value of a known key is a number or None; unknown keys are ignored."""
    for index, entry in enumerate(history):
        for key in HISTORY_KEYS:
            value = entry.get(key)
            if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
                raise OptionError(f"history: entry {index}: {key!r} must be a number or None; got {value!r}")


def finite(entry: Mapping[str, object], key: str) -> float | None:
    """Return a number of a history's entry, or None where it is missing, NaN or infinite."""
    value = entry.get(key)
    return float(value) if isinstance(value, Real) and math.isfinite(value) else None


def _places(history: History) -> tuple[str, list[float]]:
    for unit in ("epoch", "step"):
        places = [place for entry in history if (place := finite(entry, unit)) is not None]
        if len(places) == len(history):
            return unit, places
    return "report", [float(index + 1) for index in range(len(history))]


def _curve(history: History, places: Sequence[float], key: str) -> list[tuple[float, float]]:
    values = ((place, finite(entry, key)) for place, entry in zip(places, history, strict=True))
    return [(place, value) for place, value in values if value is not None]


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return at most `_MOST_POINTS` points: the means of equal runs of neighbours."""
    run = math.ceil(len(points) / _MOST_POINTS)
    groups = [points[start : start + run] for start in range(0, len(points), run)]
    return [
        (sum(place for place, _ in group) / len(group), sum(value for _, value in group) / len(group))
        for group in groups
    ]


def _line(axes: Axes, points: list[tuple[float, float]], color: str, name: str) -> None:
    marker = "o" if len(points) <= 30 else ""
    places, values = [place for place, _ in points], [value for _, value in points]
    axes.plot(places, values, color=color, linewidth=1.4, marker=marker, markersize=3, label=name)
