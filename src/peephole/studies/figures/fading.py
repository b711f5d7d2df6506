"""Untrained layers, driven by noise: how their gradients fade, and what becomes of a value that is put into their state."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from peephole.equations import Cell
from peephole.equations.conveyor import conveyor
from peephole.insight import Survival, TrackGradients, highway, survival, trace
from peephole.nn import Recurrent
from peephole.ops import Sequences

Floats = npt.NDArray[np.floating[Any]]
D, H = 16, 64
LAGS = tuple(range(0, 101, 2))
_TRACK = "layer0.forward"


def layer(cell: Cell, seed: int, *, gain: float = 1.0, **options: Any) -> Recurrent:
    """Return a layer of 64 units with 16 inputs: orthogonal recurrent matrices, float64.

    Args:
        cell: the equations.
        seed: of the weights.
        gain: what the recurrent matrices are multiplied by: all their singular values.
        options: of `Recurrent`.

    Example:
        >>> from peephole import cells
        >>> weight = layer(cells.RNN(), 0, gain=0.5).weight_hh_l0
        >>> bool(torch.allclose(weight @ weight.T, 0.25 * torch.eye(H, dtype=torch.float64)))
        True
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = Recurrent(cell, D, H, init="orthogonal", dtype=torch.float64, **options)
    made.get_parameter("weight_hh_l0").data.mul_(gain)
    return made


def noise(seed: int, steps: int, count: int, size: float = 1.0) -> Floats:
    """Return inputs `[T, N, D]` of a normal distribution. At size 1 they move a unit's sum by about 0.6."""
    return size * np.random.default_rng([seed, 1]).standard_normal((steps, count, D))


def gradients(made: Recurrent, inputs: Floats, seed: int) -> TrackGradients:
    """Return the gradients of a number that reads the last h in a direction of chance, for each sequence."""
    directions = np.random.default_rng([seed, 2]).standard_normal((inputs.shape[1], H))
    return highway(trace(made, inputs), d_last={_TRACK: directions}).tracks[_TRACK]


def fading_in(made: Recurrent, inputs: Floats, seed: int) -> tuple[Survival, Survival]:
    """Return how the gradient in the conveyor's state fades: all of it, and its part along the conveyor alone."""
    found = gradients(made, inputs, seed)
    sequences = Sequences.from_lengths([len(inputs)] * inputs.shape[1])
    return survival(found.norms, sequences), survival(found.direct, sequences)


def disturbed(made: Recurrent, inputs: Floats, seed: int, size: float = 1e-3) -> tuple[Floats, Floats]:
    """Put a small value into the state and follow it: run twice on the same inputs, with it and without.

    Args:
        made: a layer.
        inputs: `[T, N, D]`.
        seed: of the value's direction, for each sequence.
        size: Euclidean norm of the value; small, so that what is seen is the derivative.

    Returns:
        Two arrays `[T + 1, N]`: how large the difference of the two runs' states is, as a multiple of `size`; and the cosine
        between it and the value that was put in, which is 1 as long as the value stays in the units it was put into.
    """
    rng = np.random.default_rng([seed, 3])
    state, states = conveyor(made.cell).state, made.cell.states
    count = inputs.shape[1]
    value = rng.standard_normal((1, count, H))
    value *= size / np.linalg.norm(value, axis=-1, keepdims=True)
    rest: dict[str, Floats] = {name: np.zeros((1, count, H)) for name in states}
    paths = [_path(made, inputs, rest, state), _path(made, inputs, {**rest, state: value}, state)]
    difference = paths[1] - paths[0]
    norms = np.linalg.norm(difference, axis=-1)
    along = (difference * value).sum(axis=-1) / size
    with np.errstate(invalid="ignore", divide="ignore"):
        return norms / size, np.where(norms > 0, along / norms, np.nan)


def _path(made: Recurrent, inputs: Floats, start: dict[str, Floats], state: str) -> Floats:
    """The state before the first step and after each: `[T + 1, N, H]`."""
    now = {name: torch.from_numpy(value) for name, value in start.items()}
    path = [start[state][0]]
    rows = torch.from_numpy(inputs)
    with torch.no_grad():
        for t in range(len(rows)):
            given = [now[name] for name in made.cell.states]
            _, after = made(rows[t : t + 1], tuple(given) if len(given) > 1 else given[0])
            found = after if isinstance(after, tuple) else (after,)
            now = dict(zip(made.cell.states, found, strict=True))
            path.append(now[state][0].numpy())
    return np.stack(path)
