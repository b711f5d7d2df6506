"""The values of a track's equations at every step, also of nodes that no name stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from peephole.equations import Expression
from peephole.equations.evaluate import compute
from peephole.insight.network import Array, Track


def values_of(
    track: Track,
    roots: Iterable[Expression],
    known: dict[Expression, Any],
    inputs: Array,
    before: Mapping[str, Array],
) -> list[Any]:
    """Return the values `[T, H]` of nodes at every step, and add all that they are made of to `known`.

    Args:
        track: whose equations.
        roots: the nodes.
        known: those that need not be computed.
        inputs: `[T, D]` what the layer read.
        before: state → `[T, H]` before each step.
    """
    weights = track.by_gate

    def leaf(node: Expression) -> Any:
        return before[node.label] if node.operation == "previous" else weights.own[node.label]

    def product(node: Expression, operand: Any) -> Any:
        if node.operation == "matrix":
            return operand @ weights.own[node.label].T
        x, kind = (inputs, "ih") if node.operation == "input" else (operand, "hh")
        bias = weights.bias(f"bias_{kind}", node.label)
        y = x @ weights.gate(f"weight_{kind}", node.label).T
        return y if bias is None else y + bias

    return compute(roots, known, leaf, product)
