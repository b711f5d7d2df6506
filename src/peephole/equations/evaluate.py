"""Evaluating expressions on arrays.

`cell.step` computes a step; `evaluate` does the same from the traced graph, and can hold a named value: replace it by another
wherever later equations use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from peephole.equations.expression import PRODUCTS, Expression
from peephole.equations.functions import Value, apply, hold
from peephole.equations.trace import Trace


def compute(
    roots: Iterable[Expression],
    known: dict[Expression, Value],
    leaf: Callable[[Expression], Value],
    product: Callable[[Expression, Value], Value],
) -> list[Value]:
    """Compute expressions, each node once.

    Args:
        roots: the expressions.
        known: values of nodes that are not computed; what is computed is added to it.
        leaf: gives the value of a ``previous``, ``parameter`` or ``gradient`` leaf.
        product: computes an ``input``, ``recurrent`` or ``matrix`` node from the value of its operand (None for ``input``).

    Returns:
        The values of `roots`, in their order.
    """
    roots = list(roots)
    stack = roots[::-1]
    while stack:
        node = stack[-1]
        if node in known:
            stack.pop()
        elif missing := [operand for operand in node.operands if operand not in known]:
            stack.extend(reversed(missing))
        else:
            operands = [known[operand] for operand in node.operands]
            if node.operation == "constant":
                known[node] = node.number
            elif node.operation in PRODUCTS:
                known[node] = product(node, operands[0] if operands else None)
            else:
                known[node] = apply(node.operation, *operands) if operands else leaf(node)
    return [known[root] for root in roots]


def evaluate(
    traced: Trace,
    leaf: Callable[[Expression], Value],
    product: Callable[[Expression, Value], Value],
    held: Mapping[str, Value],
) -> dict[str, Value]:
    """Compute all values of one step, some of them held.

    Args:
        traced: the equations.
        leaf: as in `compute`.
        product: as in `compute`.
        held: values to hold, name → array `[N, H]`; where it is NaN, the value is free.

    Returns:
        name → `[N, H]`, in the order of `traced.values`.
    """
    known: dict[Expression, Value] = {}
    names = {traced.values[name]: name for name in held}
    for (
        node
    ) in traced.nodes():  # what is held may be free in part, so it is computed before anything that sees it
        if node in names:
            (free,) = compute([node], known, leaf, product)
            known[node] = hold(held[names[node]], free)
    return dict(zip(traced.values, compute(traced.values.values(), known, leaf, product), strict=True))
