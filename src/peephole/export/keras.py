"""Weights from Keras 3 and to it. Keras itself is never imported: arrays need none, and who has a layer has imported it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from peephole import cells, nn
from peephole.equations import Cell
from peephole.errors import OptionError, ShapeError
from peephole.export.building import Options, layer_of, suffixes
from peephole.export.keras_arrays import KERAS_CLASSES, Array, check_cell, from_arrays, to_arrays
from peephole.export.keras_layers import KerasLayer, Part, is_keras_layer, read

_VARIABLES = ("kernel", "recurrent_kernel", "bias")


def from_keras(
    source: Any,
    *,
    cell: Cell | str | None = None,
    batch_first: bool = True,
    inference: bool = False,
    device: Any = None,
    dtype: torch.dtype | None = None,
) -> nn.Recurrent:
    """Make a layer with the weights of Keras's, which computes what that computes.

    Args:
        source: a built Keras layer (LSTM, GRU, SimpleRNN, RNN of such cells, Bidirectional), or a list of layers on top of each
            other, which become one. Or arrays, for which Keras need not be installed: those of ``layer.get_weights()``, or a list
            of such lists, one for each layer.
        cell: the equations, with arrays alone: ``"lstm"``, ``"rnn"``, `cells.RNN("relu")`, `cells.GRU("after")` for
            ``reset_after=True``, `cells.GRU("before")` for False.
        batch_first: inputs are `[N, T, D]`, as Keras's are.
        inference: leave out what changes training alone (dropout, penalties, constraints) instead of refusing it.
        device: of the parameters.
        dtype: of the parameters; None: that of the variables.

    Returns:
        `peephole.nn.LSTM`, `GRU` or `RNN`, with weights of its own. Where Keras has one bias it is
        ``bias_ih``, and ``bias_hh`` is zero.

    Raises:
        OptionError: an option, a layer or a cell has no counterpart; all of them, with the reasons.
        ShapeError: arrays are not what the cell's should be.

    Example:
        >>> H, D = 2, 3
        >>> kernel, recurrent = np.zeros((D, 3 * H)), np.zeros((H, 3 * H))
        >>> from_keras([kernel, recurrent, np.zeros((2, 3 * H))], cell=cells.GRU("after"))
        GRU(3, 2, batch_first=True)
    """
    where = "from_keras"
    layers = list(source) if isinstance(source, (list, tuple)) else [source]
    if layers and all(map(is_keras_layer, layers)):
        if cell is not None:
            raise OptionError(f"{where}: cell must be None with Keras layers, which have one; got {cell!r}")
        parts = [part for layer in layers for part in read(where, layer, inference=inference)]
        _check_stack(where, parts)
        kind, dropout = parts[0].cell, parts[0].recurrent_dropout
        stack = [[_variables(direction) for direction in part.directions] for part in parts]
        name = str(parts[0].directions[0].kernel.dtype)
        frozen = [not part.trainable for part in parts]
    else:
        kind, stack = _given_cell(where, cell), _arrays(where, layers)
        name, dropout, frozen = _dtype_of(where, stack, dtype), 0.0, [False] * len(stack)
    state: dict[str, Tensor] = {}
    for arrays, ends in zip(stack, suffixes(len(stack), len(stack[0])), strict=True):
        for one, end in zip(arrays, ends, strict=True):
            weights = from_arrays(where, kind, [np.asarray(array, _numpy_type(name)) for array in one])
            state |= {f"{key}{end}": torch.from_numpy(weight) for key, weight in weights.items()}
    options = Options(
        batch_first, recurrent_dropout=dropout, device=device, dtype=dtype or getattr(torch, name)
    )
    layer = layer_of(where, kind, state, options)
    for k, is_frozen in enumerate(frozen):
        for key, parameter in layer.named_parameters():
            if is_frozen and key.removesuffix("_reverse").endswith(f"_l{k}"):
                parameter.requires_grad_(False)
    return layer


def to_keras(layer: nn.Recurrent, into: Any = None) -> list[list[Array]]:
    """Return a layer's weights as Keras has them, and give them to Keras layers.

    Args:
        layer: with a cell that Keras has: LSTM, GRU, or RNN.
        into: built Keras layers that take the weights: one, or a list with one for each layer of `layer` (an RNN of several cells
            counts as several).

    Returns:
        For each layer, the arrays of ``layer.set_weights()``: kernel, recurrent kernel and, if there are biases, bias; of a
        bidirectional layer, those of both directions. Keras has one bias for an LSTM, an RNN and a GRU with
        ``reset_after=False``: the sum of both of ours. Of bfloat16, NumPy's float32.

    Raises:
        OptionError: Keras has no such cell, or no projection; or `into` computes something else.

    Example:
        >>> [kernel, recurrent, bias] = to_keras(nn.GRU(3, 5))[0]
        >>> kernel.shape, recurrent.shape, bias.shape
        ((3, 15), (5, 15), (2, 15))
    """
    where = "to_keras"
    if not isinstance(layer, nn.Recurrent):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(
            f"{where}: layer must be one of peephole.nn (from_torch makes one of torch's); got {type(layer).__name__}"
        )
    check_cell(where, layer.cell)
    if layer.proj_size:
        raise OptionError(f"{where}: Keras has no projection; got proj_size={layer.proj_size}")
    names = ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if layer.bias else ()))
    arrays = [
        [to_arrays(layer.cell, {name: _numpy(getattr(layer, name + end)) for name in names}) for end in ends]
        for ends in suffixes(layer.num_layers, 2 if layer.bidirectional else 1)
    ]
    if into is not None:
        targets = list(into) if isinstance(into, (list, tuple)) else [into]
        parts = [part for target in targets for part in read(where, target, inference=True)]
        _check_same(where, layer.cell, arrays, parts)
        for per_layer, part in zip(arrays, parts, strict=True):
            for values, direction in zip(per_layer, part.directions, strict=True):
                for name, value in zip(_VARIABLES, values, strict=False):
                    getattr(direction, name).assign(value)
    return [[array for values in per_layer for array in values] for per_layer in arrays]


def _variables(direction: KerasLayer) -> list[Array]:
    """Kernel, recurrent kernel and, if there is one, bias of a Keras cell, as NumPy arrays."""
    variables = [getattr(direction, name) for name in _VARIABLES]
    to_numpy = sys.modules["keras"].ops.convert_to_numpy
    return [to_numpy(variable) for variable in variables if variable is not None]


def _numpy(weight: Tensor) -> Array:
    weight = weight.detach().cpu()
    return (weight.float() if weight.dtype == torch.bfloat16 else weight).numpy()


def _numpy_type(name: str) -> str:
    return "float32" if name == "bfloat16" else name


def _given_cell(where: str, cell: Cell | str | None) -> Cell:
    if cell is None:
        raise OptionError(
            f"{where}: arrays do not say of what cell they are; got cell=None",
            hint='for example cell="lstm", cell=cells.GRU("before")',
        )
    made = cells.make(cell) if isinstance(cell, str) else cell
    check_cell(where, made)
    return made


def _arrays(where: str, layers: Sequence[Any]) -> list[list[list[Array]]]:
    """Arrays by layer and direction, from those of one layer or a list of such lists."""
    nested = bool(layers) and all(
        isinstance(layer, (list, tuple)) and layer and np.ndim(layer[0]) > 0 for layer in layers
    )
    if nested and np.ndim(cast("list[Any]", layers[0])[0]) == 1:
        nested = False  # a matrix, written as lists of rows
    per_layer = [list(layer) for layer in layers] if nested else [list(layers)]
    counts = [len(arrays) for arrays in per_layer]
    if counts[0] not in (2, 3, 4, 6) or len(set(counts)) > 1:
        raise ShapeError(
            f"{where}: each layer must have as many arrays as the others: 2 or 3, 4 or 6 if bidirectional; got {counts}",
            hint="a Keras layer must be one of a keras that is imported; arrays are those of layer.get_weights()",
        )
    half = {2: 2, 3: 3, 4: 2, 6: 3}[counts[0]]
    return [[arrays[k : k + half] for k in range(0, len(arrays), half)] for arrays in per_layer]


def _dtype_of(where: str, stack: list[list[list[Array]]], dtype: torch.dtype | None) -> str:
    names = sorted({np.asarray(a).dtype.name for layer in stack for arrays in layer for a in arrays})
    known = ("float32", "float64", "float16", "bfloat16")
    if len(names) > 1 and dtype is not None and set(names) <= set(known):
        return "float64"
    if len(names) > 1 or names[0] not in known:
        raise OptionError(
            f"{where}: arrays must have one dtype of {', '.join(known)}; got {', '.join(names)}"
        )
    return names[0]


def _check_stack(where: str, parts: list[Part]) -> None:
    """Raise `OptionError` unless these can be the layers of one."""
    first, wrong = parts[0], list[str]()
    for k, part in enumerate(parts[1:], 1):
        pairs = {
            "cell": (first.cell, part.cell),
            "units": (_units(first), _units(part)),
            "use_bias": (_has_bias(first), _has_bias(part)),
            "directions": (len(first.directions), len(part.directions)),
            "recurrent_dropout": (first.recurrent_dropout, part.recurrent_dropout),
        }
        wrong += [
            f"{name} of layer {k} is {b!r}, of layer 0 {a!r}" for name, (a, b) in pairs.items() if a != b
        ]
    wrong += [
        f"layer {k} hands on its last output alone (return_sequences=False)"
        for k, part in enumerate(parts[:-1])
        if not part.returns_sequences
    ]
    if wrong:
        raise OptionError(
            f"{where}: layers of one layer must be alike; {'; '.join(wrong)}", hint="convert them one by one"
        )


def _units(part: Part) -> int:
    return int(part.directions[0].units)


def _has_bias(part: Part) -> bool:
    return bool(part.directions[0].use_bias)


def _check_same(where: str, cell: Cell, arrays: list[list[list[Array]]], parts: list[Part]) -> None:
    """Raise `OptionError` unless Keras's layers compute what ours does, with arrays of the same shapes."""
    wrong = list[str]()
    if len(parts) != len(arrays):
        wrong.append(f"number of layers: {len(arrays)} here, {len(parts)} there")
    for k, (per_layer, part) in enumerate(zip(arrays, parts, strict=False)):
        shapes = [[array.shape for array in values] for values in per_layer]
        theirs = [[tuple(a.shape) for a in _variables(direction)] for direction in part.directions]
        if part.cell != cell:
            wrong.append(
                f"cell of layer {k}: {cell!r} here, {part.cell!r} in {KERAS_CLASSES[type(part.cell)]}"
            )
        elif shapes != theirs:
            wrong.append(f"shapes of layer {k}: {shapes} here, {theirs} there")
    if wrong:
        raise OptionError(f"{where}: into must compute what the layer computes; {'; '.join(wrong)}")
