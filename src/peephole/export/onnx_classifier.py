"""A classifier as an ONNX graph: ids and lengths in, probabilities out, the stages of its config in between."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from peephole.classifier.model import Classifier
from peephole.classifier.stages import Embedding, Linear, Pooling, Recurrent
from peephole.classifier.storage import Int8Rows, Storage
from peephole.export.onnx_graph import Graph, Port, onnx_type
from peephole.export.onnx_layers import Stack, add_stack
from peephole.export.onnx_pooling import Mask, add_pooling
from peephole.export.onnx_tensors import in_storage

_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh"}


def classifier_model(classifier: Classifier, storage: Storage, *, as_scan: bool = False) -> Any:
    """Return a classifier as an ONNX model; `peephole.export.onnx` explains it."""
    config, tensors = classifier.config, classifier.tensors
    graph = Graph(np.float32)
    ids, lengths = graph.name("ids"), graph.name("lengths")
    answer = graph.name("probabilities")
    rows, mask = "", Mask(graph, ids, lengths)
    finals = ""
    is_pooled = False
    for stage in config.stages:
        if isinstance(stage, Embedding):
            steps = graph.add("Transpose", ids, name="id_of_step", perm=[1, 0])
            rows = _embedded(graph, in_storage(tensors[f"{stage.name}.weight"], storage), steps, stage.name)
        elif isinstance(stage, Recurrent):
            rows, after = add_stack(
                graph, rows, _stack(classifier, stage, storage, as_scan), lengths, name=stage.name
            )
            finals = _last_states(graph, after["h"], stage)
        elif isinstance(stage, Pooling):
            rows, is_pooled = add_pooling(graph, stage, rows, finals, mask), True
        elif isinstance(stage, Linear):
            weight = in_storage(tensors[f"{stage.name}.weight"], storage)
            bias = in_storage(tensors[f"{stage.name}.bias"], storage)
            rows = _linear(graph, stage, rows, weight, bias, is_pooled)
    cooled = graph.add("Div", rows, graph.number(config.temperature), name="cooled")
    graph.close(graph.add("Softmax", cooled, name="softmax", axis=1), answer)
    inputs = [Port(ids, np.int64, ("N", "T")), Port(lengths, np.int64, ("N",))]
    outputs = [Port(answer, np.float32, ("N", len(config.labels)))]
    return graph.model("classifier", inputs, outputs, facts_of(classifier, storage))


def facts_of(classifier: Classifier, storage: Storage) -> dict[str, str]:
    """Return what the metadata of a model says: ``labels`` is a JSON list, by column of the probabilities."""
    config = classifier.config
    return {
        "labels": json.dumps(list(config.labels), ensure_ascii=False),
        "library": config.library,
        "precision": storage,
        "tokenizer": "tokenizer.json",
    }


def _embedded(graph: Graph, table: Any, ids: str, name: str) -> str:
    """Add the vectors `[T, N, E]` of ids `[T, N]`; only the rows that are looked up become float32."""
    if isinstance(table, Int8Rows):
        codes = graph.add("Gather", graph.constant(f"{name}.codes", table.codes), ids, name="codes", axis=0)
        scale = graph.add("Gather", graph.constant(f"{name}.scale", table.scale), ids, name="scale", axis=0)
        codes = graph.add("Cast", codes, name="codes", to=onnx_type(np.float32))
        return graph.add(
            "Mul", codes, graph.add("Unsqueeze", scale, graph.integers(2), name="scale"), name="embedded"
        )
    rows = graph.add("Gather", graph.constant(f"{name}.table", table), ids, name="embedded", axis=0)
    return (
        rows
        if table.dtype == np.float32
        else graph.add("Cast", rows, name="embedded", to=onnx_type(np.float32))
    )


def _stack(classifier: Classifier, stage: Recurrent, storage: Storage, as_scan: bool) -> Stack:
    prefix = f"{stage.name}."
    own = {
        name.removeprefix(prefix): tensor
        for name, tensor in classifier.tensors.items()
        if name.startswith(prefix)
    }
    return Stack(
        stage.make_cell(),
        stage.hidden_size,
        stage.num_layers,
        stage.directions,
        own,
        storage,
        stage.hidden_size,
        as_scan,
    )


def _last_states(graph: Graph, h: str, stage: Recurrent) -> str:
    """Add the final h of the last layer, its directions side by side: `[L·K, N, H]` → `[N, K·H]`."""
    first = (stage.num_layers - 1) * stage.directions
    last = graph.add("Slice", h, graph.integers(first), graph.integers(first + stage.directions), name="last")
    last = graph.add("Transpose", last, name="last", perm=[1, 0, 2])
    return graph.add("Reshape", last, graph.integers(0, stage.directions * stage.hidden_size), name="last")


def _linear(graph: Graph, stage: Linear, rows: str, weight: Any, bias: Any, is_pooled: bool) -> str:
    weight, bias = graph.weight(f"{stage.name}.weight", weight), graph.weight(f"{stage.name}.bias", bias)
    if is_pooled:
        rows = graph.add("Gemm", rows, weight, bias, name=stage.name, transB=1)
    else:
        turned = graph.add("Transpose", weight, name=f"{stage.name}.turned", perm=[1, 0])
        rows = graph.add("Add", graph.add("MatMul", rows, turned, name=stage.name), bias, name=stage.name)
    if stage.activation == "none":
        return rows
    return graph.add(_ACTIVATIONS[stage.activation], rows, name=stage.name)
