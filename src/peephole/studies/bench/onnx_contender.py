"""ONNX Runtime, where ONNX has the operator: inference, its weights fixed and packed when the session is made."""

from __future__ import annotations

import importlib
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peephole.errors import MissingExtra, require
from peephole.studies.bench.contender import Contender, Refusal
from peephole.studies.bench.problem import Problem

# Our cell → ONNX's operator, its gates in ONNX's order by our letters, and its attributes.
_OPERATORS: dict[str, tuple[str, str, dict[str, int]]] = {
    "lstm": ("LSTM", "iofg", {}),
    "peephole-lstm": ("LSTM", "iofg", {}),
    "gru": ("GRU", "zrn", {"linear_before_reset": 1}),
    "gru-before": ("GRU", "zrn", {"linear_before_reset": 0}),
    "rnn": ("RNN", "a", {}),
}
_OPSET, _IR = 14, 8  # the oldest in which these operators are as they are today
_PEEPHOLES = "iof"


class OnnxContender(Contender):
    """A session of ONNX Runtime. Sequences of different length are padded, and their lengths given.

    Args:
        problem: inputs, weights and right answers.
        threads: of the session.
    """

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem)
        runtime = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        model = onnx_model(problem).SerializeToString()
        self._session: Any = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        case, sequences = problem.case, problem.sequences
        self._at = (torch.from_numpy(sequences.row_time), torch.from_numpy(sequences.row_sorted))
        x = torch.zeros(case.steps, case.batch, case.inputs)
        x[self._at] = problem.rows
        self._feed: dict[str, NDArray[Any]] = {"x": x.numpy()}
        if case.is_ragged:
            self._feed["lengths"] = np.array(case.lengths, np.int32)

    def forward(self) -> NDArray[Any]:  # noqa: D102
        return self._session.run(None, self._feed)[0]

    def rows_of(self, result: object) -> Tensor:  # noqa: D102
        return torch.from_numpy(cast("NDArray[Any]", result))[self._at]


def onnx_layer(problem: Problem, threads: int) -> Contender | Refusal:
    """The operators LSTM, GRU and RNN of ONNX Runtime."""
    if problem.cell_name not in _OPERATORS:
        return Refusal(f"ONNX has no {problem.cell_name}")
    if problem.dtype != "float32":
        return Refusal(f"ONNX Runtime's recurrent operators take float32; this is {problem.dtype}")
    try:
        for package in ("onnx", "onnxruntime"):
            require(package, extra="bench", purpose="timing ONNX Runtime")
    except MissingExtra as error:
        return Refusal(error.message, error.hint)
    return OnnxContender(problem, threads)


def onnx_model(problem: Problem) -> Any:
    """Return the layers of a problem as an ONNX model: input ``x`` `[T, N, D]` (and ``lengths``), output ``y`` `[T, N, K·H]`."""
    onnx = importlib.import_module("onnx")
    helper, float32 = importlib.import_module("onnx.helper"), onnx.TensorProto.FLOAT
    case, (operator, gates, attributes) = problem.case, _OPERATORS[problem.cell_name]
    nodes: list[Any] = []
    constants = {"shape": np.array([0, 0, -1], np.int64)}
    lengths, before = "lengths" if case.is_ragged else "", "x"
    for layer in range(case.layers):
        arrays = _arrays(problem, layer, gates)
        constants |= {f"{name}{layer}": array for name, array in arrays.items()}
        names = [before, f"W{layer}", f"R{layer}", f"B{layer}", lengths]
        if "P" in arrays:
            names += ["", "", f"P{layer}"]
        last = layer == case.layers - 1
        nodes += [
            helper.make_node(
                operator,
                names,
                [f"directions{layer}"],
                hidden_size=case.hidden,
                direction="bidirectional" if case.directions == 2 else "forward",
                **attributes,
            ),
            # [T, K, N, H] → [T, N, K·H]
            helper.make_node("Transpose", [f"directions{layer}"], [f"turned{layer}"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"turned{layer}", "shape"], ["y" if last else f"y{layer}"]),
        ]
        before = f"y{layer}"
    inputs = [helper.make_tensor_value_info("x", float32, ["T", "N", case.inputs])]
    if case.is_ragged:
        inputs.append(helper.make_tensor_value_info("lengths", onnx.TensorProto.INT32, ["N"]))
    outputs = [helper.make_tensor_value_info("y", float32, ["T", "N", case.directions * case.hidden])]
    weights = [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "layers", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)


def _arrays(problem: Problem, layer: int, order: str) -> dict[str, NDArray[Any]]:
    """ONNX's `W` `[K, G·H, D]`, `R` `[K, G·H, H]`, `B` `[K, 2·G·H]`, and `P` `[K, 3·H]` if there are peepholes."""
    parts: dict[str, list[Tensor]] = {}
    for suffix in (f"_l{layer}", f"_l{layer}_reverse")[: problem.case.directions]:

        def gates(name: str, suffix: str = suffix) -> Tensor:
            blocks = dict(
                zip(problem.cell.gates, problem.weights[name + suffix].chunk(len(order)), strict=True)
            )
            return torch.cat([blocks[gate] for gate in order])

        parts.setdefault("W", []).append(gates("weight_ih"))
        parts.setdefault("R", []).append(gates("weight_hh"))
        parts.setdefault("B", []).append(torch.cat([gates("bias_ih"), gates("bias_hh")]))
        if (peepholes := problem.weights.get("weight_ch" + suffix)) is not None:  # ours: i, f, o
            rows = dict(zip("ifo", peepholes, strict=True))
            parts.setdefault("P", []).append(torch.cat([rows[gate] for gate in _PEEPHOLES]))
    return {name: torch.stack(tensors).numpy() for name, tensors in parts.items()}
