"""The classifier as an ONNX model, for ONNX Runtime; for `scoring.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from peephole.classifier import ModelConfig, Recurrent
from scoring_rivals import Weights, stages_of


class OnnxRival:
    """The classifier as an ONNX model, run by ONNX Runtime. Its LSTM takes lengths, and so begins no text in the padding."""

    def __init__(self, config: ModelConfig, weights: Weights, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        model = onnx_model(config, weights).SerializeToString()
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def logits(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
        """As `Rival`."""
        feed = {"ids": ids, "lengths": lengths.astype(np.int32)}
        return np.asarray(self._session.run(None, feed)[0], np.float64)


def onnx_model(config: ModelConfig, weights: Weights) -> onnx.ModelProto:
    """Return the classifier as a graph: ``ids`` `[T, N]` int64 and ``lengths`` `[N]` int32 → ``logits`` `[N, C]`."""
    recurrent, pooling, head = stages_of(config)
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, NDArray[Any]] = {
        "embedding": weights[f"{config.stages[0].name}.weight"],
        "rows": np.array([0, 0, -1], np.int64),
        "states": np.array([0, -1], np.int64),
        "first": np.array([0], np.int64),
        "column": np.array([1], np.int64),
        "columns": np.array([1, 2], np.int64),
        "zero": np.array(0, np.int64),
        "one": np.array(1, np.int64),
        "lowest": np.array(-np.inf, np.float32),
    }

    def node(operator: str, inputs: list[str], output: str | list[str], **attributes: Any) -> str:
        outputs = [output] if isinstance(output, str) else output
        nodes.append(helper.make_node(operator, inputs, outputs, **attributes))
        return outputs[0]

    current = node("Gather", ["embedding", "ids"], "embedded")
    final = ""
    for stage in recurrent:
        for layer in range(stage.num_layers):
            tag = f"{stage.name}{layer}"
            constants |= {
                f"{name} {tag}": array for name, array in _onnx_weights(stage, layer, weights).items()
            }
            operands = [current, f"W {tag}", f"R {tag}", f"B {tag}", "lengths"]
            direction = "bidirectional" if stage.bidirectional else "forward"
            final = f"final {tag}"
            node(
                "LSTM",
                operands,
                [f"directions {tag}", final],
                hidden_size=stage.hidden_size,
                direction=direction,
            )
            node("Transpose", [f"directions {tag}"], f"turned {tag}", perm=[0, 2, 1, 3])
            current = node("Reshape", [f"turned {tag}", "rows"], f"rows {tag}")
    pooled: list[str] = []
    for statistic in pooling.statistics:
        if statistic == "last":
            node("Transpose", [final], "final by text", perm=[1, 0, 2])
            pooled.append(node("Reshape", ["final by text", "states"], "last"))
        elif statistic == "mean":  # rows past a text's end are zero
            node("Cast", ["lengths"], "float lengths", to=onnx.TensorProto.FLOAT)
            node("Unsqueeze", ["float lengths", "column"], "counts")
            node("ReduceSum", [current, "first"], "sums", keepdims=0)
            pooled.append(node("Div", ["sums", "counts"], "mean"))
        else:
            node("Shape", ["ids"], "shape")
            node("Gather", ["shape", "zero"], "count")
            node("Range", ["zero", "count", "one"], "steps")
            node("Unsqueeze", ["steps", "columns"], "steps as column")
            node("Cast", ["lengths"], "long lengths", to=onnx.TensorProto.INT64)
            node("Unsqueeze", ["long lengths", "column"], "lengths as column")
            node("Less", ["steps as column", "lengths as column"], "real")
            node("Where", ["real", current, "lowest"], "real rows")
            pooled.append(node("ReduceMax", ["real rows"], "max", axes=[0], keepdims=0))
    current = node("Concat", pooled, "pooled", axis=1)
    for stage in head:
        names = [f"{stage.name}.{part}" for part in ("weight", "bias")]
        constants |= {name: weights[name] for name in names}
        current = node("Gemm", [current, *names], f"linear {stage.name}", transB=1)
        if stage.activation != "none":
            current = node(stage.activation.capitalize(), [current], f"active {stage.name}")
    node("Identity", [current], "logits")
    used = {name for made in nodes for name in made.input}
    graph = helper.make_graph(
        nodes,
        "classifier",
        [
            helper.make_tensor_value_info("ids", onnx.TensorProto.INT64, ["T", "N"]),
            helper.make_tensor_value_info("lengths", onnx.TensorProto.INT32, ["N"]),
        ],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["N", len(config.labels)])],
        [
            numpy_helper.from_array(np.ascontiguousarray(array), name)
            for name, array in constants.items()
            if name in used
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


def _onnx_weights(stage: Recurrent, layer: int, weights: Weights) -> dict[str, NDArray[np.float32]]:
    """ONNX's `W` `[K, 4H, D]`, `R` `[K, 4H, H]` and `B` `[K, 8H]`, whose gates stand in the order i, o, f, g."""
    parts: dict[str, list[NDArray[np.float32]]] = {"W": [], "R": [], "B": []}
    for suffix in (f"_l{layer}", f"_l{layer}_reverse")[: stage.directions]:
        inputs, states, first, second = (
            np.concatenate(
                [np.split(weights[f"{stage.name}.{name}{suffix}"], 4)[gate] for gate in (0, 3, 1, 2)]
            )
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        parts["W"].append(inputs)
        parts["R"].append(states)
        parts["B"].append(np.concatenate([first, second]))
    return {name: np.stack(arrays) for name, arrays in parts.items()}
