"""The language of cells: what can be written, what it traces to, and what is refused with its line."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from peephole import cells
from peephole.equations import (
    Cell,
    Matrix,
    Step,
    exp,
    log1p,
    maximum,
    minimum,
    relu,
    sigmoid,
    tanh,
    trace,
)
from peephole.errors import EquationError, OptionError

ALL = [
    cells.RNN(),
    cells.RNN("relu"),
    cells.LSTM(),
    cells.PeepholeLSTM(),
    cells.PeepholeLSTM("full"),
    cells.PeepholeLSTM(output_peephole="previous"),
    cells.PeepholeLSTM("full", "previous"),
    cells.GRU(),
    cells.GRU("before"),
    cells.CoupledLSTM(),
]

FUNCTIONS = {
    sigmoid: lambda x: 1 / (1 + math.exp(-x)),
    tanh: math.tanh,
    relu: lambda x: max(x, 0.0),
    exp: math.exp,
    log1p: math.log1p,
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("x", [-0.75, 0.0, 1e-9, 3.0])
def test_functions_agree_on_numbers_arrays_and_tensors(function, x: float) -> None:
    expected = FUNCTIONS[function](x)
    assert function(x) == pytest.approx(expected, rel=1e-15)
    assert isinstance(function(x), float)
    assert float(function(np.array(x))) == pytest.approx(expected, rel=1e-15)
    assert float(function(torch.tensor(x, dtype=torch.float64))) == pytest.approx(expected, rel=1e-15)


def test_functions_keep_the_dtype_of_arrays() -> None:
    for function in FUNCTIONS:
        assert function(np.ones(2, np.float32)).dtype == np.float32
        assert function(torch.ones(2, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_sigmoid_has_exact_limits_and_keeps_nan() -> None:
    x = np.array([-np.inf, -800.0, 800.0, np.inf, np.nan], np.float32)
    assert sigmoid(x)[:4].tolist() == [0.0, 0.0, 1.0, 1.0]
    assert np.isnan(sigmoid(x)[4])
    assert sigmoid(-800.0) == 0.0
    assert sigmoid(800.0) == 1.0


def test_minimum_and_maximum_take_numbers_on_either_side() -> None:
    t = torch.tensor([-1.0, 2.0])
    assert minimum(t, 0.5).tolist() == [-1.0, 0.5]
    assert maximum(0.5, t).tolist() == [0.5, 2.0]
    assert maximum(np.array([-1.0, 2.0]), 0.5).tolist() == [0.5, 2.0]


@pytest.mark.parametrize("cell", ALL, ids=repr)
def test_trace_names_every_state_and_gate(cell: Cell) -> None:
    values = trace(cell).values
    assert set(cell.states) <= set(values)
    nodes = trace(cell).nodes()
    assert len(nodes) == len(set(map(id, nodes)))
    seen: set[int] = set()
    for node in nodes:  # operands come first
        assert all(id(operand) in seen for operand in node.operands)
        seen.add(id(node))


@pytest.mark.parametrize(
    ("cell", "phases"),
    [
        (cells.LSTM(), 1),
        (cells.PeepholeLSTM(), 1),
        (cells.PeepholeLSTM("full", "previous"), 1),
        (cells.PeepholeLSTM("full"), 2),  # the output gate's product needs the new cell state
        (cells.GRU(), 1),
        (cells.GRU("before"), 2),
    ],
    ids=repr,
)
def test_phases_count_products_of_computed_values(cell: Cell, phases: int) -> None:
    assert trace(cell).phases == phases


@pytest.mark.parametrize("cell", ALL, ids=repr)
def test_h_can_be_projected_where_it_enters_products_only(cell: Cell) -> None:
    assert cell.projectable == (cell.name != "gru")


@pytest.mark.parametrize("cell", ALL, ids=repr)
def test_cells_are_values(cell: Cell) -> None:
    again = cells.make(cell.name, **cell.options)
    assert again == cell
    assert hash(again) == hash(cell)
    assert trace(again) is trace(cell)
    assert cell != cells.RNN("relu") or cell.options == {"nonlinearity": "relu"}


def test_parameter_shapes() -> None:
    assert cells.PeepholeLSTM().parameter_shapes(5) == {"weight_ch": (3, 5)}
    assert cells.PeepholeLSTM("full").parameter_shapes(5) == {"weight_ch": (15, 5)}
    assert cells.LSTM().parameter_shapes(5) == {}


def test_a_users_plain_class_is_a_cell() -> None:
    class Leaky(Cell):
        gates, states = ("a",), ("h",)

        def step(self, pre, prev):
            return Step(h=0.9 * prev.h + 0.1 * tanh(pre.a))

    assert Leaky().values == ("h",)
    assert Leaky() == Leaky()
    assert not Leaky().projectable


def step_of(body):
    class Broken(Cell):
        gates, states = ("a",), ("h",)

        def step(self, pre, prev):
            return body(pre, prev)

    return Broken()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (lambda pre, prev: Step(h=pre.a**2), r"the power \*\*"),
        (lambda pre, prev: Step(h=np.sin(pre.a)), r"numpy\.sin"),
        (lambda pre, prev: Step(h=torch.sin(pre.a)), r"torch\.sin"),
        (lambda pre, prev: Step(h=pre.a if pre.a > 0 else prev.h), r"the comparison >"),
        (lambda pre, prev: Step(h=pre.a and prev.h), r"a decision on a value"),
        (lambda pre, prev: Step(h=pre.a @ prev.h), r"the product @"),
        (lambda pre, prev: Step(h=pre.a[0]), r"indexing"),
        (lambda pre, prev: Step(h=float(pre.a)), r"float\(\)"),
        (lambda pre, prev: Step(h=pre.a + "1"), r"a value of type str"),
        (lambda pre, prev: Step(h=pre.b), r"no gate 'b'; its gates are a"),
        (lambda pre, prev: Step(h=prev.c), r"no state 'c'; there are: h"),
        (lambda pre, prev: Step(c=pre.a), r"must name every state; it misses h"),
        (lambda pre, prev: pre.a, r"must return a Step; got Expression"),
    ],
)
def test_what_the_language_has_not_is_refused(body, words: str) -> None:
    with pytest.raises(EquationError, match=words):
        trace(step_of(body))


def test_a_refusal_names_the_line() -> None:
    class Broken(Cell):
        gates, states = ("a",), ("h",)

        def step(self, pre, prev):
            h = pre.a % 2  # this line
            return Step(h=h)

    with pytest.raises(
        EquationError, match=r"test_language\.py, line \d+: the remainder % .*h = pre\.a % 2  # this line"
    ):
        trace(Broken())


def test_a_matrix_is_not_multiplied_unit_by_unit() -> None:
    class Broken(Cell):
        gates, states = ("a",), ("h",)

        @property
        def parameters(self):
            return {"weight_ph": Matrix(("a",))}

        def step(self, pre, prev, own):
            return Step(h=pre.a + own.weight_ph.a * prev.h)

    with pytest.raises(EquationError, match=r"use @, or declare a Vector"):
        trace(Broken())


def test_a_cell_must_name_gates_and_states() -> None:
    class NoGates(Cell):
        states = ("h",)

    class WrongFirst(Cell):
        gates, states = ("a",), ("c", "h")

    class Clash(Cell):
        gates, states = ("x",), ("h",)

    for kind, words in [
        (NoGates, "must name its gates"),
        (WrongFirst, "first state must be 'h'"),
        (Clash, "not names for gates"),
    ]:
        with pytest.raises(EquationError, match=words):
            trace(kind())


def test_options_are_checked_and_the_nearest_is_offered() -> None:
    with pytest.raises(
        OptionError,
        match=r"GRU: reset must be one of 'after', 'before'; got 'befor' \(did you mean 'before'\?\)",
    ):
        cells.GRU("befor")
    with pytest.raises(OptionError, match=r"no cell is named 'gruu' \(did you mean 'gru'\?\)"):
        cells.make("gruu")
    with pytest.raises(OptionError, match=r"has no option 'peephol' \(did you mean 'peephole'\?\)"):
        cells.make("peephole-lstm", peephol="full")


def test_options_survive_replace() -> None:
    assert dataclasses.replace(cells.GRU(), reset="before") == cells.GRU("before")


def test_what_a_cell_depends_on_must_be_an_option() -> None:
    class Scaled(Cell):
        gates, states = ("a",), ("h",)

        def __init__(self, k: float) -> None:
            self.k = k

        def step(self, pre, prev):
            return Step(h=self.k * tanh(pre.a))

    @dataclasses.dataclass(frozen=True)
    class Declared(Cell):
        gates, states = ("a",), ("h",)
        k: float = 1.0

        def step(self, pre, prev):
            return Step(h=self.k * tanh(pre.a))

    with pytest.raises(
        EquationError, match=r"must be an option, a field of a frozen dataclass; got the attributes \['k'\]"
    ):
        trace(Scaled(5.0))
    assert trace(Declared(5.0)) is not trace(Declared(1.0))
    assert repr(trace(Declared(5.0)).values["h"]).startswith("5 ·")
