"""One step of a cell as operators of ONNX: the body of a `Scan`, for what ONNX's own LSTM, GRU and RNN cannot say.

What is emitted are names and operators; tensors come from whoever builds the graph (`peephole.export`). ONNX has an operator for
every operation of the language but log1p, which is composed of others without losing its digits near zero.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from peephole.equations.cell import Cell
from peephole.equations.expression import PRODUCTS, Expression
from peephole.equations.trace import trace
from peephole.equations.walk import below

_OPERATORS = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "negate": "Neg",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "Relu",
    "exp": "Exp",
    "abs": "Abs",
    "minimum": "Min",
    "maximum": "Max",
}


class OnnxNode(NamedTuple):
    """An operator, the names of what it takes (empty: nothing) and gives, and its attributes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, object]


@dataclasses.dataclass(frozen=True)
class OnnxStep:
    """A step as nodes.

    It takes ``x`` `[N, g · H]`, the input products W_g x + b_g side by side, and ``prev.<state>``, and constants from outside.

    Attributes:
        nodes: each after what it takes.
        states: state → the name of its new value.
        input_gates: the gates of ``x``, in order.
        recurrent: name of a stacked weight, ``U0`` …, → its gates; with it goes a bias, ``U0.bias``, where there are biases.
        parameters: names of declared parameters, ``own.<name>.<part>``, → label: `[H]` or `[H, H]`.
        numbers: name → a scalar constant.
        splits: name → how many parts of H stand side by side.
    """

    nodes: tuple[OnnxNode, ...]
    states: Mapping[str, str]
    input_gates: tuple[str, ...]
    recurrent: Mapping[str, tuple[str, ...]]
    parameters: Mapping[str, str]
    numbers: Mapping[str, float]
    splits: Mapping[str, int]


def emit_onnx(cell: Cell, *, bias: bool = True) -> OnnxStep:
    """Return one step of a cell.

    Args:
        cell: the equations.
        bias: whether the recurrent products have biases.

    Example:
        >>> from peephole import cells
        >>> [node.operator for node in emit_onnx(cells.RNN()).nodes]
        ['Gemm', 'Add', 'Tanh']
        >>> emit_onnx(cells.GRU("before")).recurrent
        {'U0': ('r', 'z'), 'U1': ('n',)}
    """
    return _Emitter(cell, bias).step()


class _Emitter:
    def __init__(self, cell: Cell, bias: bool) -> None:
        self._cell, self._bias = cell, bias
        self._nodes: list[OnnxNode] = []
        self._names: dict[Expression, str] = {}
        self._recurrent: dict[str, tuple[str, ...]] = {}
        self._parameters: dict[str, str] = {}
        self._numbers: dict[str, float] = {}
        self._splits: dict[str, int] = {}
        traced = trace(cell)
        self._states = {state: traced.values[state] for state in cell.states}
        self._order = below(self._states.values())
        # Products of one operand are taken in one go, and cut up; the gates are in the cell's order.
        self._gates: dict[Expression | None, list[str]] = {}
        for node in self._order:
            if node.operation in ("input", "recurrent"):
                gates = self._gates.setdefault(node.operands[0] if node.operands else None, [])
                if node.label not in gates:
                    gates.append(node.label)
        for gates in self._gates.values():
            gates.sort(key=cell.gates.index)
        self._cut: dict[Expression | None, dict[str, str]] = {}

    def step(self) -> OnnxStep:
        inputs = tuple(self._gates.get(None, ()))
        for node in self._order:
            self._names[node] = self._name_of(node)
        states: dict[str, str] = {}
        for state, node in self._states.items():
            name = self._names[node]
            if not any(each.operation in (*PRODUCTS, "previous") for each in below([node])):
                # Nothing of it depends on the sequence: it still has a row for each.
                shape = self._add("Shape", f"prev.{state}")
                name = self._add("Expand", name, shape)
            elif name in states.values() or not any(name in each.outputs for each in self._nodes):
                # What a body gives must be made in it, and be a value of its own.
                name = self._add("Identity", name)
            states[state] = name
        return OnnxStep(
            tuple(self._nodes), states, inputs, self._recurrent, self._parameters, self._numbers, self._splits
        )

    def _add(self, operator: str, *inputs: str, **attributes: object) -> str:
        name = f"v{len(self._nodes)}"
        self._nodes.append(OnnxNode(operator, inputs, (name,), attributes))
        return name

    def _number(self, number: float) -> str:
        name = f"number.{number!r}"
        self._numbers[name] = number
        return name

    def _name_of(self, node: Expression) -> str:
        operands = [self._names[operand] for operand in node.operands]
        if node.operation == "constant":
            return self._number(node.number)
        if node.operation == "previous":
            return f"prev.{node.label}"
        if node.operation == "parameter":
            return self._parameter(node.label)
        if node.operation == "matrix":
            return self._add("Gemm", operands[0], self._parameter(node.label), transB=1)
        if node.operation in PRODUCTS:
            return self._product(node)
        if node.operation == "log1p":
            return self._log1p(operands[0])
        return self._add(_OPERATORS[node.operation], *operands)

    def _parameter(self, label: str) -> str:
        name = f"own.{label}"
        self._parameters[name] = label
        return name

    def _product(self, node: Expression) -> str:
        operand = node.operands[0] if node.operands else None
        if operand not in self._cut:
            gates = self._gates[operand]
            if operand is None:
                whole = "x"
            else:
                weight = f"U{len(self._recurrent)}"
                self._recurrent[weight] = tuple(gates)
                biases = (f"{weight}.bias",) if self._bias else ()
                whole = self._add("Gemm", self._names[operand], weight, *biases, transB=1)
            self._cut[operand] = self._split(whole, gates)
        return self._cut[operand][node.label]

    def _split(self, whole: str, gates: Sequence[str]) -> dict[str, str]:
        if len(gates) == 1:
            return {gates[0]: whole}
        sizes = f"split.{len(gates)}"
        self._splits[sizes] = len(gates)
        parts = tuple(f"{whole}.{gate}" for gate in gates)
        self._nodes.append(OnnxNode("Split", (whole, sizes), parts, {"axis": 1}))
        return dict(zip(gates, parts, strict=True))

    def _log1p(self, x: str) -> str:
        """Write log(u) · x / (u − 1) with u = 1 + x rounded, and x itself where u is 1 or infinite (Kahan).

        Both factors are of the same rounded u, so that its error cancels.
        """
        one = self._number(1.0)
        u = self._add("Add", x, one)
        whole = self._add("Div", self._add("Mul", self._add("Log", u), x), self._add("Sub", u, one))
        is_itself = self._add(
            "Or", self._add("Equal", u, one), self._add("Equal", u, self._number(float("inf")))
        )
        return self._add("Where", is_itself, x, whole)
