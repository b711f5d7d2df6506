"""The plain network's gradient: how much of it is left at a distance, against an LSTM's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from peephole import cells
from peephole.equations import Cell
from peephole.studies.figures import canvas, fading, letters
from peephole.studies.figures.chapter import Chapter, Item, Numbers
from peephole.studies.figures.spread import table, told
from peephole.studies.measures import rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Value → colour, and the lag at which its name stands on the line.
_GAINS = {0.5: (canvas.PURPLE, 26), 0.9: (canvas.ORANGE, 48), 1.0: (canvas.BLUE, 50), 1.2: (canvas.GREEN, 62)}
_BIASES = {0.0: (canvas.ORANGE, 36), 1.0: (canvas.BLUE, 56), 3.0: (canvas.GREEN, 56)}


def curves(cell: Cell, seeds: int, steps: int, count: int, size: float, **options: Any) -> dict[str, Any]:
    """Measure S(k) in h of untrained layers at `fading.LAGS`, and the gradient's half-life.

    Args:
        cell: the equations.
        seeds: how many layers, each with inputs of its own.
        steps: T.
        count: N sequences, of which S is the median.
        size: of the inputs; 0 leaves the network at rest.
        options: of `fading.layer`.

    Example:
        >>> found = curves(cells.RNN(), 1, 101, 1, 0.0, gain=0.5)      # at rest, S(k) is the gain to the power of k
        >>> found["half_life"], found["survival"][0][:3]
        ([1.0], [1.0, 0.25, 0.0625])
    """
    found: list[list[float | None]] = []
    halves: list[float] = []
    for seed in range(seeds):
        made, inputs = fading.layer(cell, seed, **options), fading.noise(seed, steps, count, size)
        fades = fading.gradients(made, inputs, seed).survival
        found.append(rounded(fades.median[list(fading.LAGS)]))
        halves.append(fades.half_life if fades.half_life < 1e6 else float("inf"))  # more is rounding
    return {"survival": found, "half_life": rounded(halves)}


def measure_rnn(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Measure plain networks of every gain."""
    shape = (settings["seeds"], settings["steps"], settings["sequences"], settings["inputs"])
    return {str(gain): curves(cells.RNN(), *shape, gain=gain) for gain in settings["gains"]}


def measure_lstm(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Measure LSTMs of every forget bias."""
    shape = (settings["seeds"], settings["steps"], settings["sequences"], settings["inputs"])
    return {str(bias): curves(cells.LSTM(), *shape, forget_bias=bias) for bias in settings["forget_biases"]}


def measure_learning(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Train on the latest letter, from each seed: who learns it?"""
    made: dict[str, tuple[Cell, dict[str, Any]]] = {
        "RNN": (cells.RNN(), {}),
        "LSTM": (cells.LSTM(), {"forget_bias": 1.0}),
        "GRU": (cells.GRU(), {}),
    }
    found: dict[str, Any] = {}
    for name in settings["networks"]:
        cell, options = made[name]
        readers = [
            letters.learn(cell, settings["length"], seed, settings["most_steps"], **options)
            for seed in range(settings["seeds"])
        ]
        found[name] = letters.results(readers)
    return found


def draw(numbers: Numbers, figure: Figure) -> None:
    """Two panels of survival curves, on one logarithmic axis."""
    left, right = figure.subplots(1, 2, sharey=True)
    for gain, (color, at) in _GAINS.items():
        rest = np.array(fading.LAGS)
        left.plot(rest, gain**rest, color=color, linewidth=1, linestyle=(0, (2, 2)))
        _curve(left, numbers["rnn"][str(gain)]["survival"], f"gain {gain:g}", color, at)
    for bias, (color, at) in _BIASES.items():
        _curve(right, numbers["lstm"][str(bias)]["survival"], f"bias {bias:g}", color, at)
    left.set_title("plain RNN, tanh, by the gain of U")
    right.set_title("LSTM, by the forget gate's bias")
    left.set_ylabel("gradient left, of 1 at the last step")
    left.plot([], [], color=canvas.SOFT, label="while it reads noise")
    left.plot(
        [], [], color=canvas.SOFT, linewidth=1, linestyle=(0, (2, 2)), label="at rest: gain to the power k"
    )
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=2)
    for axes in (left, right):
        axes.set_yscale("log")
        axes.set_ylim(1e-13, 1e3)
        axes.set_xlim(0, 100)
        axes.set_xlabel("steps back from the last one, k")


def _curve(axes: Axes, rows: list[list[float | None]], words: str, color: str, at: int) -> None:
    seeds = np.array(rows, float)
    canvas.band(axes, fading.LAGS, seeds.min(axis=0), seeds.max(axis=0), color)
    curve = np.median(seeds, axis=0)
    axes.plot(fading.LAGS, curve, color=color)
    canvas.name_line(axes, at, curve[fading.LAGS.index(at)], words, color)


def tables(numbers: Numbers) -> dict[str, list[str]]:
    """Half-lives and what is left after 100 steps; who learnt the task."""
    rows: list[list[str]] = []
    for kind, label in (("rest", "RNN at rest, gain"), ("rnn", "RNN, gain"), ("lstm", "LSTM, forget bias")):
        for value, found in numbers[kind].items():
            left = [row[-1] for row in found["survival"]]
            rows.append(
                [f"{label} {float(value):g}", told(found["half_life"], never="does not fade"), told(left)]
            )
    return {
        "fading": table(["network, untrained", "gradient halves in, steps", "left after 100 steps"], rows),
        "learning": letters.learning_table("network", numbers["learning"]),
    }


_SHAPE = {"seeds": 10, "steps": 101, "sequences": 16}
CHAPTER = Chapter(
    name="vanishing-gradient",
    title="How much of a gradient is left k steps back, in plain networks and in LSTMs",
    about=(
        "Two panels with a logarithmic axis. Left: the gradient in a plain RNN that reads noise falls in a straight line "
        "at every gain from 0.5 to 1.2; at rest it follows the gain to the power k. Right: in an LSTM it falls at forget "
        "biases 0 and 1, and stays within a factor of about ten at 3."
    ),
    cells=[cells.RNN()],
    items={
        "rnn": Item({**_SHAPE, "inputs": 1.0, "gains": list(_GAINS)}, measure_rnn),
        "rest": Item({**_SHAPE, "seeds": 5, "inputs": 0.0, "gains": list(_GAINS)}, measure_rnn),
        "lstm": Item({**_SHAPE, "inputs": 1.0, "forget_biases": list(_BIASES)}, measure_lstm),
        "learning": Item(
            {"seeds": 5, "length": 100, "most_steps": 500, "networks": ["RNN", "LSTM", "GRU"]},
            measure_learning,
        ),
    },
    draw=draw,
    size=(7.2, 3.3),
    tables=tables,
)
