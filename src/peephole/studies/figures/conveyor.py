"""The cell state as a conveyor: what each word puts on it, and how long it stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from peephole import cells
from peephole.insight import belts, half_lives, trace
from peephole.studies.figures import canvas, shipped
from peephole.studies.figures.chapter import Chapter, Item, Numbers
from peephole.studies.figures.spread import column, table, told
from peephole.studies.measures import rounded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHARES = (0.1, 0.5, 0.9, 1.0)
_LAST = (1, 2, 5, 10)


def measure_sentence(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Read a sentence, and return what is left of each token's write after each token."""
    seen = trace(shipped.model(), settings["text"])
    left = shipped.remains(seen, settings["track"])
    tokens = [token.strip() for token in seen.text.tokens]
    return {"model": shipped.digest(), "tokens": tokens, "left": [rounded(row) for row in left]}


def measure_half_lives(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return quantiles of the units' half-lives, for each group of texts, and each unit's over the first group."""
    found: list[Any] = []
    units: list[float] = []
    for texts, _ in shipped.groups(settings["groups"], settings["texts"]):
        lives = np.concatenate(list(half_lives(trace(shipped.model(), texts)).values()))
        found.append(rounded(np.quantile(lives, settings["quantiles"])))
        units = units or sorted(lives)
    return {"quantiles": found, "units": rounded(units)}


def measure_sum(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Compare final cell states with the sums of what is left, and return the share that the last words make up.

    What is left is computed from the gates alone, in float64: the product of all later f, times i · g.
    """
    deviations: list[float] = []
    shares: list[list[float]] = []
    for texts, _ in shipped.groups(settings["groups"], settings["texts"]):
        seen = trace(shipped.model(), texts)
        worst, parts = 0.0, []
        for track, belt in belts(seen).items():
            f, i, g = (seen.rows(f"{track}.{name}").astype(np.float64) for name in "fig")
            for n in range(len(texts)):
                rows = seen.sequences.rows_of(n)
                rows = rows[::-1] if track.endswith("reverse") else rows
                ahead = np.ones_like(f[rows])
                ahead[:-1] = np.cumprod(f[rows][:0:-1], axis=0)[::-1]
                left = ahead * i[rows] * g[rows]
                worst = max(worst, float(np.abs(left.sum(axis=0) - belt.final[n]).max()))
                size = np.abs(left).sum(axis=1)
                if len(rows) > max(settings["last"]):
                    parts.append([size[-k:].sum() / size.sum() for k in settings["last"]])
        deviations.append(worst)
        shares.append(list(np.median(parts, axis=0)))
    return {"deviation": rounded(deviations), "share_of_last": [rounded(row) for row in shares]}


def draw(numbers: Numbers, figure: Figure) -> None:
    """The belt of a sentence, and the half-lives of all units."""
    from matplotlib.patches import Rectangle

    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    found = numbers["sentence"]
    tokens, amounts = found["tokens"], np.array(found["left"])
    most, count = float(amounts.max()), len(tokens)
    for j in range(count):
        for t in range(j, count):
            share = float(amounts[j, t]) / most
            if share >= 0.005:
                box = Rectangle((t - 0.46, j - 0.46), 0.92, 0.92, color=canvas.BLUE, alpha=share, linewidth=0)
                left.add_patch(box)
    left.set_xlim(-0.5, count - 0.5)
    left.set_ylim(count - 0.5, -0.5)
    left.set_xticks(range(count), tokens, rotation=60, ha="right", rotation_mode="anchor")
    left.set_yticks(range(count), tokens)
    left.tick_params(length=0, labelcolor=canvas.INK)
    left.grid(visible=False)
    left.set_xlabel("after reading")
    left.set_title("what each word's cargo still weighs")
    lives = np.array(numbers["half_lives"]["units"])
    right.plot(lives, np.linspace(100, 0, len(lives)), color=canvas.BLUE)
    right.set_xscale("log")
    right.set_xticks([0.25, 0.5, 1, 2, 4, 8], ["¼", "½", "1", "2", "4", "8"])
    right.minorticks_off()
    right.set_ylim(0, 100)
    right.set_xlabel("half-life, tokens")
    right.set_ylabel("units with at least that half-life, %")
    right.set_title("how long 384 units remember")


def tables(numbers: Numbers) -> dict[str, list[str]]:
    """Half-lives, and what the last words make up."""
    quantiles, shares = numbers["half_lives"]["quantiles"], numbers["sum"]["share_of_last"]
    names = {
        0.1: "one unit in ten, at most",
        0.5: "the middle unit",
        0.9: "nine in ten, at most",
        1.0: "the longest",
    }
    lives = [[names[q], told(column(quantiles, k))] for k, q in enumerate(_SHARES)]
    last = [
        ["the last token" if k == 1 else f"the last {k} tokens", told(column(shares, n), scale=100) + " %"]
        for n, k in enumerate(_LAST)
    ]
    return {
        "half-lives": table(["units of both directions", "half-life, tokens"], lives),
        "last": table(["written by", "share of all that is left at the end"], last),
        "sum": table(
            ["", "greatest deviation of a final cell state from the sum"],
            [["of five groups of 200 texts", told(numbers["sum"]["deviation"])]],
        ),
    }


CHAPTER = Chapter(
    name="conveyor",
    title="The conveyor of the shipped model: what each word loads, and what is left of it",
    about=(
        "Left: a triangle of squares for the words of a sentence. Each row is what one word put on the conveyor, each "
        "column a time; most rows fade within a few words. Right: the share of units whose half-life is at least so long; "
        "half of the units keep half of their cargo for less than one token, the longest for about six."
    ),
    cells=[cells.LSTM()],
    items={
        "sentence": Item({"text": shipped.SENTENCE, "track": "layer0.forward"}, measure_sentence),
        "half_lives": Item({"groups": 5, "texts": 200, "quantiles": _SHARES}, measure_half_lives),
        "sum": Item({"groups": 5, "texts": 200, "last": _LAST}, measure_sum),
    },
    draw=draw,
    size=(7.2, 3.6),
    tables=tables,
)
