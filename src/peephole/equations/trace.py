"""Running a cell's `step` on symbols: the graph of its equations."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

from peephole.equations.cell import Cell, Matrix, Step
from peephole.equations.expression import Expression, refusal
from peephole.equations.walk import below
from peephole.errors import EquationError


@dataclasses.dataclass(frozen=True)
class Trace:
    """The equations of a cell as a graph.

    Attributes:
        cell: the cell.
        values: name → expression, in the order of the cell's `Step`.
        states: the cell's states, a subset of `values`.
    """

    cell: Cell
    values: dict[str, Expression]
    states: tuple[str, ...]

    def nodes(self) -> list[Expression]:
        """All nodes, each after its operands."""
        return below(self.values.values())

    def phase_of(self) -> dict[Expression, int]:
        """Phase of each node: how many products lie, one after the other, between it and what is known before the step.

        A step is a list of phases, product then pointwise. A product of a previous state belongs to phase 0, a product of
        something computed in phase p to phase p + 1.
        """
        phase: dict[Expression, int] = {}
        for node in self.nodes():
            deepest = max((phase[operand] for operand in node.operands), default=0)
            is_late = node.operation in ("recurrent", "matrix") and node.operands[0].operation != "previous"
            phase[node] = deepest + 1 if is_late else deepest
        return phase

    @property
    def phases(self) -> int:
        """Number of phases: 1 for an LSTM, 2 for a GRU that resets before the product."""
        return 1 + max(self.phase_of().values())

    @property
    def projectable(self) -> bool:
        """Whether h_prev is seen by recurrent products only."""
        return not any(
            operand.operation == "previous" and operand.label == "h" and node.operation != "recurrent"
            for node in self.nodes()
            for operand in node.operands
        ) and not any(value.operation == "previous" for value in self.values.values())


class _Gates:
    """`pre.x`, `pre.h` and `pre.recurrent(v)`: one product per gate, made when first asked for."""

    def __init__(self, cell: Cell, operation: str, operand: Expression | None) -> None:
        self._cell, self._operation, self._operand = cell, operation, operand
        self._made: dict[str, Expression] = {}

    def __getattr__(self, gate: str) -> Expression:
        check_gate(self._cell, gate)
        if gate not in self._made:
            operands = () if self._operand is None else (self._operand,)
            self._made[gate] = Expression(self._operation, operands, label=gate)
        return self._made[gate]


class _Pre:
    def __init__(self, cell: Cell, h_prev: Expression) -> None:
        self._cell = cell
        self.x = _Gates(cell, "input", None)
        self.h = _Gates(cell, "recurrent", h_prev)
        self._sums: dict[str, Expression] = {}

    def recurrent(self, operand: object) -> _Gates:
        return _Gates(self._cell, "recurrent", Expression.of(operand))

    def __getattr__(self, gate: str) -> Expression:
        check_gate(self._cell, gate)
        if gate not in self._sums:
            self._sums[gate] = getattr(self.x, gate) + getattr(self.h, gate)
        return self._sums[gate]


class _Named:
    """Attribute access to named things, with an error that lists them."""

    def __init__(self, kind: str, things: dict[str, object]) -> None:
        self._kind, self._things = kind, things

    def __getattr__(self, name: str) -> object:
        if name not in self._things:
            raise EquationError(
                f"a cell's step: no {self._kind} {name!r}; there are: {', '.join(self._things)}"
            )
        return self._things[name]


class _MatrixSymbol:
    def __init__(self, label: str) -> None:
        self._label = label

    def __matmul__(self, operand: object) -> Expression:
        return Expression("matrix", (Expression.of(operand),), label=self._label)

    def __mul__(self, operand: object) -> Expression:
        raise refusal("the product * of a declared Matrix (use @, or declare a Vector)")

    __rmul__ = __mul__


def check_gate(cell: Cell, gate: str) -> None:
    """Raise `EquationError` unless `gate` is one of the cell's gates."""
    if gate not in cell.gates:
        raise EquationError(
            f"{type(cell).__name__}.step: no gate {gate!r}; its gates are {', '.join(cell.gates)}"
        )


def _own(cell: Cell) -> _Named:
    def parts(name: str) -> Iterator[tuple[str, object]]:
        parameter = cell.parameters[name]
        for part in parameter.parts:
            label = f"{name}.{part}"
            symbol = (
                _MatrixSymbol(label)
                if isinstance(parameter, Matrix)
                else Expression("parameter", label=label)
            )
            yield part, symbol

    return _Named(
        "parameter", {name: _Named(f"part of {name}", dict(parts(name))) for name in cell.parameters}
    )


def trace(cell: Cell) -> Trace:
    """Run `cell.step` on symbols and return the graph of its equations.

    Raises:
        EquationError: the step uses something that the language has not (with the line it stands on), does not return
            a `Step`, or its `Step` misses a state.

    Example:
        >>> from peephole import cells
        >>> trace(cells.GRU(reset="before")).phases
        2
    """
    title = type(cell).__name__
    if hidden := sorted(set(vars(cell)) - set(cell.options)):  # two cells that differ would count as equal
        raise EquationError(
            f"{title}: what a cell depends on must be an option, a field of a frozen dataclass; got the attributes {hidden}",
            hint="decorate the class with @dataclass(frozen=True) and declare them as fields",
        )
    return _trace(cell)


@functools.lru_cache(maxsize=256)
def _trace(cell: Cell) -> Trace:
    title = type(cell).__name__
    for attribute in ("gates", "states"):
        if not getattr(cell, attribute, ()):
            raise EquationError(
                f"{title}: a cell must name its {attribute}, for example {attribute} = ('h',)"
            )
    if cell.states[0] != "h":
        raise EquationError(f"{title}: the first state must be 'h', the output; got {cell.states[0]!r}")
    if clash := {"x", "h", "recurrent"} & set(cell.gates):
        raise EquationError(f"{title}: 'x', 'h' and 'recurrent' are not names for gates; got {sorted(clash)}")
    previous: dict[str, object] = {state: Expression("previous", label=state) for state in cell.states}
    h_prev = previous["h"]
    assert isinstance(h_prev, Expression)
    arguments: list[object] = [_Pre(cell, h_prev), _Named("state", previous)]
    if cell.parameters:
        arguments.append(_own(cell))
    step = cell.step(*arguments)
    if not isinstance(step, Step):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise EquationError(f"{title}.step: must return a Step; got {type(step).__name__}")
    if missing := [state for state in cell.states if state not in step.values]:
        raise EquationError(f"{title}.step: the Step must name every state; it misses {', '.join(missing)}")
    values = {name: Expression.of(value) for name, value in step.values.items()}
    return Trace(cell, values, cell.states)
