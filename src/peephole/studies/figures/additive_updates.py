"""Additive against multiplicative updates: a value is put into the state, and followed for a hundred steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from peephole import cells
from peephole.nn.initial import set_gate_bias
from peephole.studies.figures import canvas, fading
from peephole.studies.figures.chapter import Chapter, Item, Numbers
from peephole.studies.figures.spread import table, told
from peephole.studies.measures import rounded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Name → cell, keep bias, size of the inputs, colour, dashes.
_NETWORKS: dict[str, tuple[str, float | None, float, str, Any]] = {
    "RNN at rest": ("rnn", None, 0.0, canvas.SOFT, (0, (2, 2))),
    "RNN": ("rnn", None, 1.0, canvas.ORANGE, "-"),
    "LSTM, keep bias 1": ("lstm", 1.0, 1.0, canvas.PURPLE, "-"),
    "LSTM, keep bias 4": ("lstm", 4.0, 1.0, canvas.BLUE, "-"),
    "GRU, keep bias 4": ("gru", 4.0, 1.0, canvas.GREEN, (0, (5, 2))),
}


def follow(cell: str, bias: float | None, inputs: float, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Follow a small value in untrained networks: how large it is at `fading.LAGS`, and where.

    Args:
        cell: name of a cell.
        bias: of the gate that keeps, on every unit; None for a cell without one.
        inputs: their size.
        settings: `seeds`, `steps` and `sequences`.

    Returns:
        `size` and `along`: for each seed the medians over the sequences, as `fading.disturbed` defines them.
    """
    found: dict[str, list[list[float | None]]] = {"size": [], "along": []}
    for seed in range(settings["seeds"]):
        made = fading.layer(cells.make(cell), seed)
        if bias is not None:
            gate = "z" if cell == "gru" else "f"
            with torch.no_grad():
                weights = {name.removesuffix("_l0"): weight.data for name, weight in made.named_parameters()}
                set_gate_bias(made.cell, weights, gate, bias)
        noise = fading.noise(seed, settings["steps"], settings["sequences"], inputs)
        for name, values in zip(found, fading.disturbed(made, noise, seed), strict=True):
            found[name].append(rounded(np.median(values, axis=1)[list(fading.LAGS)]))
    return dict(found)


def measure(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Follow a value in every network."""
    return {
        name: follow(cell, bias, inputs, settings)
        for name, (cell, bias, inputs) in settings["networks"].items()
    }


def draw(numbers: Numbers, figure: Figure) -> None:
    """How large the value is, and whether it is where it was put."""
    left, right = figure.subplots(1, 2)
    for name, (*_, inputs, color, dashes) in _NETWORKS.items():
        for axes, kind in ((left, "size"), (right, "along")):
            rows = np.array(numbers["followed"][name][kind], float)
            seen = np.median(numbers["followed"][name]["size"], axis=0) > 1e-6
            if inputs:  # at rest the direction turns by chance, and a band would hide the rest
                canvas.band(axes, fading.LAGS, rows.min(axis=0), rows.max(axis=0), color, 0.14)
            curve = np.median(rows, axis=0)
            shown = seen if kind == "along" else np.ones_like(seen)
            axes.plot(np.array(fading.LAGS)[shown], curve[shown], color=color, linestyle=dashes, label=name)
    left.set_yscale("log")
    left.set_ylim(1e-6, 30)
    left.set_title("what is left of it")
    left.set_ylabel("size, of 1 that was put in")
    right.set_ylim(-0.3, 1.05)
    right.set_title("is it still in its units?")
    right.set_ylabel("cosine with what was put in")
    for axes in (left, right):
        axes.set_xlim(0, 100)
        axes.set_xlabel("steps later")
    figure.legend(
        *left.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=5,
        columnspacing=1.2,
        handlelength=1.8,
    )


def tables(numbers: Numbers) -> dict[str, list[str]]:
    """Size and place after 10, 50 and 100 steps."""
    rows: list[list[str]] = []
    for name, found in numbers["followed"].items():
        places = [fading.LAGS.index(lag) for lag in (10, 50, 100)]
        sizes = [_size([row[place] for row in found["size"]]) for place in places]
        rows.append([name, *sizes, told([row[places[0]] for row in found["along"]])])
    return {
        "followed": table(
            ["network", "left after 10 steps", "after 50", "after 100", "cosine after 10"], rows
        )
    }


def _size(values: list[float | None]) -> str:
    """What is left, down to where the rounding of two runs' difference begins.

    >>> _size([0.25, 0.5, 1.0]), _size([1e-12, 2e-13])
    ('0.5 (0.25–1)', 'below 1e-11')
    """
    return "below 1e-11" if max(value or 0.0 for value in values) < 1e-11 else told(values)


CHAPTER = Chapter(
    name="additive-updates",
    title="A small value is put into the state of untrained networks and followed for a hundred steps",
    about=(
        "Left, logarithmic: in an RNN that reads noise the value shrinks a millionfold within about forty steps, in an "
        "LSTM with a keep bias of 1 within a hundred. With a keep bias of 4 it grows more than tenfold in the LSTM and "
        "falls to a sixth in the GRU. At rest an RNN with orthogonal weights loses nothing. Right: in RNNs the value "
        "leaves its units at the first step, in LSTMs within some twenty steps; in the GRU it stays in them."
    ),
    cells=[cells.RNN(), cells.LSTM()],
    items={
        "followed": Item(
            {
                "seeds": 10,
                "steps": 100,
                "sequences": 16,
                "networks": {name: network[:3] for name, network in _NETWORKS.items()},
            },
            measure,
        )
    },
    draw=draw,
    size=(7.2, 3.4),
    tables=tables,
)
