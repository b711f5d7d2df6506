"""Keras's arrays and ours: its order of gates, its transposed matrices and its biases are known here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole import cells
from peephole.equations import Cell
from peephole.errors import OptionError, ShapeError
from peephole.export.gate_orders import rows_from, rows_to

Array = npt.NDArray[np.floating[Any]]

# Keras's class and its order of gates, in our letters. Keras itself writes c for g, and h for n.
KERAS_CLASSES: dict[type[Cell], str] = {cells.LSTM: "LSTM", cells.GRU: "GRU", cells.RNN: "SimpleRNN"}
GATES: dict[type[Cell], tuple[str, ...]] = {
    cells.LSTM: ("i", "f", "g", "o"),
    cells.GRU: ("z", "r", "n"),
    cells.RNN: ("a",),
}


def check_cell(where: str, cell: Cell) -> None:
    """Raise `OptionError` for a cell that Keras has not."""
    if type(cell) not in GATES:
        raise OptionError(
            f"{where}: Keras has LSTM, GRU (reset before or after the product) and SimpleRNN (tanh, relu); got {cell!r}",
            hint="a cell of another kind must be written for Keras as a layer of its own",
        )


def has_two_biases(cell: Cell) -> bool:
    """Whether Keras keeps the bias of the recurrent product apart: `[2, G·H]`. It must where r multiplies that bias."""
    return isinstance(cell, cells.GRU) and cell.reset == "after"


def from_arrays(where: str, cell: Cell, arrays: Sequence[Any]) -> dict[str, Array]:
    """Weights of one direction of one layer, from Keras's arrays.

    Args:
        where: for messages.
        cell: a cell that Keras has.
        arrays: kernel `[D, G·H]`, recurrent kernel `[H, G·H]` and, if there is one, bias `[G·H]`; `[2, G·H]` of a GRU that resets
            after the product. Gates in Keras's order.

    Returns:
        ``weight_ih`` `[G·H, D]`, ``weight_hh`` `[G·H, H]` and, if there is a bias, ``bias_ih`` and ``bias_hh`` `[G·H]`, gates in
        the order of `cell.gates`. Where Keras has one bias, ``bias_hh`` is zero.

    Raises:
        ShapeError: the arrays are not of these shapes.
    """
    kernel, recurrent, *biases = (np.asarray(array) for array in arrays)
    bias = biases[0] if biases else None
    gates = len(cell.gates)
    hidden = recurrent.shape[0] if recurrent.ndim == 2 else 0
    rows = gates * hidden
    named: dict[str, tuple[Array, tuple[Any, ...]]] = {
        "kernel": (kernel, ("D", rows)),
        "recurrent_kernel": (recurrent, (hidden, rows)),
    }
    if bias is not None:
        named["bias"] = (bias, (2, rows) if has_two_biases(cell) else (rows,))
    wrong = [
        f"{name} must be [{', '.join(map(str, axes))}]; got {list(array.shape)}"
        for name, (array, axes) in named.items()
        if array.ndim != len(axes)
        or any(n not in ("D", size) for n, size in zip(axes, array.shape, strict=True))
    ]
    if hidden == 0 or wrong:
        raise ShapeError(
            f"{where}: for {cell!r}, with G={gates} gates and H={hidden} units, {'; '.join(wrong) or 'H must be above 0'}",
            hint="arrays are those of layer.get_weights(): kernel, recurrent_kernel, bias; a GRU's bias is [2, 3·H] with "
            "reset_after=True and [3·H] without",
        )
    order = rows_from(GATES[type(cell)], cell.gates, hidden)
    weights = {"weight_ih": kernel.T[order], "weight_hh": recurrent.T[order]}
    if bias is not None:
        bias_ih, bias_hh = (bias[0], bias[1]) if has_two_biases(cell) else (bias, np.zeros_like(bias))
        weights |= {"bias_ih": bias_ih[order], "bias_hh": bias_hh[order]}
    return {name: np.ascontiguousarray(array) for name, array in weights.items()}


def to_arrays(cell: Cell, weights: Mapping[str, Array]) -> list[Array]:
    """Keras's arrays of one direction of one layer: the inverse of `from_arrays`.

    Where Keras has one bias, it is the sum of both of ours.

    Args:
        cell: a cell that Keras has.
        weights: ``weight_ih``, ``weight_hh`` and, if there are biases, ``bias_ih`` and ``bias_hh``.

    Returns:
        Kernel, recurrent kernel and, if there is one, bias, in the order of ``layer.get_weights()``.
    """
    hidden = len(weights["weight_ih"]) // len(cell.gates)
    rows = rows_to(cell.gates, GATES[type(cell)], hidden)
    arrays = [weights[name][rows].T for name in ("weight_ih", "weight_hh")]
    if "bias_ih" in weights:
        bias_ih, bias_hh = (weights[name][rows] for name in ("bias_ih", "bias_hh"))
        arrays.append(np.stack([bias_ih, bias_hh]) if has_two_biases(cell) else bias_ih + bias_hh)
    return [np.ascontiguousarray(array) for array in arrays]
