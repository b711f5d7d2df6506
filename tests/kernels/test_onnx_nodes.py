"""ONNX as an oracle: its own node tests for LSTM, GRU and RNN, and its reference evaluator on larger random inputs."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

from peephole.ops.library import library
from support.onnx_nodes import INPUTS, by_name, run_node

onnx = pytest.importorskip("onnx", reason="needs the onnx package")

RUNNERS = [
    ("reference", "numpy"), ("reference", "torch"), ("torch", "torch"),
    *([("compiled", "numpy"), ("compiled", "torch")] if library().handle is not None else []),
]  # fmt: skip


def node_tests() -> list[Any]:
    """ONNX collects a module's cases when it is imported."""
    node = importlib.import_module("onnx.backend.test.case.node")
    for name in ("lstm", "gru", "rnn"):
        importlib.import_module(f"onnx.backend.test.case.node.{name}")
    return [
        case for case in node._NodeTestCases if case.model.graph.node[0].op_type in ("LSTM", "GRU", "RNN")
    ]


CASES = node_tests()


def attributes_of(node: Any) -> dict[str, Any]:
    found = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}


def torch_has(op: str, attributes: dict[str, Any], inputs: dict[str, np.ndarray]) -> bool:
    return "P" not in inputs and (op != "GRU" or bool(attributes.get("linear_before_reset")))


def test_onnx_has_the_cases_that_we_count_on() -> None:
    names = {case.name.removeprefix("test_").removeprefix("simple_") for case in CASES}
    assert names >= {
        f"{op}_{what}" for op in ("lstm", "gru", "rnn") for what in ("defaults", "with_initial_bias", "batchwise")
    } | {"lstm_with_peepholes", "gru_seq_length", "rnn_seq_length"}  # fmt: skip


@pytest.mark.parametrize(("backend", "kind"), RUNNERS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_onnx_node_tests(case: Any, backend: str, kind: str) -> None:
    (node,) = case.model.graph.node
    attributes = attributes_of(node)
    for given, expected in case.data_sets:
        inputs = by_name(node, given)
        if backend == "torch" and not torch_has(node.op_type, attributes, inputs):
            pytest.skip("torch has no kernel for this cell")
        found = run_node(node.op_type, attributes, inputs, backend=backend, kind=kind)
        outputs = [name for name, wanted in zip(("Y", "Y_h", "Y_c"), node.output, strict=False) if wanted]
        for name, value in zip(outputs, expected, strict=True):
            assert found[name].shape == value.shape
            np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-6)


def evaluate(op: str, attributes: dict[str, Any], inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What ONNX's reference evaluator says. It leaves `sequence_lens` aside: each sequence goes by itself, cut to its length."""
    from onnx.reference import ReferenceEvaluator

    outputs = ["Y", "Y_h", *(["Y_c"] if op == "LSTM" else [])]
    names = [name if name in inputs and name != "sequence_lens" else "" for name in INPUTS[op]]
    node = onnx.helper.make_node(op, names, outputs, hidden_size=inputs["R"].shape[-1], **attributes)
    kind = onnx.helper.np_dtype_to_tensor_dtype(inputs["X"].dtype)
    graph = onnx.helper.make_graph(
        [node], "one",
        [onnx.helper.make_tensor_value_info(name, kind, inputs[name].shape) for name in names if name],
        [onnx.helper.make_tensor_value_info(name, kind, None) for name in outputs],
    )  # fmt: skip
    evaluator = ReferenceEvaluator(onnx.helper.make_model(graph))
    steps, batch, _ = inputs["X"].shape
    hidden, directions = inputs["R"].shape[-1], inputs["R"].shape[0]
    y = np.zeros((steps, directions, batch, hidden), inputs["X"].dtype)
    finals = {name: np.zeros((directions, batch, hidden), y.dtype) for name in outputs[1:]}
    for n, length in enumerate(inputs["sequence_lens"]):
        one = {name: inputs[name] for name in names if name}
        one["X"] = inputs["X"][:length, n : n + 1]
        one |= {name: inputs[name][:, n : n + 1] for name in ("initial_h", "initial_c") if name in inputs}
        if length == 0:  # the evaluator takes no empty sequence; its state stays what it was
            for name in finals:
                finals[name][:, n] = one[name.replace("Y", "initial")][:, 0]
            continue
        found = dict(zip(outputs, evaluator.run(None, one), strict=True))
        y[:length, :, n] = found["Y"][:, :, 0]
        for name in finals:
            finals[name][:, n] = found[name][:, 0]
    return {"Y": y, **finals}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(
    ("op", "options"),
    [
        ("LSTM", {}),
        ("LSTM", {"peepholes": True}),
        ("GRU", {"linear_before_reset": 0}),
        ("GRU", {"linear_before_reset": 1}),
        ("RNN", {}),
    ],
    ids=str,
)
def test_onnx_reference_evaluator(op: str, options: dict[str, Any], direction: str, dtype: type) -> None:
    random = np.random.default_rng(0)
    steps, batch, width, hidden = 23, 7, 13, 37
    gates, directions = {"LSTM": 4, "GRU": 3, "RNN": 1}[op], 2 if direction == "bidirectional" else 1

    def draw(*shape: int) -> np.ndarray:
        return random.normal(size=(directions, *shape)).astype(dtype)

    inputs = {
        "X": random.normal(size=(steps, batch, width)).astype(dtype),
        "W": draw(gates * hidden, width) / np.sqrt(width).astype(dtype),
        "R": draw(gates * hidden, hidden) / np.sqrt(hidden).astype(dtype),
        "B": draw(2 * gates * hidden),
        "sequence_lens": np.array([23, 5, 0, 23, 1, 17, 5], np.int32),
        "initial_h": draw(batch, hidden),
    }
    if op == "LSTM":
        inputs["initial_c"] = draw(batch, hidden)
    if options.get("peepholes"):
        inputs["P"] = draw(3 * hidden)
    attributes = {"direction": direction, **{k: v for k, v in options.items() if k != "peepholes"}}
    expected = evaluate(op, attributes, inputs)
    for backend, kind in RUNNERS:
        if backend == "torch" and not torch_has(op, attributes, inputs):
            continue
        found = run_node(op, attributes, inputs, backend=backend, kind=kind)
        assert set(found) == set(expected)
        for name, value in expected.items():
            # Two sums over 50 products, 23 steps, in another order.
            bound = 32 * np.finfo(dtype).eps * np.log2(50 * 23)
            np.testing.assert_allclose(
                found[name], value, rtol=0, atol=bound, err_msg=f"{backend} {kind} {name}"
            )
