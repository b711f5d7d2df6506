"""Which of ONNX's operators LSTM, GRU and RNN says a cell, in which order of gates, and why there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from peephole import cells
from peephole.equations import Cell

# W, R and B stack gates so (by our letters: ONNX's c is our g, its h our n), P peepholes so.
LSTM_GATES, GRU_GATES, RNN_GATES = "iofg", "zrn", "a"
PEEPHOLES, OUR_PEEPHOLES = "iof", "ifo"


@dataclasses.dataclass(frozen=True)
class Operator:
    """An operator of ONNX as it is to be called.

    Attributes:
        name: ``"LSTM"``, ``"GRU"`` or ``"RNN"``.
        gates: the gates by our letters, in ONNX's order.
        attributes: beside ``hidden_size`` and ``direction``; ``activations`` for one direction.
        has_peepholes: whether there is a `P`.
    """

    name: str
    gates: str
    attributes: Mapping[str, int | tuple[str, ...]] = dataclasses.field(
        default_factory=dict[str, "int | tuple[str, ...]"]
    )
    has_peepholes: bool = False


OPERATORS: dict[Cell, Operator] = {
    cells.LSTM(): Operator("LSTM", LSTM_GATES),
    cells.PeepholeLSTM(): Operator("LSTM", LSTM_GATES, has_peepholes=True),
    # The gate f is there, and not looked at: f = 1 − i.
    cells.CoupledLSTM(): Operator("LSTM", LSTM_GATES, {"input_forget": 1}),
    cells.GRU("after"): Operator("GRU", GRU_GATES, {"linear_before_reset": 1}),
    cells.GRU("before"): Operator("GRU", GRU_GATES, {"linear_before_reset": 0}),
    cells.RNN("tanh"): Operator("RNN", RNN_GATES, {"activations": ("Tanh",)}),
    cells.RNN("relu"): Operator("RNN", RNN_GATES, {"activations": ("Relu",)}),
}


def reason_against(cell: Cell, *, has_projection: bool = False) -> str | None:
    """Return why none of ONNX's operators says a layer of this cell, or None where one does.

    Example:
        >>> reason_against(cells.PeepholeLSTM(output_peephole="previous"))
        "ONNX's LSTM lets the output gate see the new cell state only"
    """
    if has_projection:
        return "ONNX's LSTM has no projection"
    if cell in OPERATORS:
        return None
    if isinstance(cell, cells.PeepholeLSTM):
        if cell.peephole == "full":
            return "ONNX's LSTM has peepholes of one number for each unit only"
        return "ONNX's LSTM lets the output gate see the new cell state only"
    return f"ONNX has no operator with the equations of {cell!r}"
