"""ONNX models run in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from peephole.nn import Recurrent


def session(model: Any) -> Any:
    """A session of a model, on the CPU, that says nothing."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def operators(model: Any) -> list[str]:
    """The recurrent operators of a model, in order."""
    return [node.op_type for node in model.graph.node if node.op_type in ("LSTM", "GRU", "RNN", "Scan")]


def batch_for(
    layer: Recurrent, lengths: Sequence[int], steps: int, seed: int = 0
) -> tuple[Tensor, list[Tensor]]:
    """Random inputs and initial states."""
    random = torch.Generator().manual_seed(seed)
    dtype, batch = layer.weight_ih_l0.dtype, len(lengths)
    x = torch.randn(steps, batch, layer.input_size, generator=random, dtype=dtype)
    total = layer.num_layers * (2 if layer.bidirectional else 1)
    states: list[Tensor] = []
    for k in range(len(layer.cell.states)):
        width = layer.proj_size if k == 0 and layer.proj_size else layer.hidden_size
        states.append(torch.randn(total, batch, width, generator=random, dtype=dtype))
    return x.transpose(0, 1).contiguous() if layer.batch_first else x, states


def feed_of(layer: Recurrent, x: Tensor, states: Sequence[Tensor], lengths: Sequence[int]) -> dict[str, Any]:
    """What a model of a layer is given."""
    named = {f"{name}_0": state.numpy() for name, state in zip(layer.cell.states, states, strict=True)}
    return {"input": x.numpy(), "lengths": np.array(lengths, np.int64), **named}


def expected_of(
    layer: Recurrent, x: Tensor, states: Sequence[Tensor] | None, lengths: Sequence[int] | None
) -> list[np.ndarray]:
    """What a layer gives: outputs, then final states."""
    hx: Any = None if states is None else states[0] if len(states) == 1 else tuple(states)
    with torch.no_grad():
        y, finals = layer(x, hx, lengths=lengths)
    return [value.numpy() for value in (y, *([finals] if isinstance(finals, Tensor) else finals))]
