"""Contextual decomposition of one step, for any cell: what of its states comes of a phrase, and what of everything else.

Every value of the equations is a sum of three parts: β of the phrase, γ of the rest, and what biases and constants give by
themselves. The rules are those of Murdoch, Liu & Yu (ICLR 2018), written once for the operations of the language instead of once
for each cell:

    products        act on each part; the bias vector joins the bias part
    + − and sign    act on each part
    a · b           a factor γ makes γ; β with β or with a bias makes β; bias with bias stays bias
    activations     are shared out among the parts by `linearised`
    a / b           b is taken as the number that it is
    minimum, maximum  the parts of the operand that wins, unit by unit
    log1p           every part is scaled alike: partial sums may lie below −1, where it is not defined
    a new state     its bias part goes to β at a step of the phrase, to γ at any other

In a cell with a state beside h, a named value that within the step only h depends on is taken as the number that it is: the
output gate of an LSTM, which decides how much of the conveyor is shown. The paper does not decompose it either.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import numpy as np

from peephole.equations.cell import Cell
from peephole.equations.expression import LEAVES, PRODUCTS, Expression
from peephole.equations.functions import Value, apply
from peephole.equations.trace import trace
from peephole.equations.walk import below

# Where the bias stands among the parts that an activation is shared out to: fixed first, or in any place alike.
BiasRule = Literal["first", "free"]


class Parts(NamedTuple):
    """A value as a sum of three; None is nothing at all.

    Attributes:
        beta: of the phrase.
        gamma: of the rest of the text.
        bias: of biases and constants alone.
    """

    beta: Value | None = None
    gamma: Value | None = None
    bias: Value | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class SplitPlan:
    """What a step's decomposition has to compute.

    Attributes:
        states: state → its node.
        order: the nodes that the states are made of, each after its operands.
        given: those that are taken as the numbers they are; what is below them is not in `order`.
    """

    states: Mapping[str, Expression]
    order: tuple[Expression, ...]
    given: frozenset[Expression]

    def gates_of(self, operation: str) -> list[str]:
        """Return the labels of the products of a kind that are computed, such as the gates of ``"input"``."""
        return list(dict.fromkeys(node.label for node in self.order if node.operation == operation))


@functools.lru_cache(maxsize=256)
def split_plan(cell: Cell) -> SplitPlan:
    """Return what a cell's decomposition has to compute.

    Example:
        >>> from peephole import cells
        >>> sorted(split_plan(cells.LSTM()).gates_of("input"))  # o is taken as it is
        ['f', 'g', 'i']
    """
    traced = trace(cell)
    states = {name: traced.values[name] for name in traced.states}
    carried = [node for name, node in states.items() if name != "h"] or [states["h"]]
    inside = set(below(carried))
    named = (node for name, node in traced.values.items() if name not in states)
    given = frozenset(node for node in named if node not in inside and node.operands)
    return SplitPlan(states, tuple(below(states.values(), given.__contains__)), given)


def split_step(
    plan: SplitPlan,
    whole: Callable[[Expression], Value],
    leaf: Callable[[Expression], Parts],
    product: Callable[[Expression, Parts], Parts],
    inside: Value,
    rule: BiasRule = "first",
) -> dict[str, Parts]:
    """Decompose one step.

    Args:
        plan: of the cell.
        whole: the value of a node as it was in the run, `[H]`.
        leaf: the parts of a ``previous`` or ``parameter`` leaf, `[K, H]` for K phrases, or what broadcasts to it.
        product: the parts of an ``input``, ``recurrent`` or ``matrix`` node from those of its operand.
        inside: `[K, 1]`, 1 where the step belongs to the phrase, else 0.
        rule: how `linearised` treats the bias.

    Returns:
        state → its parts after the step; no bias part is left.
    """
    states = set(plan.states.values())
    known: dict[Expression, Parts] = {}
    for node in plan.order:
        operands = [known[operand] for operand in node.operands if operand in known]
        if node in plan.given:
            parts = Parts(bias=whole(node))
        elif node.operation == "constant":
            parts = Parts(bias=node.number)
        elif node.operation in PRODUCTS:
            parts = product(node, operands[0] if operands else Parts())
        elif node.operation in LEAVES:
            parts = leaf(node)
        else:
            parts = _pointwise(node, operands, whole, rule)
        known[node] = _settled(parts, inside) if node in states else parts
    return {name: known[node] for name, node in plan.states.items()}


def linearised(operation: str, parts: Parts, whole: Value, rule: BiasRule = "first") -> Parts:
    """Share out an activation's value among the parts of what it is applied to: they add up to `whole`.

    β's share is the mean of what it adds over the orders in which the parts can come in. ``"first"``: the bias comes in before
    the others, so there are two orders (Murdoch, Liu & Yu 2018, eq. 12, with the bias fixed as they do); ``"free"``: all six,
    the Shapley value of three players. What the activation gives at 0 is the bias's.

    Args:
        operation: the activation's name.
        parts: of its operand.
        whole: its value.
        rule: the orders.

    Example:
        >>> linearised("relu", Parts(3.0, -1.0, 0.0), 2.0)
        Parts(beta=2.5, gamma=-0.5, bias=0.0)
    """
    beta, gamma, bias = parts
    at_bias = apply(operation, 0.0 if bias is None else bias)
    if beta is None and gamma is None:
        return Parts(bias=whole)
    if rule == "free" and bias is not None:
        return _freely(operation, parts, whole)
    if beta is None or gamma is None:
        change = whole - at_bias
        return Parts(None, change, at_bias) if beta is None else Parts(change, None, at_bias)
    with_beta = apply(operation, beta if bias is None else beta + bias)
    with_gamma = apply(operation, gamma if bias is None else gamma + bias)
    half_sum, half_difference = 0.5 * (whole - at_bias), 0.5 * (with_beta - with_gamma)
    return Parts(half_sum + half_difference, half_sum - half_difference, at_bias)


def _freely(operation: str, parts: Parts, whole: Value) -> Parts:
    b, g, c = (0.0 if part is None else part for part in parts)
    nothing = apply(operation, 0.0)
    f_b, f_g, f_c = (apply(operation, part) for part in (b, g, c))
    f_bg, f_bc, f_gc = apply(operation, b + g), apply(operation, b + c), apply(operation, g + c)
    beta = (f_b - nothing + whole - f_gc) / 3 + (f_bg - f_g + f_bc - f_c) / 6
    gamma = (f_g - nothing + whole - f_bc) / 3 + (f_bg - f_b + f_gc - f_c) / 6
    return Parts(
        None if parts.beta is None else beta, None if parts.gamma is None else gamma, whole - beta - gamma
    )


def _pointwise(
    node: Expression, operands: list[Parts], whole: Callable[[Expression], Value], rule: BiasRule
) -> Parts:
    first = operands[0]
    if node.operation == "negate":
        return Parts(*(None if part is None else -part for part in first))
    if node.operation == "add":
        return Parts(*(plus(a, b) for a, b in zip(first, operands[1], strict=True)))
    if node.operation == "subtract":
        return Parts(*(plus(a, None if b is None else -b) for a, b in zip(first, operands[1], strict=True)))
    if node.operation == "multiply":
        return _multiplied(first, operands[1], whole(node.operands[1]))
    if node.operation == "divide":
        return _scaled(first, 1.0 / whole(node.operands[1]))
    if node.operation in ("minimum", "maximum"):
        x, y = (whole(operand) for operand in node.operands)
        wins = x <= y if node.operation == "minimum" else x >= y
        return Parts(*(_chosen(wins, a, b) for a, b in zip(first, operands[1], strict=True)))
    if node.operation == "log1p":
        x, y = whole(node.operands[0]), whole(node)
        nonzero = x != 0
        return _scaled(first, np.where(nonzero, y / np.where(nonzero, x, 1.0), 1.0))
    return linearised(node.operation, first, whole(node), rule)


def _multiplied(x: Parts, y: Parts, whole_y: Value) -> Parts:
    """(β, γ, b) times (β, γ, b): whatever has a factor γ is γ."""
    without = times(x.beta, plus(y.beta, y.bias))
    beta = plus(without, times(x.bias, y.beta))
    gamma = plus(times(x.gamma, whole_y), times(plus(x.beta, x.bias), y.gamma))
    return Parts(beta, gamma, times(x.bias, y.bias))


def _scaled(parts: Parts, factor: Value) -> Parts:
    return Parts(*(times(part, factor) for part in parts))


def _chosen(wins: Value, a: Value | None, b: Value | None) -> Value | None:
    return (
        None if a is None and b is None else np.where(wins, 0.0 if a is None else a, 0.0 if b is None else b)
    )


def _settled(parts: Parts, inside: Value) -> Parts:
    """The parts of a new state: its bias part belongs to whoever the step belongs to."""
    if parts.bias is None:
        return parts
    within = inside * parts.bias
    return Parts(plus(parts.beta, within), plus(parts.gamma, parts.bias - within))


def plus(a: Value | None, b: Value | None) -> Value | None:
    """Add two values, either of which may be nothing."""
    return b if a is None else a if b is None else a + b


def times(a: Value | None, b: Value | None) -> Value | None:
    """Multiply two values; nothing times anything is nothing."""
    return None if a is None or b is None else a * b
