"""`onnx`: a layer or a classifier as an ONNX model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from peephole.classifier.model import Classifier
from peephole.classifier.storage import STORAGES as PRECISIONS
from peephole.classifier.storage import Storage
from peephole.errors import OptionError, check_choice
from peephole.export.onnx_classifier import classifier_model
from peephole.export.onnx_graph import Graph, Port, onnx_package
from peephole.export.onnx_layers import Stack, add_stack

if TYPE_CHECKING:
    from peephole.nn import Recurrent


def onnx(
    model: Recurrent | Classifier,
    *,
    precision: str = "float32",
    lengths: bool = True,
    states: bool = True,
    as_scan: bool = False,
) -> Any:
    """Return a layer of `peephole.nn`, or a classifier, as an ONNX model.

    A layer takes ``input`` `[T, N, D]` (`[N, T, D]` if batch-first), ``lengths`` `[N]` int64 and initial states ``h_0``, ``c_0``
    … `[L·K, N, H]`; it gives ``output`` and final states ``h_n``, ``c_n`` …, as the layer does. N and T are free. Recurrent
    layers are written with the operators LSTM, GRU and RNN where these say the cell, otherwise as a `Scan` of its equations.

    A classifier takes ``ids`` `[N, T]` int64, padded with any id, and ``lengths`` `[N]` int64, and gives ``probabilities``
    `[N, C]`; its labels stand in the model's metadata, its tokenizer in `Classifier.tokenizer`.

    Dropout is left out: an exported model predicts.

    Args:
        model: the layer or the classifier.
        precision: how matrices are held: ``"float32"``; ``"float16"``; ``"int8"``, whole numbers with a scale for each row. The
            last two become float32 in the graph, before they are multiplied. ``"float32"`` leaves a float64 layer as it is.
        lengths: whether a layer takes ``lengths``; without, all sequences have T steps.
        states: whether a layer takes initial states; without, they are zeros.
        as_scan: write a `Scan` where an operator would do: what runs float64 in ONNX Runtime, whose operators do not.

    Returns:
        An `onnx.ModelProto`, checked by ONNX's own checker; ``.SerializeToString()`` gives its bytes.

    Raises:
        OptionError: an option is out of range, or does not suit the layer.
        ModelError: a number is too large for float16.
        MissingExtra: the package onnx is not installed.

    Example:
        >>> from peephole.nn import PeepholeLSTM
        >>> made = onnx(PeepholeLSTM(3, 5, bidirectional=True))
        >>> [node.op_type for node in made.graph.node if node.op_type in ("LSTM", "Scan")]
        ['LSTM']
    """
    onnx_package()
    check_choice("export.onnx", "precision", precision, PRECISIONS)
    storage = cast("Storage", precision)
    if isinstance(model, Classifier):
        return classifier_model(model, storage, as_scan=as_scan)
    return _layer_model(model, storage, lengths, states, as_scan)


def _layer_model(layer: Any, storage: Storage, lengths: bool, states: bool, as_scan: bool) -> Any:
    from peephole.nn.recurrent import Recurrent

    if not isinstance(layer, Recurrent):
        raise OptionError(
            f"export.onnx: the model must be a layer of peephole.nn or a Classifier; got {type(layer).__name__}",
            hint="torch.onnx.export writes a module that holds such layers; load() gives a Classifier",
        )
    # By attribute: what is parametrised has another name in the state dict.
    weights = {name: _array(getattr(layer, name)) for name in layer._flat_weights_names}  # pyright: ignore[reportPrivateUsage]
    dtype = next(iter(weights.values())).dtype
    if dtype == np.float64 and storage != "float32":
        raise OptionError(
            f"export.onnx: precision must be 'float32' for a layer of float64; got {storage!r}",
            hint="layer.float() first",
        )
    directions, width = 2 if layer.bidirectional else 1, layer.proj_size or layer.hidden_size
    stack = Stack(
        layer.cell, layer.hidden_size, layer.num_layers, directions, weights, storage, width, as_scan
    )
    graph, total = Graph(dtype), layer.num_layers * directions
    batch, time = ("N", "T"), ("T", "N")
    lead = batch if layer.batch_first else time
    sizes = {state: width if state == "h" else layer.hidden_size for state in layer.cell.states}
    inputs = [Port(graph.name("input"), dtype, (*lead, layer.input_size))]
    if lengths:
        inputs.append(Port(graph.name("lengths"), np.int64, ("N",)))
    before = {state: graph.name(f"{state}_0") for state in sizes} if states else {}
    inputs += [Port(name, dtype, (total, "N", sizes[state])) for state, name in before.items()]
    outputs = [Port(graph.name("output"), dtype, (*lead, directions * width))]
    outputs += [Port(graph.name(f"{state}_n"), dtype, (total, "N", size)) for state, size in sizes.items()]
    x = graph.add("Transpose", "input", name="steps", perm=[1, 0, 2]) if layer.batch_first else "input"
    y, finals = add_stack(graph, x, stack, "lengths" if lengths else "", before)
    if layer.batch_first:
        y = graph.add("Transpose", y, name="steps", perm=[1, 0, 2])
    for port, value in zip(outputs, (y, *finals.values()), strict=True):
        graph.close(value, port.name)
    return graph.model(type(layer).__name__, inputs, outputs, {"cell": repr(layer.cell)})


def _array(tensor: Any) -> Any:
    import torch

    tensor = tensor.detach().cpu()
    wide = tensor.dtype in (torch.float32, torch.float64)
    return (tensor if wide else tensor.float()).numpy()
