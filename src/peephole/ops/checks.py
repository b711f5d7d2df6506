"""The checks of a request: nothing that fails them reaches a backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from peephole.equations import Cell
from peephole.equations.plan import plan
from peephole.errors import OptionError, ShapeError, nearest
from peephole.ops.arrays import Array, kind_of
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import WEIGHTS
from peephole.ops.request import Request
from peephole.ops.torch_state import constant_in_graphs


def check(request: Request) -> None:
    """Check a request against its cell.

    Raises:
        ShapeError: an array has another shape, kind, memory layout or device than it must have, or no float dtype.
        OptionError: a weight, state, or value has a name that the cell does not know, or misses.
    """
    cell, rows, weights, state = request.cell, request.rows, request.weights, request.state
    where = f"run({type(cell).__name__})"
    _check_rows(where, rows, request.sizes)
    array = type_of(rows)
    for name, value in (*weights.items(), *[(f"state[{name!r}]", value) for name, value in state.items()]):
        if not isinstance(value, array):
            _wrong(where, name, value, (), rows)
    hidden, width = _check_sizes(where, cell, weights)
    gates, inputs = len(cell.gates), int(rows.shape[-1])
    shapes = {
        "weight_ih": (gates * hidden, inputs),
        "weight_hh": (gates * hidden, width),
        "bias_ih": (gates * hidden,),
        "bias_hh": (gates * hidden,),
        "weight_hr": (width, hidden),
    }
    if cell.parameters:
        shapes |= cell.parameter_shapes(hidden)
    for name, weight in weights.items():
        if weight.shape != shapes[name]:
            _wrong(where, name, weight, shapes[name], rows)
    batch, first = state["h"].shape[0] if state["h"].ndim else 0, request.sizes.batch
    if batch < first:
        raise ShapeError(f"{where}: state['h'] must have at least batch_sizes[0] = {first} rows; got {batch}")
    for name, value in state.items():
        shape = (batch, width if name == "h" else hidden)
        if value.shape != shape:
            _wrong(where, f"state[{name!r}]", value, shape, rows)
    mask = request.recurrent_mask
    if mask is not None and (not isinstance(mask, array) or mask.shape != (batch, width)):
        _wrong(where, "recurrent_mask", mask, (batch, width), rows)
    if request.save or request.clamp:
        _check_values(where, request, (*rows.shape[:-1], hidden))
    _check_memory(where, request)


def type_of(rows: Array) -> type[Any]:
    """The class that all arrays of a call must have: `torch.Tensor` or `numpy.ndarray`."""
    if isinstance(rows, np.ndarray):
        return np.ndarray
    import torch

    return torch.Tensor


def _check_rows(where: str, rows: Array, sizes: BatchSizes) -> None:
    if kind_of(rows) is None:
        raise ShapeError(f"{where}: rows must be a torch tensor or a NumPy array; got {type(rows).__name__}")
    if rows.ndim not in (2, 3):
        raise ShapeError(f"{where}: rows must be [R, D]; got {list(rows.shape)}")
    count = rows.shape[0] if rows.ndim == 2 else rows.shape[0] * rows.shape[1]
    if sizes.rows != count:
        raise ShapeError(f"{where}: batch_sizes sum to {sizes.rows} rows; got rows {list(rows.shape)}")


def _check_sizes(where: str, cell: Cell, weights: Mapping[str, Array]) -> tuple[int, int]:
    """H and P, from the weights."""
    weight_ih, weight_hh, gates = weights["weight_ih"], weights["weight_hh"], len(cell.gates)
    if weight_ih.ndim != 2 or weight_hh.ndim != 2:
        shapes = f"{list(weight_ih.shape)} and {list(weight_hh.shape)}"
        raise ShapeError(
            f"{where}: weight_ih and weight_hh must be matrices [G·H, D] and [G·H, P]; got {shapes}"
        )
    rows, width = int(weight_ih.shape[0]), int(weight_hh.shape[1])
    hidden = rows // gates
    if rows % gates or hidden == 0:
        raise ShapeError(
            f"{where}: weight_ih must have {gates} · H rows, H at least 1; got {list(weight_ih.shape)}"
        )
    if "weight_hr" in weights and not _is_projectable(cell):
        raise OptionError(
            f"{where}: h cannot be projected, since the cell uses h_prev outside its products; leave weight_hr out"
        )
    if width != hidden and "weight_hr" not in weights:
        raise ShapeError(
            f"{where}: weight_hh must be [G·H, H] = [{gates * hidden}, {hidden}] without weight_hr; got width {width}"
        )
    if width == 0:
        raise ShapeError(f"{where}: weight_hr must be [P, H], P at least 1; got [0, {hidden}]")
    return hidden, width


def check_names(where: str, cell: Cell, weights: Mapping[str, Array], state: Mapping[str, Array]) -> None:
    """Check that weights and states have the names that the cell knows.

    Raises:
        OptionError: one has another name, or is missing.
    """
    own = tuple(cell.parameters)
    _check_names(where, "weight", weights, (*WEIGHTS, *own), (*WEIGHTS[:2], *own))
    _check_names(where, "state", state, cell.states, cell.states)


def _check_names(
    where: str, what: str, given: Mapping[str, Array], allowed: tuple[str, ...], required: tuple[str, ...]
) -> None:
    if missing := [name for name in required if name not in given]:
        raise OptionError(
            f"{where}: {what} {', '.join(map(repr, missing))} missing; got {', '.join(given) or 'none'}"
        )
    for name in given:
        if name not in allowed:
            raise OptionError(
                f"{where}: no {what} is called {name!r}{nearest(name, allowed)}; there are: {', '.join(allowed)}"
            )
    if ("bias_ih" in given) != ("bias_hh" in given):
        raise OptionError(f"{where}: bias_ih and bias_hh go together; got {', '.join(given)}")


def _check_values(where: str, request: Request, shape: tuple[int, ...]) -> None:
    values = _values(request.cell)
    for name in (*request.save, *request.clamp):
        if name not in values:
            raise OptionError(
                f"{where}: the cell has no value {name!r}{nearest(name, values)}; it has: {', '.join(values)}"
            )
    for name, value in request.clamp.items():
        _check_broadcasts(where, f"clamp[{name!r}]", value, shape, request.rows)
    if len(request.clamp) > 1 and not _are_different(request.cell, tuple(request.clamp)):
        raise OptionError(
            f"{where}: clamp must hold each value once, and some of these names stand for one value; "
            f"got {', '.join(request.clamp)}"
        )


@constant_in_graphs
def _is_projectable(cell: Cell) -> bool:
    return cell.projectable


@constant_in_graphs
def _values(cell: Cell) -> tuple[str, ...]:
    return cell.values


@constant_in_graphs
def _are_different(cell: Cell, names: tuple[str, ...]) -> bool:
    """Whether no two names stand for one value."""
    alias = plan(cell).alias
    return len({alias[name] for name in names}) == len(names)


def _check_broadcasts(where: str, name: str, value: Array, shape: tuple[int, ...], like: Array) -> None:
    if not isinstance(value, type_of(like)):
        _wrong(where, name, value, shape, like)
    try:
        fits = np.broadcast_shapes(tuple(value.shape), shape) == shape
    except ValueError:
        fits = False
    if not fits:
        axes = "[R, H]" if len(shape) == 2 else "[T, N, H]"
        raise ShapeError(f"{where}: {name} must broadcast to {axes} = {list(shape)}; got {list(value.shape)}")


def _wrong(where: str, name: str, array: Array, shape: tuple[int, ...], like: Array) -> None:
    if kind_of(array) != kind_of(like):
        raise ShapeError(
            f"{where}: {name} must be a {type(like).__name__}, as rows are; got {type(array).__name__}"
        )
    raise ShapeError(f"{where}: {name} must be {list(shape)}; got {list(array.shape)}")


def _check_memory(where: str, request: Request) -> None:
    """Refuse what no backend can compute with: numbers that are not real, arrays that are not dense or lie apart."""
    rows = request.rows
    named = {
        "rows": rows,
        **request.weights,
        **request.state,
        **request.clamp,
        "recurrent_mask": request.recurrent_mask,
    }
    arrays: Any = [(name, array) for name, array in named.items() if array is not None]
    if request.kind == "numpy":
        for name, array in arrays:
            if array.dtype.kind != "f" or not array.dtype.isnative:
                raise ShapeError(
                    f"{where}: {name} must be of a float dtype in the machine's byte order; got {array.dtype}"
                )
        return
    import torch

    for name, array in arrays:
        if not array.dtype.is_floating_point:
            raise ShapeError(f"{where}: {name} must be of a float dtype; got {array.dtype}")
        if array.layout is not torch.strided:
            raise ShapeError(
                f"{where}: {name} must be dense in memory; got a tensor of layout {array.layout}"
            )
        if array.device != rows.device:
            raise ShapeError(
                f"{where}: {name} must be on {rows.device}, as rows are; got a tensor on {array.device}"
            )
