"""The figures of a search."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from peephole.evaluation.drawing import ABOVE, ACCENT, SECOND, SOFT, drawn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Document = Mapping[str, Any]


def trials_figure(document: Document) -> str | None:
    """Draw the score of every trial in their order, and the best so far."""
    whole, behind = _by_ending(document)
    if not whole:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        if behind:
            axes.plot(*zip(*behind, strict=True), "x", color=SOFT, markersize=4.5, label="ended early")
        axes.plot(*zip(*whole, strict=True), "o", color=ACCENT, markersize=4.5, label="ran to its end")
        best = list(itertools.accumulate((score for _, score in whole), max))
        places = [number for number, _ in whole]
        axes.step(places, best, where="post", color=SECOND, linewidth=1.2, label="best so far")
        axes.set_xlabel("trial")
        axes.set_ylabel(f"{document['score'].replace('_', '-')}, %")
        axes.legend(**ABOVE)

    return drawn("trials", 3.0, paint)


def learning_figure(document: Document) -> str | None:
    """Draw the score of every pass of every trial; the best trial stands out."""
    trials = [(number, trial["curve"]) for number, trial in enumerate(document["trials"]) if trial["curve"]]
    if not trials or max(len(curve) for _, curve in trials) < 2:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for number, curve in sorted(trials, key=lambda pair: pair[0] == document["best"]):
            best = number == document["best"]
            shares = [100 * share for share in curve]
            axes.plot(
                range(1, len(curve) + 1),
                shares,
                color=ACCENT if best else SOFT,
                linewidth=2.0 if best else 0.8,
                alpha=1.0 if best else 0.6,
                marker="." if len(curve) == 1 else "",
            )
        cast("Any", axes.xaxis.get_major_locator()).set_params(integer=True)
        axes.set_xlabel("passes over the texts")
        axes.set_ylabel(f"{document['score'].replace('_', '-')}, %")

    return drawn("learning", 3.0, paint)


def settings_figure(document: Document) -> str | None:
    """Draw the score of the trials that ran to their end over each setting that is a number."""
    whole = [trial for trial in document["trials"] if trial["ending"] not in ("pruned", "diverged")]
    names = [
        name
        for name in document["space"]
        if whole and all(_is_number(trial["values"][name]) for trial in whole)
    ]
    if len(whole) < 3 or not names:
        return None
    columns = min(3, len(names))

    def paint(figure: Figure) -> None:
        grid = figure.subplots(math.ceil(len(names) / columns), columns, sharey=True, squeeze=False)
        for axes, name in itertools.zip_longest(grid.flat, names):
            if name is None:
                axes.set_axis_off()
                continue
            values = [trial["values"][name] for trial in whole]
            axes.plot(values, [100 * trial["score"] for trial in whole], "o", color=ACCENT, markersize=3.5)
            axes.set_title(name.replace("_", " "))
            if document["space"][name].endswith("by factors"):
                axes.set_xscale("log")
                axes.minorticks_off()
            ends = sorted({min(values), max(values)})
            axes.set_xticks(ends, [f"{end:.2g}" if isinstance(end, float) else str(end) for end in ends])
        for row in grid:
            row[0].set_ylabel("score, %")

    return drawn("settings", 1.9 * math.ceil(len(names) / columns), paint)


def _by_ending(document: Document) -> tuple[Sequence[tuple[int, float]], Sequence[tuple[int, float]]]:
    """Return (number, score in per cent) of the trials that ran to their end, and of the others that have a score."""
    numbered = [(n + 1, trial["ending"], 100 * trial["score"]) for n, trial in enumerate(document["trials"])]
    whole = [(n, score) for n, ending, score in numbered if ending not in ("pruned", "diverged")]
    return whole, [(n, score) for n, ending, score in numbered if ending == "pruned"]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
