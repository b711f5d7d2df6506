"""The tangent of a cell: a cell again, which runs beside the states how they change when everything else changes a little.

With it a kernel that knows a first derivative in reverse knows second ones: that of ⟨v, J u⟩, where J u is what the tangent's run
gives. Running a change beside the values is Pearlmutter's (1994, *Fast exact multiplication by the Hessian*).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from peephole.equations.cell import Cell, Matrix, Parameter, Step
from peephole.equations.expression import Expression
from peephole.equations.functions import apply
from peephole.equations.trace import trace

MARK = "dot_"  # ḣ is written dot_h
SAME = "same"  # the cell's own weight_hh, as a parameter: U ḣ, without the bias that pre.recurrent adds


@dataclasses.dataclass(frozen=True)
class Tangent(Cell):
    """The tangent of `cell`.

    It has each gate, state and parameter twice, as itself and as its change. Weights of gates are those of the cell above their
    changes. The input is x beside ẋ, so that a changed gate's ``weight_ih`` is Ẇ beside W.

    Example:
        >>> from peephole import cells
        >>> Tangent(cells.GRU()).states, len(Tangent(cells.LSTM()).gates)
        (('h', 'dot_h'), 8)
    """

    cell: Cell

    @property
    def gates(self) -> tuple[str, ...]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        """The cell's gates, and their changes."""
        return _twice(self.cell.gates)

    @property
    def states(self) -> tuple[str, ...]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        """The cell's states, and their changes."""
        return _twice(self.cell.states)

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The cell's parameters, their changes, and `SAME`."""
        own = dict(self.cell.parameters)
        return {**own, **{MARK + name: value for name, value in own.items()}, SAME: Matrix(self.cell.gates)}

    def step(self, pre: Any, prev: Any, own: Any) -> Step:
        """Each value of the cell, and its change by the chain rule."""
        traced = trace(self.cell)
        found: dict[Expression, tuple[Any, Any]] = {}
        for node in traced.nodes():
            operands = [found[operand] for operand in node.operands]
            rule = _LEAVES.get(node.operation)
            if rule is None:
                found[node] = _pointwise(node.operation, operands)
            else:
                found[node] = rule(node, operands, pre, prev, own)
        values = {name: found[node] for name, node in traced.values.items()}
        return Step(
            **{name: value for name, (value, _) in values.items()},
            **{
                MARK + name: 0.0 * value if change is None else change
                for name, (value, change) in values.items()
            },
        )


def _twice(names: tuple[str, ...]) -> tuple[str, ...]:
    return (*names, *(MARK + name for name in names))


def _recurrent(node: Expression, operands: list[Any], pre: Any, prev: Any, own: Any) -> tuple[Any, Any]:
    """U v + b' → U v̇ + U̇ v + ḃ'."""
    value, change = operands[0]
    gates = pre.h if node.operands[0] is _previous_h(node) else pre.recurrent(value)
    changed = getattr(gates, MARK + node.label)
    return getattr(gates, node.label), _sum(changed, _matrix(getattr(own, SAME), node.label, change))


def _previous_h(node: Expression) -> Expression | None:
    operand = node.operands[0]
    return operand if operand.operation == "previous" and operand.label == "h" else None


def _matrix(matrix: Any, part: str, operand: Any) -> Any:
    return None if operand is None else getattr(matrix, part) @ operand


def _of_matrix(node: Expression, operands: list[Any], pre: Any, prev: Any, own: Any) -> tuple[Any, Any]:
    """P v → P v̇ + Ṗ v."""
    name, part = node.label.rsplit(".", 1)
    value, change = operands[0]
    matrix = getattr(own, name)
    changed = getattr(getattr(own, MARK + name), part) @ value
    return getattr(matrix, part) @ value, _sum(changed, _matrix(matrix, part, change))


def _of_parameter(node: Expression, operands: list[Any], pre: Any, prev: Any, own: Any) -> tuple[Any, Any]:
    name, part = node.label.rsplit(".", 1)
    return getattr(getattr(own, name), part), getattr(getattr(own, MARK + name), part)


_LEAVES: dict[str, Callable[..., tuple[Any, Any]]] = {
    "constant": lambda node, operands, pre, prev, own: (node.number, None),
    "previous": lambda node, operands, pre, prev, own: (
        getattr(prev, node.label),
        getattr(prev, MARK + node.label),
    ),
    "parameter": _of_parameter,
    "input": lambda node, operands, pre, prev, own: (
        getattr(pre.x, node.label),
        getattr(pre.x, MARK + node.label),
    ),
    "recurrent": _recurrent,
    "matrix": _of_matrix,
}


def _sum(first: Any, second: Any) -> Any:
    """The sum of two changes; None: there is none."""
    if first is None or second is None:
        return second if first is None else first
    return first + second


def _times(factor: Any, change: Any) -> Any:
    return None if change is None else factor * change


def _pointwise(operation: str, operands: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """An operation's value and its change."""
    values, changes = [value for value, _ in operands], [change for _, change in operands]
    value = apply(operation, *values)
    if all(change is None for change in changes):
        return value, None
    total: Any = None
    for factor, change in zip(_FACTORS[operation](value, *values), changes, strict=True):
        # Nothing is multiplied by one: a sum of products stays what it is, one lane.
        total = _sum(total, change if isinstance(factor, int) else _times(factor, change))
    return value, total


def _positive(x: Any) -> Any:
    return Expression("positive", (x,)) if isinstance(x, Expression) else apply("positive", x)


def _smaller(x: Any, y: Any) -> Any:
    return 0.5 * (1.0 + _positive(y - x) - _positive(x - y))


# The value and its operands → what each operand's change is multiplied with.
_FACTORS: dict[str, Callable[..., tuple[Any, ...]]] = {
    "add": lambda value, x, y: (1, 1),
    "subtract": lambda value, x, y: (1, -1.0),
    "multiply": lambda value, x, y: (y, x),
    "divide": lambda value, x, y: (1.0 / y, -value / y),
    "negate": lambda value, x: (-1.0,),
    "sigmoid": lambda value, x: (value * (1.0 - value),),
    "tanh": lambda value, x: (1.0 - value * value,),
    "relu": lambda value, x: (_positive(value),),
    "exp": lambda value, x: (value,),
    "log1p": lambda value, x: (1.0 / (1.0 + x),),
    "abs": lambda value, x: (_positive(x) - _positive(-x),),
    "minimum": lambda value, x, y: (_smaller(x, y), _smaller(y, x)),
    "maximum": lambda value, x, y: (_smaller(y, x), _smaller(x, y)),
}
