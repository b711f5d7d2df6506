"""The backward pass of a cell, derived from its graph in reverse mode.

Each rule says what a node's gradient gives to its operands. A rule is written in terms of the node itself where that is
cheaper (a sigmoid's derivative is s · (1 − s)), and the backward pass is handed the named values of the step, so that it
recomputes little: `Derivative.saved` lists what it needs of the forward pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from peephole.equations.expression import ONE, PRODUCTS, ZERO, Expression
from peephole.equations.trace import Trace
from peephole.equations.walk import below

_KNOWN = ("constant", "previous", "parameter", "gradient")
HALF = Expression("constant", number=0.5)


@dataclasses.dataclass(frozen=True)
class Derivative:
    """Gradients of one step, as expressions.

    Their leaves are those of the forward graph and ``gradient`` leaves: ``gradient`` of a state is what later steps and the
    loss ask of it, ``gradient`` of an operand is what comes back through the products that it enters.

    Attributes:
        traced: the forward graph.
        saved: nodes of the forward graph that the backward pass is given, named values first.
        products: product node → gradient of its value; weights, inputs and previous states get theirs through it.
        previous: state → gradient of the state before the step, along pointwise paths only.
        parameters: label of a per-unit parameter → its gradient, still to be summed over rows.
        values: name → gradient of the named value, with everything that flows into it.
        operands: computed operand of products → its ``gradient`` leaf, in the order in which they become known.
    """

    traced: Trace
    saved: tuple[Expression, ...]
    products: dict[Expression, Expression]
    previous: dict[str, Expression]
    parameters: dict[str, Expression]
    values: dict[str, Expression]
    operands: dict[Expression, Expression]

    def phase_of(self, expression: Expression) -> int:
        """Products that must have been taken backwards before `expression` can be computed."""
        order = {leaf: k + 1 for k, leaf in enumerate(self.operands.values())}
        reached = below([expression], lambda node: node.operation in PRODUCTS)
        return max((order.get(leaf, 0) for leaf in reached), default=0)


def derivative(traced: Trace) -> Derivative:
    """Derive the backward pass of a traced cell.

    Example:
        >>> from peephole import cells
        >>> from peephole.equations import trace
        >>> d = derivative(trace(cells.LSTM()))
        >>> names = {node: name for name, node in d.traced.values.items()}
        >>> sorted(names[node] for node in d.saved)
        ['c', 'f', 'g', 'i', 'o']
    """
    parts: dict[Expression, list[Expression]] = {}
    for state in traced.states:
        parts.setdefault(traced.values[state], []).append(Expression("gradient", label=state))

    def give(node: Expression, gradient: Expression) -> None:
        if node.operation != "constant":
            parts.setdefault(node, []).append(gradient)

    total: dict[Expression, Expression] = {}
    operands: dict[Expression, Expression] = {}
    for node in reversed(traced.nodes()):
        if node in operands:  # every product of it has been seen by now
            give(node, operands[node])
        if node not in parts:
            continue
        total[node] = _sum(parts[node])
        if node.operation in ("recurrent", "matrix"):
            operand = node.operands[0]
            if operand.operation != "previous" and operand not in operands:
                operands[operand] = Expression("gradient", label=f"operand {len(operands)}")
        elif node.operation in _RULES:
            for operand, gradient in zip(
                node.operands, _RULES[node.operation](node, total[node]), strict=True
            ):
                give(operand, gradient)

    found = Derivative(
        traced,
        (),
        {node: gradient for node, gradient in total.items() if node.operation in PRODUCTS},
        {node.label: gradient for node, gradient in total.items() if node.operation == "previous"},
        {node.label: gradient for node, gradient in total.items() if node.operation == "parameter"},
        {name: total.get(node, ZERO) for name, node in traced.values.items()},
        operands,
    )
    return dataclasses.replace(found, saved=_saved(found))


def _saved(found: Derivative) -> tuple[Expression, ...]:
    """Named values and products that the gradients are computed from."""
    named = set(found.traced.values.values())
    roots = [*found.products.values(), *found.previous.values(), *found.parameters.values()]
    needed = below([*roots, *found.operands], lambda node: node in named or node.operation in PRODUCTS)
    wanted = {
        node
        for node in needed
        if node.operation not in _KNOWN and (node in named or node.operation in PRODUCTS)
    }
    order = [*found.traced.values.values(), *found.traced.nodes()]
    return tuple(dict.fromkeys(node for node in order if node in wanted))


def _sum(terms: list[Expression]) -> Expression:
    result = terms[0]
    for term in terms[1:]:
        result = result + term
    return result


def _times(gradient: Expression, factor: Expression) -> Expression:
    return gradient * factor


def _positive(x: Expression) -> Expression:
    """1 where x > 0, otherwise 0."""
    return Expression("positive", (x,))


def _smaller(x: Expression, y: Expression) -> Expression:
    """1 where x < y, ½ where they are equal, otherwise 0: how a minimum's gradient is shared, as torch shares it."""
    return HALF * (ONE + _positive(y - x) - _positive(x - y))


_RULES: dict[str, Callable[[Expression, Expression], tuple[Expression, ...]]] = {
    "add": lambda _, d: (d, d),
    "subtract": lambda _, d: (d, -d),
    "multiply": lambda node, d: (d * node.operands[1], d * node.operands[0]),
    "divide": lambda node, d: (d / node.operands[1], -(d * node / node.operands[1])),
    "negate": lambda _, d: (-d,),
    "sigmoid": lambda s, d: (_times(d, s * (ONE - s)),),
    "tanh": lambda t, d: (_times(d, ONE - t * t),),
    "relu": lambda y, d: (_times(d, _positive(y)),),
    "exp": lambda e, d: (_times(d, e),),
    "log1p": lambda node, d: (d / (ONE + node.operands[0]),),
    "abs": lambda node, d: (_times(d, _positive(node.operands[0]) - _positive(-node.operands[0])),),
    "minimum": lambda node, d: (
        _times(d, _smaller(*node.operands)),
        _times(d, _smaller(*reversed(node.operands))),
    ),
    "maximum": lambda node, d: (
        _times(d, _smaller(*reversed(node.operands))),
        _times(d, _smaller(*node.operands)),
    ),
}
