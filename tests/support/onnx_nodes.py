"""ONNX's LSTM, GRU and RNN nodes on our cells: orders of gates, shapes and defaults of one put into those of the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from peephole import cells
from peephole.equations import Cell
from peephole.ops import Sequences, run

# ONNX stacks the gates of W, R, B and P in another order than we do: places in ours, of each of ONNX's blocks.
GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}  # from i o f c · z r h · one gate
PEEPHOLES = (0, 2, 1)  # from i o f
_GRU_INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h")
INPUTS = {"LSTM": (*_GRU_INPUTS, "initial_c", "P"), "GRU": _GRU_INPUTS, "RNN": _GRU_INPUTS}


def cell_for(op: str, attributes: Mapping[str, Any], has_peepholes: bool) -> Cell:
    """The cell of a node; z has the same sign in ONNX as here, and an LSTM's output gate sees the new cell state."""
    if op == "LSTM":
        return cells.PeepholeLSTM() if has_peepholes else cells.LSTM()
    if op == "GRU":
        return cells.GRU("after" if attributes.get("linear_before_reset") else "before")
    return cells.RNN()


def reordered(op: str, array: np.ndarray) -> np.ndarray:
    """Blocks of gates, stacked on the first axis, put into our order."""
    blocks = np.split(array, len(GATES[op]))
    return np.concatenate([blocks[k] for k in GATES[op]])


def weights_for(op: str, inputs: Mapping[str, np.ndarray], direction: int) -> dict[str, np.ndarray]:
    """The weights of one direction, as `run` wants them."""
    weights = {
        "weight_ih": reordered(op, inputs["W"][direction]),
        "weight_hh": reordered(op, inputs["R"][direction]),
    }
    if "B" in inputs:
        first, second = np.split(inputs["B"][direction], 2)
        weights |= {"bias_ih": reordered(op, first), "bias_hh": reordered(op, second)}
    if "P" in inputs:
        parts = np.split(inputs["P"][direction], 3)
        weights["weight_ch"] = np.stack([parts[k] for k in PEEPHOLES])
    return weights


def run_node(
    op: str, attributes: Mapping[str, Any], inputs: Mapping[str, np.ndarray], *, backend: str, kind: str
) -> dict[str, np.ndarray]:
    """Run one node through `peephole.ops.run`.

    Args:
        op: ``"LSTM"``, ``"GRU"`` or ``"RNN"``.
        attributes: of the node.
        inputs: by ONNX's names; absent ones take ONNX's defaults.
        backend: as for `run`.
        kind: ``"torch"`` or ``"numpy"``.

    Returns:
        ``Y``, ``Y_h`` and ``Y_c`` in ONNX's shapes; Y is zero past a sequence's end.
    """
    batchwise = attributes.get("layout", 0) == 1
    x = inputs["X"].swapaxes(0, 1) if batchwise else inputs["X"]
    steps, batch, _ = x.shape
    cell, hidden = cell_for(op, attributes, "P" in inputs), inputs["R"].shape[-1]
    directions = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    sequences = Sequences.from_lengths(inputs.get("sequence_lens", np.full(batch, steps)))
    at = (sequences.row_time, sequences.row_batch)
    convert = torch.from_numpy if kind == "torch" else np.asarray
    every_y: list[np.ndarray] = []
    finals: dict[str, list[np.ndarray]] = {"h": [], "c": []}
    for k, reverse in enumerate(directions[attributes.get("direction", "forward")]):
        state = {}
        for name in cell.states:
            initial = inputs.get(f"initial_{name}")
            if initial is not None and batchwise:
                initial = initial.swapaxes(0, 1)
            state[name] = np.zeros((batch, hidden), x.dtype) if initial is None else initial[k]
        out = run(
            cell, convert(np.ascontiguousarray(x[at])), sequences.batch_sizes,
            {name: convert(w) for name, w in weights_for(op, inputs, k).items()},
            {name: convert(np.ascontiguousarray(s[sequences.order])) for name, s in state.items()},
            backend=backend, reverse=reverse,
        )  # fmt: skip
        y = np.zeros((steps, batch, hidden), x.dtype)
        y[at] = np.asarray(out.rows)
        every_y.append(y)
        for name in cell.states:
            finals[name].append(np.asarray(out.state[name])[sequences.inverse])
    found = {"Y": np.stack(every_y, 1), **{f"Y_{name}": np.stack(s) for name, s in finals.items() if s}}
    if batchwise:
        found = {
            name: v.transpose(2, 0, 1, 3) if name == "Y" else v.swapaxes(0, 1) for name, v in found.items()
        }
    return found


def by_name(node: Any, arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays of a test case by the names of ONNX's specification; a node leaves names of absent inputs empty."""
    remaining = iter(arrays)
    return {
        name: next(remaining) for name, given in zip(INPUTS[node.op_type], node.input, strict=False) if given
    }
