"""Evaluating a traced cell on arrays, with some of its values held.

`cell.step` computes a step; this does the same from the graph, and can replace a named value by another wherever
later equations use it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from peephole.equations.expression import PRODUCTS, Expression
from peephole.equations.functions import Value, apply
from peephole.equations.trace import Trace


def evaluate(
    traced: Trace,
    product: Callable[[Expression, Value], Value],
    previous: Mapping[str, Value],
    own: Callable[[str], Value],
    held: Mapping[str, Value],
) -> dict[str, Value]:
    """Compute all values of one step.

    Args:
        traced: the equations.
        product: computes an ``input``, ``recurrent`` or ``matrix`` node from the value of its operand (None for ``input``).
        previous: states before the step, name → `[N, H]`.
        own: value of a declared parameter from its label ``name.part``.
        held: values to hold, name → array that broadcasts to `[N, H]`.

    Returns:
        name → `[N, H]`, in the order of `traced.values`.
    """
    kept = {traced.values[name]: value for name, value in held.items()}
    known: dict[Expression, Value] = {}
    for node in traced.nodes():
        operands = [known[operand] for operand in node.operands]
        if node in kept:
            known[node] = kept[node]
        elif node.operation == "constant":
            known[node] = node.number
        elif node.operation == "previous":
            known[node] = previous[node.label]
        elif node.operation == "parameter":
            known[node] = own(node.label)
        elif node.operation in PRODUCTS:
            known[node] = product(node, operands[0] if operands else None)
        else:
            known[node] = apply(node.operation, *operands)
    return {name: known[node] for name, node in traced.values.items()}
