"""The nodes LSTM, GRU and RNN of a graph, checked: what our layers cannot say is refused, with the reason."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from peephole import cells
from peephole.equations import Cell
from peephole.errors import ModelError
from peephole.export.onnx_constants import Constants, attributes_of
from peephole.export.onnx_file import Array, OnnxFile

_INPUTS = {
    "LSTM": ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"),
    "GRU": ("X", "W", "R", "B", "sequence_lens", "initial_h"),
    "RNN": ("X", "W", "R", "B", "sequence_lens", "initial_h"),
}
_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_USUAL = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}
_CONTRIB = ("DynamicQuantizeLSTM", "AttnLSTM")
_ATTRIBUTES = (
    "activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "input_forget", "layout",
    "linear_before_reset",
)  # fmt: skip
_OLDEST = 7


@dataclasses.dataclass(frozen=True, eq=False)
class Node:
    """A recurrent node.

    Attributes:
        name: its own, or that of its output.
        place: what it is called in messages.
        cell: the equations.
        x: the name of its input.
        output: the name of its output `Y`.
        w: `[K, G·H, D]`, ONNX's order; so are all.
        r: `[K, G·H, H]`.
        bias: `[K, 2·G·H]`, or None.
        peepholes: `[K, 3·H]`, or None.
    """

    name: str
    place: str
    cell: Cell
    x: str
    output: str
    w: Array
    r: Array
    bias: Array | None
    peepholes: Array | None

    @property
    def directions(self) -> int:
        """K."""
        return self.w.shape[0]

    @property
    def inputs(self) -> int:
        """D."""
        return self.w.shape[2]

    @property
    def hidden(self) -> int:
        """H."""
        return self.r.shape[2]

    def stands_below(self, other: Node) -> bool:
        """Whether another node can be a further layer of the same stack."""
        mine, others = ((each.cell, each.r.shape, each.bias is None, each.w.dtype) for each in (self, other))
        return mine == others and other.inputs == self.directions * self.hidden


def read_nodes(file: OnnxFile, constants: Constants) -> list[Node]:
    """Return the recurrent nodes of a graph, in its order.

    Raises:
        ModelError: there is none, or one says something that our layers cannot.
    """
    if file.opset < _OLDEST:
        raise ModelError(f"{file.where}: the operator set must be {_OLDEST} or newer; got {file.opset}")
    for node in file.graph.node:
        if node.op_type in _CONTRIB:
            raise ModelError(
                f"{file.where}, node {node.name[:60]!r}: must be a standard operator; got {node.domain}::{node.op_type}",
                hint="take the model from before it was quantised or optimised",
            )
    found = [
        _read(node, file, constants)
        for node in file.graph.node
        if node.op_type in _INPUTS and node.domain in ("", "ai.onnx")
    ]
    if not found:
        kinds = sorted({node.op_type for node in file.graph.node})
        raise ModelError(
            f"{file.where}: must hold LSTM, GRU or RNN nodes; got {', '.join(kinds)[:200] or 'no node'}",
            hint="a Scan holds equations, which cannot be made into a cell again"
            if "Scan" in kinds
            else None,
        )
    return found


def _read(node: Any, file: OnnxFile, constants: Constants) -> Node:
    operator, attributes = node.op_type, attributes_of(node)
    name = next((each for each in (node.name, *node.output) if each), operator)
    place = f"{file.where}, {operator} {name[:60]!r}"
    given = {key: each for key, each in zip(_INPUTS[operator], node.input, strict=False) if each}
    cell, direction = _cell(place, operator, attributes, "P" in given)
    _check_states(place, given, constants)
    arrays: dict[str, Array] = {}
    for key in ("W", "R", "B", "P"):
        if key in given:
            array = constants.value(given[key])
            if array is None or array.dtype.kind != "f":
                raise ModelError(
                    f"{place}: {key} must be constant numbers; got {given[key][:60]!r}, which the graph computes"
                )
            arrays[key] = array
    shapes = _shapes(place, operator, attributes, arrays, 2 if direction == "bidirectional" else 1)
    wrong = [key for key, shape in shapes.items() if arrays[key].shape != shape]
    if wrong or len({array.dtype for array in arrays.values()}) > 1:
        listed = ", ".join(f"{key} {list(shape)}" for key, shape in shapes.items())
        got = ", ".join(f"{key} {list(array.shape)} {array.dtype}" for key, array in arrays.items())
        raise ModelError(f"{place}: must have {listed}, of one dtype; got {got}")
    return Node(
        name, place, cell, node.input[0], node.output[0] if node.output else "", arrays["W"], arrays["R"],
        arrays.get("B"), arrays.get("P"),
    )  # fmt: skip


def _shapes(
    place: str, operator: str, attributes: Mapping[str, Any], arrays: Mapping[str, Array], directions: int
) -> dict[str, tuple[int, ...]]:
    """Return the shapes that the weights must have."""
    if not {"W", "R"} <= set(arrays) or arrays["W"].ndim != 3 or arrays["R"].ndim != 3:
        raise ModelError(f"{place}: must have W [K, G·H, D] and R [K, G·H, H]; got others")
    hidden, inputs = arrays["R"].shape[2], arrays["W"].shape[2]
    if attributes.get("hidden_size", hidden) != hidden or not hidden or not inputs:
        raise ModelError(
            f"{place}: hidden_size must be the H of R, above 0; got {attributes.get('hidden_size')}, H {hidden}, D {inputs}"
        )
    rows = _GATES[operator] * hidden
    shapes = {"W": (directions, rows, inputs), "R": (directions, rows, hidden), "B": (directions, 2 * rows)}
    shapes["P"] = (directions, 3 * hidden)
    return {key: shape for key, shape in shapes.items() if key in arrays}


def _cell(place: str, operator: str, attributes: Mapping[str, Any], has_peepholes: bool) -> tuple[Cell, str]:
    """Return the cell and the direction that a node's attributes say."""

    def refuse(rule: str, got: object, hint: str | None = None) -> ModelError:
        return ModelError(f"{place}: {rule}; got {str(got)[:100]}", hint=hint)

    if unknown := sorted(set(attributes) - set(_ATTRIBUTES)):
        raise refuse("must have no attributes that ONNX has not", ", ".join(unknown))
    if "clip" in attributes:
        raise refuse("clip must be absent, since our cells cut nothing off", f"clip={attributes['clip']}")
    if attributes.get("layout", 0) != 0:
        raise refuse(
            "layout must be 0, since states are [L·K, N, H] here", f"layout={attributes['layout']}",
            "transpose inputs, states and outputs around the node; the weights are the same",
        )  # fmt: skip
    direction = attributes.get("direction", "forward")
    if direction not in ("forward", "bidirectional"):
        raise refuse(
            "direction must be forward or bidirectional, since a layer does not read from the end alone", f"{direction!r}",
            "turn the sequences round, and set the attribute to forward",
        )  # fmt: skip
    for key in ("activation_alpha", "activation_beta"):
        if attributes.get(key):
            raise refuse(f"{key} must be absent, since the usual activations have none", attributes[key])
    directions = 2 if direction == "bidirectional" else 1
    usual = list(_USUAL[operator]) * directions
    activations = attributes.get("activations") or usual
    is_relu = operator == "RNN" and activations == ["Relu"] * directions
    if activations != usual and not is_relu:
        more = " or Relu" if operator == "RNN" else ""
        raise refuse(f"activations must be {', '.join(usual)}{more}", ", ".join(map(str, activations)))
    if operator == "RNN":
        return cells.RNN("relu" if is_relu else "tanh"), direction
    if operator == "GRU":
        return cells.GRU("after" if attributes.get("linear_before_reset") else "before"), direction
    if attributes.get("input_forget"):
        if has_peepholes:
            raise refuse("input_forget must be 0 where there are peepholes", attributes["input_forget"])
        return cells.CoupledLSTM(), direction
    return cells.PeepholeLSTM() if has_peepholes else cells.LSTM(), direction


def _check_states(place: str, given: Mapping[str, str], constants: Constants) -> None:
    for key in ("initial_h", "initial_c"):
        value = constants.value(given[key]) if key in given else None
        if value is not None and np.any(value != 0):
            raise ModelError(
                f"{place}: {key} must be zeros, or an input; got a constant of other numbers",
                hint="our layers take initial states when they are called",
            )
