"""One step of each cell, worked by hand.

The pre-activations are chosen so that every activation is a fraction:

    σ(ln 3) = 3/4    σ(−ln 3) = 1/4    σ(0) = 1/2    tanh(½ ln 3) = 1/2    tanh(ln 2) = 3/5

With one unit, one input x = 1, h_prev = 1, all input weights zero and b' = 0 where not stated, the pre-activation of a gate is
b + U h_prev; U = 1 and b = wanted − 1 makes it what is wanted.
"""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch

from peephole import cells
from peephole.equations import Cell
from peephole.ops import run

LN2, LN3 = log(2.0), log(3.0)

CASES: dict[str, tuple[Cell, list[float], dict[str, list[float]], dict[str, float], dict[str, float]]] = {
    # name: cell, wanted pre-activations by gate (before peepholes), own parameters, previous states, values after the step
    "RNN tanh": (cells.RNN(), [LN2], {}, {"h": 1.0}, {"h": 0.6}),
    "RNN relu, open": (cells.RNN("relu"), [2.5], {}, {"h": 1.0}, {"h": 2.5}),
    "RNN relu, shut": (cells.RNN("relu"), [-2.5], {}, {"h": 1.0}, {"h": 0.0}),
    # c = 1/4 · 4 (ln 2 − 3/8) + 3/4 · 1/2 = ln 2; h = 3/4 · 3/5
    "LSTM": (
        cells.LSTM(),
        [LN3, -LN3, LN3 / 2, LN3],
        {},
        {"h": 1.0, "c": 4 * (LN2 - 0.375)},
        {"i": 0.75, "f": 0.25, "g": 0.5, "o": 0.75, "c": LN2, "h": 0.45},
    ),
    # c_prev = 2: i sees ln 3 − 2 · 1 + 1 · 2, f sees −ln 3 + 4 − 2 · 2; c = 1/4 · 2 + 3/4 · 1/2 = 7/8;
    # o sees 0 + 8/7 ln 3 · 7/8 = ln 3 of the new cell; h = 3/4 tanh(7/8)
    "PeepholeLSTM": (
        cells.PeepholeLSTM(),
        [LN3 - 2.0, 4.0 - LN3, LN3 / 2, 0.0],
        {"weight_ch": [1.0, -2.0, LN3 * 8 / 7]},
        {"h": 1.0, "c": 2.0},
        {"i": 0.75, "f": 0.25, "g": 0.5, "c": 0.875, "o": 0.75, "h": 0.75 * np.tanh(0.875)},
    ),
    # the same, but o sees ½ ln 3 · 2 = ln 3 of the cell before the step
    "PeepholeLSTM, previous": (
        cells.PeepholeLSTM(output_peephole="previous"),
        [LN3 - 2.0, 4.0 - LN3, LN3 / 2, 0.0],
        {"weight_ch": [1.0, -2.0, LN3 / 2]},
        {"h": 1.0, "c": 2.0},
        {"i": 0.75, "f": 0.25, "g": 0.5, "c": 0.875, "o": 0.75, "h": 0.75 * np.tanh(0.875)},
    ),
    # with one unit a full peephole is a diagonal one
    "PeepholeLSTM, full": (
        cells.PeepholeLSTM(peephole="full"),
        [LN3 - 2.0, 4.0 - LN3, LN3 / 2, 0.0],
        {"weight_ch": [1.0, -2.0, LN3 * 8 / 7]},
        {"h": 1.0, "c": 2.0},
        {"i": 0.75, "f": 0.25, "g": 0.5, "c": 0.875, "o": 0.75, "h": 0.75 * np.tanh(0.875)},
    ),
    # i = 3/4, so f = 1/4; c = 1/4 · 4 (ln 2 − 3/8) + 3/4 · 1/2 = ln 2
    "CoupledLSTM": (
        cells.CoupledLSTM(),
        [LN3, LN3 / 2, LN3],
        {},
        {"h": 1.0, "c": 4 * (LN2 - 0.375)},
        {"i": 0.75, "f": 0.25, "g": 0.5, "o": 0.75, "c": LN2, "h": 0.45},
    ),
}

# The candidate of a GRU is given by its halves: W_n x + b_n = 1, b'_n = b, U_n = u, h_prev = 1, r = 3/4.
#   after:  n = tanh(1 + 3/4 (u + b)) = 3/5  for  u = 2, b = 4/3 (ln 2 − 1) − 2
#   before: n = tanh(1 + u · 3/4 + b) = 3/5  for  u = 4, b = ln 2 − 4
# z = 1/4 keeps a quarter: h = 3/4 · 3/5 + 1/4 · 1 = 7/10
GRU_CASES = {
    "after": (2.0, (LN2 - 1) * 4 / 3 - 2.0),
    "before": (4.0, LN2 - 4.0),
}


def as_kind(array: object, kind: str) -> object:
    return (
        np.asarray(array, dtype=np.float64) if kind == "numpy" else torch.tensor(array, dtype=torch.float64)
    )


def run_one(
    cell: Cell, kind: str, weights: dict[str, object], previous: dict[str, float], clamp: bool
) -> dict[str, float]:
    state = {name: as_kind([[value]], kind) for name, value in previous.items()}
    made = {name: as_kind(value, kind) for name, value in weights.items()}
    # Holding h at what it is anyway goes through the evaluator of the traced graph instead of through `step`.
    held = {}
    if clamp:
        plain = run(cell, as_kind([[1.0]], kind), [1], made, state, backend="reference")
        held = {"h": plain.rows}
    out = run(
        cell, as_kind([[1.0]], kind), [1], made, state, backend="reference", save=cell.values, clamp=held
    )
    return {name: float(value[0, 0]) for name, value in out.saved.items()}


@pytest.mark.parametrize("clamp", [False, True], ids=["step", "graph"])
@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("case", CASES)
def test_one_step_gives_the_numbers_worked_by_hand(case: str, kind: str, clamp: bool) -> None:
    cell, wanted, own, previous, expected = CASES[case]
    gates = len(cell.gates)
    weights: dict[str, object] = {
        "weight_ih": np.zeros((gates, 1)),
        "weight_hh": np.ones((gates, 1)),
        "bias_ih": np.array(wanted) - 1.0,
        "bias_hh": np.zeros(gates),
    }
    for name, values in own.items():
        weights[name] = np.array(values).reshape(3, 1)
    actual = run_one(cell, kind, weights, previous, clamp)
    assert actual == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("clamp", [False, True], ids=["step", "graph"])
@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("reset", GRU_CASES)
def test_one_step_of_a_gru_gives_the_numbers_worked_by_hand(reset: str, kind: str, clamp: bool) -> None:
    u, b = GRU_CASES[reset]
    weights: dict[str, object] = {
        "weight_ih": np.zeros((3, 1)),
        "weight_hh": np.array([[1.0], [1.0], [u]]),
        "bias_ih": np.array([LN3 - 1.0, -LN3 - 1.0, 1.0]),
        "bias_hh": np.array([0.0, 0.0, b]),
    }
    actual = run_one(cells.make("gru", reset=reset), kind, weights, {"h": 1.0}, clamp)
    assert actual == pytest.approx({"r": 0.75, "z": 0.25, "n": 0.6, "h": 0.7}, abs=1e-14)


def test_a_full_peephole_multiplies_from_the_left() -> None:
    # Two units, no input, no recurrence, no bias: i, f and o see P c_prev alone. c_prev = (ln 3, 0).
    # P_i = [[1, 0], [−1, 0]]: i sees (ln 3, −ln 3), so i = (3/4, 1/4); its transpose would give (σ(ln 3), σ(0)) = (3/4, 1/2).
    # P_f = 0: f = 1/2. g = tanh 0 = 0, so c = c_prev / 2 = (½ ln 3, 0).
    # P_o = [[0, 5], [2, 0]] sees the new cell: (0, ln 3), so o = (1/2, 3/4); h = (1/2 · tanh(½ ln 3), 0) = (1/4, 0).
    peepholes = np.array([[1, 0], [-1, 0], [0, 0], [0, 0], [0, 5], [2, 0]], dtype=float)
    for kind in ("numpy", "torch"):
        weights = {"weight_ih": np.zeros((8, 1)), "weight_hh": np.zeros((8, 2)), "weight_ch": peepholes}
        out = run(
            cells.PeepholeLSTM("full"),
            as_kind([[1.0]], kind),
            [1],
            {name: as_kind(value, kind) for name, value in weights.items()},
            {"h": as_kind([[1.0, 1.0]], kind), "c": as_kind([[LN3, 0.0]], kind)},
            save=("i", "o", "c", "h"),
        )
        found = {name: np.asarray(value)[0].tolist() for name, value in out.saved.items()}
        expected = {"i": [0.75, 0.25], "o": [0.5, 0.75], "c": [LN3 / 2, 0.0], "h": [0.25, 0.0]}
        for name, values in expected.items():
            assert found[name] == pytest.approx(values, abs=1e-14), name
