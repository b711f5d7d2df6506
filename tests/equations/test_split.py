"""The rules by which a step is decomposed: worked by hand, against their definitions, and on cells of random equations."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from peephole import cells
from peephole.equations import Cell, Expression, Step, log1p, maximum, relu, sigmoid, tanh, trace
from peephole.equations.evaluate import compute
from peephole.equations.functions import apply
from peephole.equations.split import Parts, linearised, split_plan, split_step
from support.cases import CELLS
from support.tame_cells import tame_cells
from support.tolerances import FLOAT64

H, K = 4, 3


def total(parts: Parts) -> Any:
    return sum(part for part in parts if part is not None)


def stepped(cell: Cell, inside: Any, rule: Any = "first", seed: int = 0, previous: Any = None):
    """One step of a cell of H units for K phrases with random weights, input parts and states: whole states, and their parts."""
    rng = np.random.default_rng(seed)
    weights: dict[Any, Any] = {}
    leaves: dict[str, Parts] = previous or {
        state: Parts(rng.normal(size=(K, H)), rng.normal(size=(K, H))) for state in cell.states
    }
    if previous is None:  # β and γ differ between phrases; what they add up to is one state
        for state in leaves:
            beta = leaves[state].beta
            leaves[state] = Parts(beta, rng.normal(size=H) - beta)

    def weight(kind: str, label: str) -> Any:
        shape = (H,) if kind in ("parameter", "bias", "bias'", "x") else (H, H)
        return weights.setdefault((kind, label), rng.normal(size=shape))

    def whole_leaf(node: Expression) -> Any:
        return (
            total(leaves[node.label])[0] if node.operation == "previous" else weight("parameter", node.label)
        )

    def whole_product(node: Expression, operand: Any) -> Any:
        if node.operation == "input":
            return weight("x", node.label) + weight("bias", node.label)
        made = np.broadcast_to(operand, H) @ weight(node.operation, node.label).T
        return made + weight("bias'", node.label) if node.operation == "recurrent" else made

    def leaf(node: Expression) -> Parts:
        if node.operation == "previous":
            return leaves[node.label]
        return Parts(bias=weight("parameter", node.label))

    def product(node: Expression, operand: Parts) -> Parts:
        if node.operation == "input":
            x = weight("x", node.label)
            return Parts(inside * x, (1 - inside) * x, weight("bias", node.label))
        matrix = weight(node.operation, node.label).T
        beta, gamma, bias = (
            None if part is None else np.broadcast_to(part, (K, H)) @ matrix for part in operand
        )
        if node.operation == "recurrent":
            own = weight("bias'", node.label)
            bias = own if bias is None else bias + own
        return Parts(beta, gamma, bias)

    plan = split_plan(cell)
    known: dict[Expression, Any] = {}
    compute([*plan.order, *trace(cell).values.values()], known, whole_leaf, whole_product)
    parts = split_step(plan, known.__getitem__, leaf, product, inside, rule)
    return {name: known[node] for name, node in plan.states.items()}, parts


def test_an_activation_by_hand() -> None:
    # relu, β = 3, γ = −1, bias 0: β adds 3 alone and 2 after γ; γ adds 0 alone and −1 after β.
    assert linearised("relu", Parts(3.0, -1.0, 0.0), 2.0) == Parts(2.5, -0.5, 0.0)
    # tanh, β = 1, γ = −2, bias 3: the bias comes first and keeps tanh 3.
    found = linearised("tanh", Parts(1.0, -2.0, 3.0), math.tanh(2))
    first, last = math.tanh(4) - math.tanh(3), math.tanh(2) - math.tanh(1)
    assert found.beta == pytest.approx((first + last) / 2, abs=1e-15)
    assert found.bias == pytest.approx(math.tanh(3), abs=1e-15)
    # A sigmoid of nothing is ½, which belongs to nobody but the bias.
    assert linearised("sigmoid", Parts(None, None, None), 0.5).bias == 0.5
    assert linearised("sigmoid", Parts(1.0, None, None), sigmoid(1.0)) == Parts(sigmoid(1.0) - 0.5, None, 0.5)
    assert linearised("sigmoid", Parts(None, 1.0, None), sigmoid(1.0)) == Parts(None, sigmoid(1.0) - 0.5, 0.5)


@pytest.mark.parametrize("operation", ["sigmoid", "tanh", "relu", "exp", "abs"])
@pytest.mark.parametrize("parts", [(0.7, -1.3, 0.4), (-0.2, 0.5, -2.0), (1.5, 2.5, 0.0)], ids=str)
def test_an_activation_against_its_definition(operation: str, parts: tuple[float, float, float]) -> None:
    """The mean over orders of what each part adds: two orders with the bias first, or all six."""

    def mean(orders: list[tuple[int, ...]]) -> list[float]:
        shares = [0.0, 0.0, 0.0]
        for order in orders:
            so_far = 0.0
            for player in order:
                shares[player] += (apply(operation, so_far + parts[player]) - apply(operation, so_far)) / len(
                    orders
                )
                so_far += parts[player]
        shares[2] += apply(operation, 0.0)
        return shares

    whole = apply(operation, sum(parts))
    first = linearised(operation, Parts(*parts), whole)
    np.testing.assert_allclose(first, mean([(2, 0, 1), (2, 1, 0)]), **FLOAT64)
    free = linearised(operation, Parts(*parts), whole, "free")
    np.testing.assert_allclose(free, mean(list(itertools.permutations(range(3)))), **FLOAT64)


@pytest.mark.parametrize("rule", ["first", "free"])
@pytest.mark.parametrize("cell", [*CELLS, *tame_cells(1, 6), *tame_cells(2, 4), *tame_cells(3, 2)], ids=repr)
def test_the_parts_of_every_state_add_up_to_it(cell: Cell, rule: Any) -> None:
    inside = np.array([[1.0], [0.0], [1.0]])
    whole, parts = stepped(cell, inside, rule)
    for state, value in whole.items():
        assert parts[state].bias is None
        np.testing.assert_allclose(total(parts[state]), np.broadcast_to(value, (K, H)), **FLOAT64)


@pytest.mark.parametrize("rule", ["first", "free"])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_a_phrase_that_is_everything_leaves_no_rest(cell: Cell, rule: Any) -> None:
    rng = np.random.default_rng(1)
    state = rng.normal(size=H)
    everything = {name: Parts(np.tile(state, (K, 1)), np.zeros((K, H))) for name in cell.states}
    whole, parts = stepped(cell, np.ones((K, 1)), rule, previous=everything)
    for name, value in whole.items():
        np.testing.assert_allclose(parts[name].beta, np.tile(value, (K, 1)), **FLOAT64)
        np.testing.assert_allclose(parts[name].gamma, 0.0, **FLOAT64)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_a_phrase_that_is_nothing_gets_nothing(cell: Cell) -> None:
    rng = np.random.default_rng(1)
    nothing = {name: Parts(np.zeros((K, H)), np.tile(rng.normal(size=H), (K, 1))) for name in cell.states}
    _, parts = stepped(cell, np.zeros((K, 1)), previous=nothing)
    for name in cell.states:
        np.testing.assert_allclose(parts[name].beta, 0.0, **FLOAT64)


def test_what_is_taken_as_the_number_it_is() -> None:
    def given(cell: Cell) -> set[str]:
        plan = split_plan(cell)
        return {name for name, node in trace(cell).values.items() if node in plan.given}

    assert given(cells.LSTM()) == {"o"}
    assert given(cells.PeepholeLSTM()) == given(cells.PeepholeLSTM("full", "previous")) == {"o"}
    assert given(cells.CoupledLSTM()) == {"o"}
    assert given(cells.GRU()) == given(cells.GRU("before")) == given(cells.RNN()) == set()
    assert "o" not in split_plan(cells.LSTM()).gates_of("recurrent")  # whose products are not taken


class Rules(Cell):
    """One operation at a time, on the input a (β or γ) and the previous states."""

    gates, states = ("a",), ("h",)
    operation: Any

    @property
    def options(self):
        return {"operation": self.operation}

    def __init__(self, operation: Any) -> None:
        self.operation = operation

    def step(self, pre, prev):
        return Step(h=self.operation(pre.x.a, prev.h))


def rule(operation: Any, x: Parts, y: Parts) -> Parts:
    """The parts of operation(x, y) for numbers, before they are settled on a phrase."""
    cell = Rules(operation)
    plan = split_plan(cell)
    known: dict[Expression, Any] = {}
    compute(plan.order, known, lambda node: total(y), lambda node, operand: total(x))
    outside = split_step(plan, known.__getitem__, lambda node: y, lambda node, operand: x, 0.0)["h"]
    inside = split_step(plan, known.__getitem__, lambda node: y, lambda node, operand: x, 1.0)["h"]
    assert total(outside) == pytest.approx(known[plan.states["h"]], abs=1e-12)
    return Parts(outside.beta, inside.gamma, (inside.beta or 0.0) - (outside.beta or 0.0))


def test_each_operation_by_hand() -> None:
    x, y = Parts(2.0, 3.0, 5.0), Parts(7.0, 11.0, 13.0)
    assert rule(lambda x, y: x + y, x, y) == Parts(9.0, 14.0, 18.0)
    assert rule(lambda x, y: x - y, x, y) == Parts(-5.0, -8.0, -8.0)
    assert rule(lambda x, y: -x + 0 * y, x, y) == Parts(-2.0, -3.0, -5.0)
    # β·β + β·b + b·β = 14 + 26 + 35, b·b = 65; all else of 10 · 31 has a factor γ
    assert rule(lambda x, y: x * y, x, y) == Parts(75.0, 310.0 - 75.0 - 65.0, 65.0)
    assert rule(lambda x, y: 2.0 * x + 1.0 + 0 * y, x, y) == Parts(4.0, 6.0, 11.0)
    assert rule(lambda x, y: y / x, Parts(1.0, 1.0, 2.0), Parts(4.0, 8.0, 12.0)) == Parts(1.0, 2.0, 3.0)
    assert rule(maximum, x, y) == y
    assert rule(lambda x, y: -maximum(-x, -y), x, y) == x
    found = rule(lambda x, y: log1p(relu(x)) + 0 * y, Parts(4.0, -2.0, -1.0), y)
    # relu keeps 1 of it: the bias alone gives 0, β 3 alone and 1 after γ, γ 0 and −2; log1p scales all by ln 2
    np.testing.assert_allclose(found, np.array([2.0, -1.0, 0.0]) * math.log(2), **FLOAT64)


def test_partial_sums_outside_of_a_logarithm_do_no_harm() -> None:
    found = rule(lambda x, y: log1p(x) + 0 * y, Parts(-5.0, 5.5, 0.0), Parts(0.0, 0.0, 0.0))
    np.testing.assert_allclose(found[:2], np.array([-5.0, 5.5]) * math.log(1.5) / 0.5, **FLOAT64)
    nothing = rule(lambda x, y: log1p(x) + 0 * y, Parts(-1.0, 1.0, 0.0), Parts(0.0, 0.0, 0.0))
    assert nothing[:2] == (-1.0, 1.0)


def test_a_step_of_an_rnn_by_hand() -> None:
    cell = cells.RNN()
    plan = split_plan(cell)
    a, x, h = 0.3, 0.7, -0.4  # bias, input, previous state with β = 1, γ = −1.4; U = 1, b' = 0
    whole = math.tanh(a + x + h)
    node = {n.operation: n for n in plan.order}
    known = {
        node["input"]: a + x,
        node["previous"]: h,
        node["recurrent"]: h,
        node["add"]: a + x + h,
        node["tanh"]: whole,
    }
    (found,) = split_step(
        plan, known.__getitem__, lambda _: Parts(1.0, -1.4),
        lambda n, v: Parts(0.0, x, a) if n.operation == "input" else v, 0.0,
    ).values()  # fmt: skip
    beta = (math.tanh(a + 1.0) - math.tanh(a) + whole - math.tanh(a + x - 1.4)) / 2
    assert found.beta == pytest.approx(beta, abs=1e-15)
    assert found.gamma == pytest.approx(whole - beta, abs=1e-15)
    assert tanh(a) != 0  # which went to γ: the step is not in the phrase
