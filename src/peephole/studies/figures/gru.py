"""The GRU: one gate that keeps and writes, seen in a network that learnt when to do which; and where its reset stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from peephole import cells
from peephole.insight import belts, half_lives, trace
from peephole.studies.figures import canvas, fading, letters
from peephole.studies.figures.chapter import Chapter, Item, Numbers
from peephole.studies.figures.spread import table, told
from peephole.studies.measures import rounded
from peephole.studies.tasks.task import one_hot

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_STARTS: dict[str, dict[str, Any]] = {
    "keep bias 0": {"init": "orthogonal"},
    "chrono": {"init": "chrono", "chrono_length": 40.0},
}


def measure_gates(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Train a GRU on the latest letter from each start and seed, and read its keep at letters and elsewhere, on new lines.

    Means over units are weighted by |h| at the end of the line: units that hold nothing then do not count.
    """
    return {name: _of_start(options, settings) for name, options in settings["starts"].items()}


def _of_start(options: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: [] for name in ("steps", "at_letters", "elsewhere", "share_of_latest", "half_life")
    }
    shown: list[float] = []
    for seed in range(settings["seeds"]):
        reader = letters.learn(cells.GRU(), settings["length"], seed, settings["most_steps"], **options)
        symbols, _ = letters.lines(settings["length"], settings["lines"], [seed, 3])
        seen = trace(reader.layer, one_hot(symbols, letters.SYMBOLS))
        keep = seen["layer0.forward.z"].astype(np.float64)  # [T, N, H]
        weight = np.abs(seen["layer0.forward.h"][-1].astype(np.float64))  # [N, H]
        mean = (keep * weight).sum(axis=2) / weight.sum(axis=1)  # [T, N]
        is_letter = symbols < letters.LETTERS
        latest = len(symbols) - 1 - is_letter[::-1].argmax(axis=0)
        left = np.abs(seen.unpacked(belts(seen)["layer0.forward"].left)).sum(axis=2)  # [T, N]
        share = left[latest, np.arange(symbols.shape[1])] / left.sum(axis=0)
        old = len(symbols) - 1 - latest >= 10
        found["steps"].append(reader.steps)
        found["at_letters"].append(float(mean[is_letter].mean()))
        found["elsewhere"].append(float(mean[~is_letter].mean()))
        found["share_of_latest"].append(float(np.median(share[old])))
        found["half_life"].append(float(half_lives(seen)["layer0.forward"].max()))
        if not shown:
            shown = list(mean[:, 0])
            found["symbols"] = [letters.NAMES[k] for k in symbols[:, 0]]
    kinds = ("at_letters", "elsewhere", "share_of_latest", "half_life")
    return {**found, **{kind: rounded(found[kind]) for kind in kinds}, "keep": rounded(shown)}


def measure_reset(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Run the same weights with the reset after and before the product, and return the relative difference of the outputs."""
    apart: dict[str, list[float]] = {"as they are": [], "reset gate held at 1": []}
    for seed in range(settings["seeds"]):
        noise = torch.from_numpy(fading.noise(seed, settings["steps"], settings["sequences"]))
        after, before = (fading.layer(cells.GRU(kind), seed) for kind in ("after", "before"))
        before.load_state_dict(after.state_dict())
        for name, bias in (("as they are", 0.0), ("reset gate held at 1", 1000.0)):  # σ(1000) is 1
            for made in (after, before):
                made.get_parameter("bias_ih_l0").data[: fading.H] = bias
            with torch.no_grad():
                one, other = after(noise)[0], before(noise)[0]
            apart[name].append(float((one - other).norm() / one.norm()))
    return {name: rounded(values) for name, values in apart.items()}


def draw(numbers: Numbers, figure: Figure) -> None:
    """Keep and write of two trained GRUs along one line."""
    rows = figure.subplots(2, 1, sharex=True, sharey=True)
    words = {
        "keep bias 0": "started with keep at ½ everywhere",
        "chrono": "started with memories of 1 to 40 steps (chrono)",
    }
    for axes, (start, title) in zip(rows, words.items(), strict=True):
        found = numbers["gates"][start]
        places, keep = np.arange(len(found["keep"])), np.array(found["keep"])
        axes.bar(places, keep, width=0.84, color=canvas.BLUE, linewidth=0, label="keep, z")
        axes.bar(
            places,
            1 - keep,
            bottom=keep,
            width=0.84,
            color=canvas.ORANGE,
            alpha=0.45,
            linewidth=0,
            label="write, 1 − z",
        )
        axes.set_title(title)
        axes.set_xlim(-0.6, len(places) - 0.4)
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.5, 1], ["0", "½", "1"])
        axes.grid(visible=False)
        axes.tick_params(axis="x", length=0)
        axes.set_xticks(places, found["symbols"])
    for label in rows[-1].get_xticklabels():
        if label.get_text() in letters.NAMES[: letters.LETTERS]:
            label.set(color=canvas.INK, fontsize=12, fontweight="bold")
    rows[-1].set_xlabel("the line that it reads; at the end it must say the latest letter")
    rows[0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2)


def tables(numbers: Numbers) -> dict[str, list[str]]:
    """What the gates do, and what the place of the reset does."""
    found = numbers["gates"]
    rows: list[tuple[str, str, float, str]] = [
        ("optimiser's steps until 99 % were right", "steps", 1.0, ""),
        ("keep at letters", "at_letters", 1.0, ""),
        ("keep at dots and dashes", "elsewhere", 1.0, ""),
        ("longest half-life of a unit on the conveyor, steps", "half_life", 1.0, ""),
        (
            "the latest letter's part of the final state, 10 steps after it or more",
            "share_of_latest",
            100.0,
            " %",
        ),
    ]
    gates = [
        [words, *(told(found[start][kind], scale=scale, never="not in time") + unit for start in _STARTS)]
        for words, kind, scale, unit in rows
    ]
    apart = [[name, told(values, scale=100) + " %"] for name, values in numbers["reset"].items()]
    return {
        "gates": table(
            ["trained GRU of 16 units, lines of 40 steps", *(f"start: {start}" for start in _STARTS)], gates
        ),
        "reset": table(["reset before against after the product, same weights", "outputs apart"], apart),
    }


CHAPTER = Chapter(
    name="gru",
    title="Two trained GRUs on one line: how much each step keeps, and how much it writes",
    about=(
        "Bars for the forty symbols of a line, each divided into keep and write, of two trained networks. In both, keep "
        "falls at the letters. At dots and dashes the first keeps about half, the second about two thirds."
    ),
    cells=[cells.GRU(), cells.GRU("before")],
    items={
        "gates": Item(
            {"seeds": 6, "length": 40, "most_steps": 500, "lines": 256, "starts": _STARTS}, measure_gates
        ),
        "reset": Item({"seeds": 10, "steps": 50, "sequences": 16}, measure_reset),
    },
    draw=draw,
    size=(7.2, 3.7),
    tables=tables,
)
