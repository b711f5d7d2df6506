"""`from_onnx`: the nodes LSTM, GRU and RNN of an ONNX graph as layers of `peephole.nn`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from peephole.classifier.stages import layer_suffix
from peephole.errors import ModelError
from peephole.export.gate_orders import rows_from
from peephole.export.onnx_cells import OPERATORS, OUR_PEEPHOLES, PEEPHOLES
from peephole.export.onnx_constants import Constants, attributes_of
from peephole.export.onnx_file import Array, OnnxFile
from peephole.export.onnx_nodes import Node, read_nodes

if TYPE_CHECKING:
    from peephole.nn import Recurrent


def from_onnx(source: str | os.PathLike[str] | bytes | Any) -> dict[str, Recurrent]:
    """Return the recurrent layers of an ONNX model, by the names of their nodes, in the order of the graph.

    Nodes that stand on top of each other, as `peephole.export.onnx` writes several layers, become one layer with ``num_layers``,
    under the name of the first. Only weights and options are read: what surrounds the nodes, and where initial states and lengths
    come from, is for the caller to do again.

    The file is not trusted: sizes are bounded, nothing in it is run, and of other files only those beside the model are read.

    Args:
        source: the path of a file, its bytes, or an `onnx.ModelProto`.

    Returns:
        name → layer, of the dtype of its weights (float16 ones become float32), in training mode, as layers are made.

    Raises:
        ModelError: it is no ONNX model, holds no such node, or a node says something that our layers cannot: a clip, other
            activations than the usual ones, ``layout=1``, a reverse direction alone, an initial state that is a constant other
            than zero, weights that are computed.
        MissingExtra: the package onnx, or torch, is not installed.

    Example:
        >>> from peephole.export import from_onnx, onnx
        >>> from peephole.nn import GRU
        >>> from_onnx(onnx(GRU(3, 5, 2, reset="before", bidirectional=True)))
        {'layer0.Y': GRU(3, 5, num_layers=2, bidirectional=True, reset='before')}
    """
    file = OnnxFile(source)
    constants = Constants(file)
    layers = _stacks(read_nodes(file, constants), file, constants)
    return {chain[0].name: _layer(chain) for chain in layers}


def _stacks(nodes: list[Node], file: OnnxFile, constants: Constants) -> list[list[Node]]:
    """Put nodes that stand on top of each other together: each reads nothing but what the one before gives, turned."""
    made_by = {name: node for node in file.graph.node for name in node.output if name}
    chains: list[list[Node]] = []
    of_output: dict[str, list[Node]] = {}
    for node in nodes:
        source = _source(node, made_by, constants)
        if source in of_output and of_output[source][-1].stands_below(node):
            chain = of_output.pop(source)  # a second node upon that one begins a stack of its own
        else:
            chain = []
            chains.append(chain)
        chain.append(node)
        of_output[node.output] = chain
    return chains


def _source(node: Node, made_by: dict[str, Any], constants: Constants) -> str:
    """Return the output `Y` `[T, K, N, H]` that a node's input is, turned to `[T, N, K·H]`; or nothing."""
    maker = made_by.get(node.x)
    if maker is None:
        return ""
    if maker.op_type == "Squeeze":
        axes = attributes_of(maker).get("axes") if len(maker.input) < 2 else constants.value(maker.input[1])
        return maker.input[0] if axes is not None and list(axes) == [1] else ""
    shape = constants.value(maker.input[1]) if maker.op_type == "Reshape" else None
    if shape is None or shape.tolist() not in ([0, 0, node.inputs], [0, 0, -1]):
        return ""
    turned = made_by.get(maker.input[0])
    if turned is None or turned.op_type != "Transpose" or attributes_of(turned).get("perm") != [0, 2, 1, 3]:
        return ""
    return turned.input[0]


def _layer(chain: list[Node]) -> Recurrent:
    import torch

    from peephole import cells, nn

    first = chain[0]
    sizes = (first.inputs, first.hidden)
    options: dict[str, Any] = {
        "num_layers": len(chain),
        "bias": first.bias is not None,
        "bidirectional": first.directions == 2,
        "dtype": torch.float64 if first.w.dtype == np.float64 else torch.float32,
    }
    cell = first.cell
    if isinstance(cell, cells.RNN):
        layer = nn.RNN(*sizes, nonlinearity=cell.nonlinearity, **options)
    elif isinstance(cell, cells.GRU):
        layer = nn.GRU(*sizes, reset=cell.reset, **options)
    elif isinstance(cell, cells.PeepholeLSTM):
        layer = nn.PeepholeLSTM(*sizes, **options)
    elif isinstance(cell, cells.LSTM):
        layer = nn.LSTM(*sizes, **options)
    else:
        layer = nn.Recurrent(cell, *sizes, **options)
    weights = {
        name + layer_suffix(k, reverse): torch.from_numpy(array)
        for k, node in enumerate(chain)
        for reverse in range(node.directions)
        for name, array in _weights(node, reverse).items()
    }
    layer.load_state_dict(weights)
    return layer


def _weights(node: Node, direction: int) -> dict[str, Array]:
    """Return the weights of one direction by our names, in our order."""
    operator = OPERATORS[node.cell]
    rows = rows_from(operator.gates, node.cell.gates, node.hidden)
    found = {"weight_ih": node.w[direction][rows], "weight_hh": node.r[direction][rows]}
    if node.bias is not None:
        first, second = np.split(node.bias[direction], 2)
        found |= {"bias_ih": first[rows], "bias_hh": second[rows]}
    if node.peepholes is not None:
        blocks = node.peepholes[direction].reshape(3, node.hidden)
        found["weight_ch"] = blocks[rows_from(PEEPHOLES, OUR_PEEPHOLES, 1)]
    for name, array in found.items():
        if not np.isfinite(array).all():
            raise ModelError(f"{node.place}: weights must be finite; got NaN or infinite ones in {name}")
    return {
        name: np.ascontiguousarray(array, np.float32 if array.dtype == np.float16 else array.dtype)
        for name, array in found.items()
    }
