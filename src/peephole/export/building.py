"""A layer from its state dict alone: sizes are read off the shapes, and every disagreement is named at once."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from peephole import cells, nn
from peephole.equations import Cell
from peephole.errors import OptionError, ShapeError

NAME = re.compile(r"(?P<kind>(?:weight|bias)_[a-z]+)_l(?P<layer>\d+)(?P<reverse>_reverse)?")


@dataclasses.dataclass(frozen=True)
class Options:
    """How a layer is made, beside its cell and its weights.

    Attributes:
        batch_first: inputs are `[N, T, D]`.
        dropout: between layers, in [0, 1].
        recurrent_dropout: in [0, 1].
        device: of the parameters; None: that of the weights.
        dtype: of the parameters; None: that of the weights, which must then be one.
    """

    batch_first: bool
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    device: Any = None
    dtype: Any = None


def suffixes(num_layers: int, directions: int) -> list[list[str]]:
    """Return the ends of the parameters' names, for each layer and direction: ``"_l0"``, ``"_l0_reverse"``."""
    return [[f"_l{layer}{end}" for end in ("", "_reverse")[:directions]] for layer in range(num_layers)]


def layer_of(where: str, cell: Cell, state: Mapping[str, Tensor], options: Options) -> nn.Recurrent:
    """Make the layer whose state dict this is, with weights of its own.

    Args:
        where: for messages.
        cell: the equations.
        state: names and shapes as `peephole.nn` has them, gates in the order of `cell.gates`.
        options: the rest.

    Raises:
        ShapeError: names are missing, or there are others; shapes contradict each other or the cell.
        OptionError: dtypes differ and none is given.
    """
    found = [match for match in map(NAME.fullmatch, state) if match is not None]
    hidden_rows = state.get("weight_hh_l0")
    if hidden_rows is None or "weight_ih_l0" not in state or hidden_rows.dim() != 2:
        raise ShapeError(
            f"{where}: weight_ih_l0 and weight_hh_l0 must be there, of two axes; got {listed(state)}"
        )
    dtypes = sorted({str(weight.dtype) for weight in state.values()})
    if not all(weight.is_floating_point() for weight in state.values()):
        raise OptionError(f"{where}: weights must be numbers with a fraction; got {', '.join(dtypes)}")
    if options.dtype is None and len(dtypes) > 1:
        raise OptionError(
            f"{where}: weights must have one dtype; got {', '.join(dtypes)}", hint="give dtype="
        )
    hidden = hidden_rows.shape[0] // len(cell.gates)
    projected = state["weight_hr_l0"].shape[0] if "weight_hr_l0" in state else 0
    layer = make(
        cell,
        state["weight_ih_l0"].shape[1],
        hidden,
        num_layers=1 + max(int(match["layer"]) for match in found),
        bias=any(match["kind"].startswith("bias") for match in found),
        batch_first=options.batch_first,
        bidirectional=any(match["reverse"] for match in found),
        device="meta",  # replaced below: no memory, and no random numbers
        **({"proj_size": projected} if projected else {}),
        **({"recurrent_dropout": options.recurrent_dropout} if options.recurrent_dropout else {}),
    )
    layer.dropout = options.dropout
    expected = layer.state_dict()
    wrong = [f"{name} is missing" for name in expected if name not in state]
    wrong += [f"{name} has no place" for name in state if name not in expected]
    wrong += [
        f"{name} must be {list(expected[name].shape)}; got {list(weight.shape)}"
        for name, weight in state.items()
        if name in expected and weight.shape != expected[name].shape
    ]
    if wrong:
        raise ShapeError(f"{where}: for {layer}, {'; '.join(wrong)}")
    dtype = options.dtype or hidden_rows.dtype
    own = {
        name: state[name].detach().to(options.device or state[name].device, dtype, copy=True)
        for name in expected
    }
    layer.load_state_dict(own, assign=True)
    for parameter in layer.parameters():
        parameter.requires_grad_()
    return layer


def make(cell: Cell, inputs: int, hidden: int, **options: Any) -> nn.Recurrent:
    """Make a layer of a cell, of the class that has its name where there is one."""
    if isinstance(cell, cells.LSTM):
        return nn.LSTM(inputs, hidden, **options)
    if isinstance(cell, cells.PeepholeLSTM):
        return nn.PeepholeLSTM(inputs, hidden, **cell.options, **options)
    if isinstance(cell, cells.GRU):
        return nn.GRU(inputs, hidden, **cell.options, **options)
    if isinstance(cell, cells.RNN):
        return nn.RNN(inputs, hidden, **cell.options, **options)
    return nn.Recurrent(cell, inputs, hidden, **options)


def listed(names: Iterable[str]) -> str:
    """Return names as a message has them, the first eight."""
    every = list(names)
    return ", ".join(every[:8]) + (f" … and {len(every) - 8} more" if len(every) > 8 else "") or "none"
