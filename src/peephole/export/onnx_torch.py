"""Our layers inside `torch.onnx.export(…, dynamo=True)`: the operators LSTM, GRU and RNN, one for each layer and direction.

Torch's exporter asks nobody: it follows the layer's `forward`. So the operators are put into the graph that it makes, by
`torch.onnx.ops`, and T, N and the lengths stay free.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from peephole.export.gate_orders import ABSENT, rows_to
from peephole.export.onnx_cells import OPERATORS, OUR_PEEPHOLES, PEEPHOLES, reason_against
from peephole.ops.request import Output, Request


def reason_to_unroll(request: Request) -> str | None:
    """Return why a call must be unrolled over its steps in an ONNX graph, or None where an operator says it.

    Args:
        request: a checked call; packed rows `[R, D]` or a padded batch `[T, N, D]`.
    """
    if not hasattr(torch.onnx.ops, "symbolic_multi_out"):
        return "this version of torch cannot put ONNX's operators into a graph"
    if request.rows.ndim == 2:
        return "ONNX has no packed rows"
    if request.recurrent_mask is not None:
        return "ONNX has no recurrent dropout"
    if request.save or request.clamp:
        return "ONNX's operators give and take no values of single steps"
    return reason_against(request.cell, has_projection="weight_hr" in request.weights)


def as_operator(request: Request, lengths: Tensor | None) -> Output:
    """Put a call into the graph that is being made, as one operator of ONNX.

    Args:
        request: a call that `reason_to_unroll` has nothing against.
        lengths: `[N]` integers, each in [0, T]; None: all T.
    """
    operator, hidden = OPERATORS[request.cell], request.hidden_size
    x, weights, states = request.rows, request.weights, request.cell.states
    rows = rows_to(request.cell.gates, operator.gates, hidden)
    rows[rows == ABSENT] = len(request.cell.gates) * hidden  # the row of zeros below
    at = torch.from_numpy(rows)

    def ordered(name: str) -> Tensor:
        weight = weights[name]
        if operator.attributes.get("input_forget"):
            weight = torch.cat([weight, torch.zeros_like(weight[:1])])
        return weight.index_select(0, at)

    bias = torch.cat([ordered("bias_ih"), ordered("bias_hh")])[None] if "bias_ih" in weights else None
    before = [request.state[state][None] for state in states]
    inputs = [
        x, ordered("weight_ih")[None], ordered("weight_hh")[None], bias,
        None if lengths is None else lengths.to(torch.int32), *before,
    ]  # fmt: skip
    if operator.has_peepholes:
        order = torch.from_numpy(rows_to(OUR_PEEPHOLES, PEEPHOLES, 1))
        inputs.append(weights["weight_ch"].index_select(0, order).reshape(1, 3 * hidden))
    attributes: dict[str, Any] = {
        key: list(value) if isinstance(value, tuple) else value for key, value in operator.attributes.items()
    }
    y, *after = torch.onnx.ops.symbolic_multi_out(
        operator.name,
        inputs,
        attributes | {"hidden_size": hidden, "direction": "reverse" if request.reverse else "forward"},
        dtypes=[x.dtype] * (1 + len(states)),
        shapes=[(x.shape[0], 1, x.shape[1], hidden), *[(1, x.shape[1], hidden)] * len(states)],
    )
    if (
        lengths is not None
    ):  # ONNX Runtime gives zeros for a sequence without steps, and not the state before it
        is_empty = (lengths == 0)[None, :, None]
        after = [torch.where(is_empty, old, new) for old, new in zip(before, after, strict=True)]
    final = {state: value[0] for state, value in zip(states, after, strict=True)}
    return Output(y.squeeze(1), final if request.want_state else {}, {})
