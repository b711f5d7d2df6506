"""Recurrent layers as an ONNX graph: the operators LSTM, GRU and RNN where they say the cell, otherwise a `Scan`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from peephole.classifier.stages import layer_suffix
from peephole.classifier.storage import Storage
from peephole.equations import Cell
from peephole.export.gate_orders import rows_to
from peephole.export.onnx_cells import OPERATORS, OUR_PEEPHOLES, PEEPHOLES, Operator, reason_against
from peephole.export.onnx_graph import Graph
from peephole.export.onnx_scan import add_scan
from peephole.export.onnx_tensors import in_storage, stack, take_rows


@dataclasses.dataclass(frozen=True, eq=False)
class Stack:
    """Layers of a cell on top of each other, with their weights.

    Attributes:
        cell: the equations.
        hidden_size: H.
        num_layers: L.
        directions: K: 1, or 2 for both.
        weights: ``weight_ih_l0`` and so on, named as torch names them: arrays, or matrices as a model folder stores them.
        storage: how the graph holds matrices.
        width: P, of h: H, or less with projection.
        as_scan: whether a `Scan` is written where an operator would do.
    """

    cell: Cell
    hidden_size: int
    num_layers: int
    directions: int
    weights: Mapping[str, Any]
    storage: Storage
    width: int
    as_scan: bool = False

    @property
    def operator(self) -> Operator | None:
        """The operator of ONNX that says the cell, if it is to be used."""
        if self.as_scan or reason_against(self.cell, has_projection=self.width != self.hidden_size):
            return None
        return OPERATORS[self.cell]

    def direction(self, layer: int, reverse: int) -> dict[str, Any]:
        """Return the weights of one layer and direction as they are to be stored, by their names without ``_l0``."""
        suffix = layer_suffix(layer, reverse)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr", *self.cell.parameters)
        found = {name: self.weights[name + suffix] for name in names if name + suffix in self.weights}
        return {name: in_storage(tensor, self.storage) for name, tensor in found.items()}


def add_stack(
    graph: Graph,
    x: str,
    layers: Stack,
    lengths: str = "",
    states: Mapping[str, str] | None = None,
    *,
    name: str = "layer",
) -> tuple[str, dict[str, str]]:
    """Add layers to a graph.

    Args:
        graph: the graph.
        x: input `[T, N, D]`.
        layers: the layers.
        lengths: `[N]` int64, each in [0, T]; empty: all T.
        states: initial states, name → `[L·K, N, H]` (h: `[L·K, N, P]`); None: zeros.
        name: begins the names of the weights.

    Returns:
        The output `[T, N, K·P]`, zero past a sequence's end, and the final states `[L·K, N, …]`, by name.
    """
    finals: dict[str, list[str]] = {state: [] for state in layers.cell.states}
    lengths32 = graph.add("Cast", lengths, name="lengths32", to=6) if lengths and layers.operator else ""
    for layer in range(layers.num_layers):
        k = layer * layers.directions
        initial = {
            state: graph.add(
                "Slice",
                whole,
                graph.integers(k),
                graph.integers(k + layers.directions),
                name=f"{state}_before",
            )
            for state, whole in (states or {}).items()
        }
        if layers.operator is None:
            x, final = add_scan_layer(graph, x, layers, layer, lengths, initial, name)
        else:
            weights = [layers.direction(layer, reverse) for reverse in range(layers.directions)]
            inputs = weights_for(graph, layers.operator, layers, weights, f"{name}{layer}")
            direction = "bidirectional" if layers.directions == 2 else "forward"
            x, final = add_operator(
                graph, x, layers.operator, inputs, layers.hidden_size, direction, lengths, lengths32, initial,
                name=f"{name}{layer}",
            )  # fmt: skip
        for state, value in final.items():
            finals[state].append(value)
    return x, {
        state: values[0] if len(values) == 1 else graph.add("Concat", *values, name=f"{state}_after", axis=0)
        for state, values in finals.items()
    }


def weights_for(
    graph: Graph, operator: Operator, layers: Stack, weights: Sequence[Mapping[str, Any]], name: str
) -> dict[str, str]:
    """Add a layer's weights in ONNX's order: ``W`` `[K, G·H, D]`, ``R`` `[K, G·H, H]`, ``B`` `[K, 2·G·H]`, ``P`` `[K, 3·H]`."""
    hidden, directions = layers.hidden_size, len(weights)
    rows = rows_to(layers.cell.gates, operator.gates, hidden)
    found: dict[str, str] = {}
    for letter, key in (("W", "weight_ih"), ("R", "weight_hh")):
        whole = stack([take_rows(each[key], rows) for each in weights])
        found[letter] = graph.weight(f"{name}.{letter}", whole, (directions, len(rows), whole.shape[1]))
    if "bias_ih" in weights[0]:
        both = stack([take_rows(each[key], rows) for each in weights for key in ("bias_ih", "bias_hh")])
        found["B"] = graph.weight(f"{name}.B", both, (directions, 2 * len(rows)))
    if operator.has_peepholes:
        order = rows_to(OUR_PEEPHOLES, PEEPHOLES, 1)
        # In float32 whatever the storage: they are as few as the biases.
        whole = stack([_plain(each["weight_ch"])[order] for each in weights])
        found["P"] = graph.weight(f"{name}.P", whole, (directions, 3 * hidden))
    return found


def add_operator(
    graph: Graph,
    x: str,
    operator: Operator,
    weights: Mapping[str, str],
    hidden_size: int,
    direction: str,
    lengths: str,
    lengths32: str,
    initial: Mapping[str, str],
    *,
    name: str,
) -> tuple[str, dict[str, str]]:
    """Add one layer as an operator.

    Args:
        graph: the graph.
        x: input `[T, N, D]`.
        operator: which.
        weights: names of ``W R B P``; B and P may be missing.
        hidden_size: H.
        direction: ``"forward"``, ``"reverse"`` or ``"bidirectional"``.
        lengths: `[N]` int64, or empty.
        lengths32: the same as int32, or empty.
        initial: initial states `[K, N, H]` by name, or nothing.
        name: begins the names of the outputs.

    Returns:
        The output `[T, N, K·H]` and the final states `[K, N, H]` by name.
    """
    directions = 2 if direction == "bidirectional" else 1
    states = ("h", "c") if operator.name == "LSTM" else ("h",)
    inputs = [x, weights["W"], weights["R"], weights.get("B", ""), lengths32]
    inputs += [initial.get(state, "") for state in states]
    if "P" in weights:
        inputs.append(weights["P"])
    while not inputs[-1]:
        inputs.pop()
    attributes = {
        key: list(value) * directions if isinstance(value, tuple) else value
        for key, value in operator.attributes.items()
    }
    y, *after = graph.add_many(
        operator.name, inputs, (f"{name}.Y", *(f"{name}.Y_{state}" for state in states)), hidden_size=hidden_size,
        direction=direction, **attributes,
    )  # fmt: skip
    finals: dict[str, str] = dict(zip(states, after, strict=True))
    if lengths and initial:
        # Of a sequence without steps, ONNX Runtime gives zeros, and not the state before it.
        is_empty = graph.add("Equal", lengths, graph.integer(0), name="is_empty")
        is_empty = graph.add("Unsqueeze", is_empty, graph.integers(0, 2), name="is_empty")
        finals = {
            state: graph.add("Where", is_empty, initial[state], value, name=f"{state}_after")
            for state, value in finals.items()
        }
    if directions == 1:
        return graph.add("Squeeze", y, graph.integers(1), name="rows"), finals
    turned = graph.add("Transpose", y, name="turned", perm=[0, 2, 1, 3])  # [T, K, N, H] → [T, N, K, H]
    return graph.add("Reshape", turned, graph.integers(0, 0, directions * hidden_size), name="rows"), finals


def add_scan_layer(
    graph: Graph, x: str, layers: Stack, layer: int, lengths: str, initial: Mapping[str, str], name: str
) -> tuple[str, dict[str, str]]:
    """Add one layer as a `Scan` for each direction; arguments and results are those of `add_stack`, for one layer."""
    outputs: list[str] = []
    finals: dict[str, list[str]] = {state: [] for state in layers.cell.states}
    for reverse in range(layers.directions):
        weights = layers.direction(layer, reverse)
        before = {
            state: graph.add("Gather", whole, graph.integer(reverse), name=f"{state}_before", axis=0)
            for state, whole in initial.items()
        }
        rows, after = add_scan(
            graph, x, layers.cell, weights, layers.hidden_size, lengths, before, reverse=bool(reverse),
            name=f"{name}{layer_suffix(layer, reverse)}",
        )  # fmt: skip
        outputs.append(rows)
        for state, value in after.items():
            finals[state].append(graph.add("Unsqueeze", value, graph.integers(0), name=f"{state}_after"))
    if layers.directions == 1:
        return outputs[0], {state: values[0] for state, values in finals.items()}
    joined = {
        state: graph.add("Concat", *values, name=f"{state}_after", axis=0) for state, values in finals.items()
    }
    return graph.add("Concat", *outputs, name="rows", axis=2), joined


def _plain(tensor: Any) -> Any:
    return in_storage(tensor, "float32")
