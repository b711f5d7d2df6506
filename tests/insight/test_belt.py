"""The conveyor, half-lives and openness, against numbers worked by hand and against the equations."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from tests.support.cases import CELLS
from tests.support.tolerances import FLOAT64

import peephole
from peephole import cells, nn
from peephole.equations import Cell, Step, sigmoid, tanh
from peephole.equations.conveyor import conveyor
from peephole.errors import EquationError
from peephole.insight import belts, clamp, gates_of, half_lives, openness, roles_of, trace
from peephole.insight.memory import half_life

LENGTHS = [3, 0, 6, 1]


def made(cell: Cell):
    torch.manual_seed(2)
    layer = nn.Recurrent(cell, 3, 5, num_layers=2, bidirectional=True, dtype=torch.float64)
    return trace(layer, torch.randn(6, 4, 3, dtype=torch.float64), lengths=LENGTHS)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_what_is_left_adds_up_to_the_final_state(cell: Cell) -> None:
    found = made(cell)
    for name, belt in belts(found).items():
        values = found[f"{name}.{belt.state}"]
        left = found.unpacked(belt.left)
        for n, length in enumerate(LENGTHS):
            last = values[0 if name.endswith("reverse") else length - 1, n] if length else np.zeros(5)
            np.testing.assert_allclose(left[:length, n].sum(axis=0) + belt.start_left[n], last, **FLOAT64)
            np.testing.assert_allclose(belt.final[n], last, **FLOAT64)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_keep_and_write_are_those_of_the_textbook(cell: Cell) -> None:
    found = made(cell)
    for name, belt in belts(found).items():
        v = {letter: found.rows(f"{name}.{letter}") for letter in cell.values}
        if isinstance(cell, cells.RNN):
            keep, write = 0 * v["h"], v["h"]
        elif isinstance(cell, cells.GRU):
            keep, write = v["z"], (1 - v["z"]) * v["n"]
        elif isinstance(cell, cells.CoupledLSTM):
            keep, write = 1 - v["i"], v["i"] * v["g"]
        else:
            keep, write = v["f"], v["i"] * v["g"]
        np.testing.assert_allclose(belt.keep, keep, **FLOAT64)
        np.testing.assert_allclose(belt.write, write, **FLOAT64)


def test_shares_by_hand() -> None:
    """Three steps that write 1 and keep a half: a quarter, a half and the whole are left."""
    layer = nn.LSTM(1, 1, dtype=torch.float64)
    held = {f"layer0.forward.{name}": value for name, value in {"f": 0.5, "i": 1.0, "g": 1.0}.items()}
    belt = belts(clamp(layer, torch.zeros(3, 1), held))["layer0.forward"]
    np.testing.assert_allclose(belt.left[:, 0], [0.25, 0.5, 1.0], **FLOAT64)
    np.testing.assert_allclose(belt.final, [[1.75]], **FLOAT64)
    assert half_lives(clamp(layer, torch.zeros(3, 1), held))["layer0.forward"].tolist() == [1.0]


def test_half_lives() -> None:
    keep = np.array([[0.5, 1.0, 0.0, 0.9], [0.5, 1.0, 0.9, 0.9]])
    np.testing.assert_allclose(half_life(keep), [1, math.inf, 0, math.log(0.5) / math.log(0.9)], **FLOAT64)
    assert np.isnan(half_life(keep[:0])).all()
    assert np.isnan(half_life(np.array([[np.nan, 0.5]]))).tolist() == [True, False]
    assert not half_lives(made(cells.RNN()))["layer1.reverse"].any()


def test_openness_counts_real_steps_alone() -> None:
    layer = nn.LSTM(1, 2, dtype=torch.float64)
    values = np.array([[0.95, 0.05], [0.5, 0.05], [0.95, 0.5], [0.05, 0.95]])
    x = torch.zeros(4, 1)
    found = openness(clamp(layer, x, {"layer0.forward.f": values}))["layer0.forward.f"]
    np.testing.assert_allclose(found.mean, values.mean(axis=0), **FLOAT64)
    assert found.open.tolist() == [0.5, 0.25]
    assert found.closed.tolist() == [0.25, 0.5]
    padded = openness(trace(layer, torch.zeros(9, 2, 1), lengths=[9, 2]))
    short = openness(trace(layer, torch.zeros(2, 1)))
    whole = openness(trace(layer, torch.zeros(9, 1)))
    expected = (9 * whole["layer0.forward.i"].mean + 2 * short["layer0.forward.i"].mean) / 11
    np.testing.assert_allclose(padded["layer0.forward.i"].mean, expected, **FLOAT64)


def test_gates_of_every_cell() -> None:
    assert [gates_of(cell) for cell in (cells.RNN(), cells.LSTM(), cells.GRU(), cells.CoupledLSTM())] == [
        (), ("i", "f", "o"), ("r", "z"), ("i", "f", "o"),
    ]  # fmt: skip


class Forgets(Cell):
    """A state kept by one less a gate, and one of another letter."""

    gates, states = ("z", "f", "n"), ("h",)

    def step(self, pre, prev):
        z, f = sigmoid(pre.z), sigmoid(pre.f)
        return Step(z=z, f=f, h=(1 - z) * prev.h + z * tanh(f * pre.n))


def test_a_gate_keeps_only_where_the_state_is_kept_by_it() -> None:
    assert roles_of(cells.LSTM()) == {"i": "write", "f": "keep", "o": "show"}
    assert roles_of(cells.GRU()) == {"r": "reset", "z": "keep"}
    assert roles_of(Forgets()) == {"z": "write", "f": "f"}


class Scaled(Cell):
    """A state kept by a gate that has no name."""

    gates, states = ("f", "n"), ("h",)

    def step(self, pre, prev):
        return Step(h=sigmoid(pre.f) * prev.h + tanh(pre.n))


class Squashed(Cell):
    """A state that goes through a function at each step."""

    gates, states = ("f", "n"), ("h",)

    def step(self, pre, prev):
        f = sigmoid(pre.f)
        return Step(h=tanh(f * prev.h + pre.n), f=f)


@dataclasses.dataclass(frozen=True)
class Leaky(Cell):
    """A leaky integrator: a constant keep."""

    gates, states = ("n",), ("h",)

    def step(self, pre, prev):
        return Step(h=0.75 * prev.h - tanh(pre.n) / 2)


@dataclasses.dataclass(frozen=True)
class Swinging(Cell):
    """A state that changes its sign: the conveyor on the right of a minus, and behind one."""

    gates, states = ("n",), ("h",)

    def step(self, pre, prev):
        return Step(h=tanh(pre.n) - (-prev.h / 2 + prev.h))


def test_a_negative_keep() -> None:
    torch.manual_seed(0)
    found = trace(nn.Recurrent(Swinging(), 3, 5, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64))
    belt = belts(found)["layer0.forward"]
    assert (belt.keep == -0.5).all()
    np.testing.assert_allclose(belt.left.sum(axis=0), found["layer0.forward.h"][-1], **FLOAT64)
    assert (half_lives(found)["layer0.forward"] == 1).all()


def test_cells_of_ones_own() -> None:
    assert conveyor(Leaky()).state == "h"
    assert not conveyor(Leaky()).named
    torch.manual_seed(0)
    found = trace(nn.Recurrent(Leaky(), 3, 5, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64))
    belt = belts(found)["layer0.forward"]
    assert (belt.keep == 0.75).all()
    np.testing.assert_allclose(belt.left.sum(axis=0), found["layer0.forward.h"][-1], **FLOAT64)
    layer = nn.Recurrent(Scaled(), 3, 5, dtype=torch.float64)
    with pytest.raises(EquationError, match="must be among the values that its Step names"):
        belts(trace(layer, torch.randn(6, 3, dtype=torch.float64)))
    with pytest.raises(EquationError, match="must enter the next one as a sum"):
        conveyor(Squashed())


def test_the_shipped_model() -> None:
    found = trace(peephole.load(), "The plot is thin, but the cast is warm.")
    for name, belt in belts(found).items():
        last = found[f"{name}.c"][0 if name.endswith("reverse") else -1]
        np.testing.assert_allclose(belt.left.sum(axis=0), last, **FLOAT64)
