"""The three gates: what they do on a sentence, how open they are, and what the shipped model loses when one is held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from peephole import cells
from peephole.insight import openness, trace
from peephole.studies.figures import canvas, shipped
from peephole.studies.figures.chapter import Chapter, Item, Numbers
from peephole.studies.figures.spread import table, told
from peephole.studies.measures import rounded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Letter → what it is called, and its colour.
GATES = {"i": ("write", canvas.ORANGE), "f": ("keep", canvas.BLUE), "o": ("show", canvas.GREEN)}
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_HELD = {
    "nothing": {},
    "keep at its mean": {"f": None},
    "write at its mean": {"i": None},
    "show at its mean": {"o": None},
    "all three at their means": {"i": None, "f": None, "o": None},
    "keep at 1: nothing is ever forgotten": {"f": 1.0},
    "keep at 0: nothing is ever kept": {"f": 0.0},
    "write at 1": {"i": 1.0},
    "show at 1": {"o": 1.0},
}


def measure_sentence(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Read a sentence, and return quantiles of each gate over the units, for each token."""
    seen = trace(shipped.model(), settings["text"])
    found: dict[str, Any] = {
        "model": shipped.digest(),
        "label": seen.text.label,
        "tokens": [token.strip() for token in seen.text.tokens],
    }
    for gate in GATES:
        rows = seen.rows(f"{settings['track']}.{gate}")
        found[gate] = [rounded(np.quantile(rows, quantile, axis=1)) for quantile in settings["quantiles"]]
    return found


def measure_openness(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return how open each gate is, for each group of texts: mean, share above 0.9 and below 0.1, over units and steps."""
    found: dict[str, Any] = {gate: {"mean": [], "open": [], "closed": []} for gate in GATES}
    for texts, _ in shipped.groups(settings["groups"], settings["texts"]):
        all_gates = openness(trace(shipped.model(), texts))
        for gate in GATES:
            both = [all_gates[f"{track}.{gate}"] for track in shipped.TRACKS]
            for kind, values in found[gate].items():
                values.append(float(np.mean([getattr(one, kind).mean() for one in both])))
    return {gate: {kind: rounded(values) for kind, values in own.items()} for gate, own in found.items()}


def measure_held(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the accuracy with gates held, for each group of texts; means come from other texts."""
    means = shipped.mean_gates(settings["texts"])
    groups = shipped.groups(settings["groups"], settings["texts"])
    found: dict[str, Any] = {}
    for what, gates in settings["held"].items():
        held = {
            f"{track}.{gate}": means[f"{track}.{gate}"] if value is None else value
            for track in shipped.TRACKS
            for gate, value in gates.items()
        }
        found[what] = rounded([shipped.accuracy(texts, labels, held) for texts, labels in groups])
    return found


def draw(numbers: Numbers, figure: Figure) -> None:
    """One panel for each gate: its spread over the units, word by word."""
    found = numbers["sentence"]
    places = np.arange(len(found["tokens"]))
    rows = figure.subplots(3, 1, sharex=True, sharey=True)
    for axes, (gate, (name, color)) in zip(rows, GATES.items(), strict=True):
        tenth, quarter, half, three, nine = (np.array(row) for row in found[gate])
        canvas.band(axes, places, tenth, nine, color, 0.16)
        canvas.band(axes, places, quarter, three, color, 0.28)
        axes.plot(places, half, color=color, marker="o", markersize=4)
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.5, 1])
        axes.set_title(f"{name}  ({gate})", color=color)
    rows[0].annotate(
        "dark: half of the 192 units; light: 8 of 10; line: the middle one", (1, 1), xycoords="axes fraction",
        xytext=(0, 5), textcoords="offset points", ha="right", va="bottom", color=canvas.SOFT, fontsize=8,
    )  # fmt: skip
    rows[-1].set_xticks(places, found["tokens"])
    rows[-1].tick_params(axis="x", labelsize=9, labelcolor=canvas.INK, length=0)
    rows[-1].set_xlim(-0.3, len(places) - 0.7)


def tables(numbers: Numbers) -> dict[str, list[str]]:
    """How open gates are, and what holding them costs."""
    opened = [
        [f"{name} ({gate})", *(told(numbers["openness"][gate][kind]) for kind in ("mean", "open", "closed"))]
        for gate, (name, _) in GATES.items()
    ]
    held = [[what, told(values, scale=100) + " %"] for what, values in numbers["held"].items()]
    return {
        "openness": table(["gate", "mean", "share above 0.9", "share below 0.1"], opened),
        "held": table(["held in both directions", "texts told right"], held),
    }


CHAPTER = Chapter(
    name="three-gates",
    title="The three gates of the shipped model on one sentence, word by word",
    about=(
        f"Three panels over the words of: {shipped.SENTENCE} Each shows how a gate is spread over the 192 units of the forward "
        "direction. Write is low for most units at most words; keep is spread widely around one half; show lies in between."
    ),
    cells=[cells.LSTM()],
    items={
        "sentence": Item(
            {"text": shipped.SENTENCE, "track": "layer0.forward", "quantiles": _QUANTILES}, measure_sentence
        ),
        "openness": Item({"groups": 5, "texts": 200}, measure_openness),
        "held": Item({"groups": 5, "texts": 200, "held": _HELD}, measure_held),
    },
    draw=draw,
    size=(7.2, 4.4),
    tables=tables,
)
