"""A layer in one direction as a `Scan` over time, its body made of the cell's equations: any cell, to the letter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from peephole.equations import Cell, Matrix
from peephole.equations.emit_onnx import OnnxStep, emit_onnx
from peephole.export.gate_orders import rows_to
from peephole.export.onnx_graph import Body, Graph, Port
from peephole.export.onnx_tensors import take_rows


def add_scan(
    graph: Graph,
    x: str,
    cell: Cell,
    weights: Mapping[str, Any],
    hidden_size: int,
    lengths: str,
    initial: Mapping[str, str],
    *,
    reverse: bool,
    name: str,
) -> tuple[str, dict[str, str]]:
    """Add a layer in one direction.

    Args:
        graph: the graph.
        x: input `[T, N, D]`.
        cell: the equations.
        weights: tensors as they are to be stored, by their names without ``_l0``.
        hidden_size: H.
        lengths: `[N]` int64; empty: all T.
        initial: initial states `[N, H]` (h: `[N, P]`) by name; nothing: zeros.
        reverse: whether each sequence is read from its own end.
        name: begins the names of the weights.

    Returns:
        The output `[T, N, P]`, zero past a sequence's end, and the final states `[N, …]` by name.
    """
    width = weights["weight_hh"].shape[1]
    step = emit_onnx(cell, bias="bias_hh" in weights)
    names = _constants(graph, step, cell, weights, hidden_size, name)
    x_gates = _input_products(graph, x, step, cell, weights, hidden_size, name)
    shape = graph.add("Shape", x, name="shape")
    batch = graph.add("Slice", shape, graph.integers(1), graph.integers(2), name="batch")
    sizes = {state: width if state == "h" else hidden_size for state in cell.states}
    states = dict(initial) or {
        state: graph.add(
            "Expand", graph.number(0.0), graph.add("Concat", batch, graph.integers(size), axis=0)
        )
        for state, size in sizes.items()
    }
    sequences = [x_gates]
    if lengths:
        sequences.append(_alive(graph, shape, lengths))
    body = _body(graph, step, cell, names, sizes, len(step.input_gates) * hidden_size, bool(lengths))
    after = graph.add_many(
        "Scan", [*(states[state] for state in cell.states), *sequences],
        (*(f"{state}_final" for state in cell.states), "rows"), body=body, num_scan_inputs=len(sequences),
        scan_input_directions=[int(reverse)] * len(sequences), scan_output_directions=[int(reverse)],
    )  # fmt: skip
    return after[-1], dict(zip(cell.states, after, strict=False))


def _constants(
    graph: Graph, step: OnnxStep, cell: Cell, weights: Mapping[str, Any], hidden: int, name: str
) -> dict[str, str]:
    """Add what a step takes from outside; return the names: the step's → the graph's."""
    found = {key: graph.number(number) for key, number in step.numbers.items()}
    found |= {key: graph.integers(*[hidden] * parts) for key, parts in step.splits.items()}
    for key, gates in step.recurrent.items():
        rows = rows_to(cell.gates, gates, hidden)
        found[key] = graph.weight(f"{name}.{key}", take_rows(weights["weight_hh"], rows))
        if "bias_hh" in weights:
            found[f"{key}.bias"] = graph.weight(f"{name}.{key}.bias", take_rows(weights["bias_hh"], rows))
    for key, label in step.parameters.items():
        parameter, part = label.rsplit(".", 1)
        parts = cell.parameters[parameter].parts
        if isinstance(cell.parameters[parameter], Matrix):
            found[key] = graph.weight(
                f"{name}.{label}", take_rows(weights[parameter], rows_to(parts, (part,), hidden))
            )
        else:
            whole = graph.weight(f"{name}.{parameter}", weights[parameter])
            found[key] = graph.add(
                "Gather", whole, graph.integer(parts.index(part)), name=f"{name}.{label}", axis=0
            )
    if "weight_hr" in weights:
        whole = graph.weight(f"{name}.weight_hr", weights["weight_hr"])
        found["weight_hr"] = whole
    return found


def _input_products(
    graph: Graph, x: str, step: OnnxStep, cell: Cell, weights: Mapping[str, Any], hidden: int, name: str
) -> str:
    """Add W x + b for all steps at once, of the gates that are looked at: `[T, N, g · H]`."""
    if not step.input_gates:  # a cell that looks at no input still has steps
        return graph.add("Slice", x, graph.integers(0), graph.integers(0), graph.integers(2), name="x_gates")
    rows = rows_to(cell.gates, step.input_gates, hidden)
    weight = graph.weight(f"{name}.W", take_rows(weights["weight_ih"], rows))
    turned = graph.add("Transpose", weight, name=f"{name}.W_turned", perm=[1, 0])
    product = graph.add("MatMul", x, turned, name="x_gates")
    if "bias_ih" not in weights:
        return product
    bias = graph.weight(f"{name}.W.bias", take_rows(weights["bias_ih"], rows))
    return graph.add("Add", product, bias, name="x_gates")


def _alive(graph: Graph, shape: str, lengths: str) -> str:
    """Add which sequences have which steps: `[T, N, 1]` bool."""
    steps = graph.add("Gather", shape, graph.integer(0), name="steps", axis=0)
    times = graph.add("Range", graph.integer(0), steps, graph.integer(1), name="times")
    times = graph.add("Unsqueeze", times, graph.integers(1, 2), name="times")
    ends = graph.add("Unsqueeze", lengths, graph.integers(0, 2), name="ends")
    return graph.add("Less", times, ends, name="alive")


def _body(
    graph: Graph,
    step: OnnxStep,
    cell: Cell,
    outside: Mapping[str, str],
    sizes: Mapping[str, int],
    width: int,
    ragged: bool,
) -> Body:
    """Return the body of the `Scan`: states, the input products of a step and who is alive → states and the output."""
    body = Graph(graph.dtype, around=graph)
    previous = {state: body.name(f"{state}_prev") for state in cell.states}
    x = body.name("x_step")
    known = {**outside, "x": x, **{f"prev.{state}": name for state, name in previous.items()}}
    found = body.include(step.nodes, known)
    after = {state: found[name] for state, name in step.states.items()}
    if "weight_hr" in outside:
        after["h"] = body.add("Gemm", after["h"], outside["weight_hr"], name="h_projected", transB=1)
    inputs = [Port(previous[state], graph.dtype, ("N", size)) for state, size in sizes.items()]
    inputs.append(Port(x, graph.dtype, ("N", width)))
    if ragged:
        alive = body.name("alive_step")
        inputs.append(Port(alive, np.bool_, ("N", 1)))
        rows = body.add("Where", alive, after["h"], body.number(0.0), name="h_row")
        after = {
            state: body.add("Where", alive, value, previous[state], name=f"{state}_next")
            for state, value in after.items()
        }
    else:
        rows = body.add("Identity", after["h"], name="h_row")
    outputs = [Port(after[state], graph.dtype, ("N", size)) for state, size in sizes.items()]
    return Body(body, inputs, [*outputs, Port(rows, graph.dtype, ("N", sizes["h"]))])
