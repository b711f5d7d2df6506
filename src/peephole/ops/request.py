"""What is asked of a backend, checked once, and what it gives back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from peephole.equations import Cell
from peephole.errors import OptionError, ShapeError, nearest
from peephole.ops.arrays import Array, Kind, device_name, dtype_name, kind_of


@dataclasses.dataclass(frozen=True, eq=False)
class Request:
    """A checked call of `run`; the letters and shapes are explained there."""

    cell: Cell
    rows: Array
    batch_sizes: list[int]
    weights: Mapping[str, Array]
    state: Mapping[str, Array]
    reverse: bool = False
    recurrent_mask: Array | None = None
    save: tuple[str, ...] = ()
    clamp: Mapping[str, Array] = dataclasses.field(default_factory=dict)
    want_state: bool = True

    @property
    def kind(self) -> Kind:
        """Torch tensors or NumPy arrays."""
        kind = kind_of(self.rows)
        assert kind is not None
        return kind

    @property
    def hidden_size(self) -> int:
        """H, units of the cell."""
        return int(self.weights["weight_ih"].shape[0]) // len(self.cell.gates)

    @property
    def output_size(self) -> int:
        """P with projection, otherwise H: the width of h."""
        return int(self.weights["weight_hh"].shape[1])

    @property
    def dtype(self) -> str:
        """Name of the rows' dtype."""
        return dtype_name(self.rows)

    @property
    def device(self) -> str:
        """Name of the rows' device."""
        return device_name(self.rows)

    @property
    def is_dense(self) -> bool:
        """Whether all sequences have the same length, so that rows are a view of `[T, N, D]`."""
        return len(self.batch_sizes) == 0 or self.batch_sizes[0] == self.batch_sizes[-1]


@dataclasses.dataclass(frozen=True, eq=False)
class Output:
    """What `run` returns.

    Attributes:
        rows: h of every step, packed like the input: `[R, P]`.
        state: final states, name → `[N, H]` (h: `[N, P]`); empty when they were not wanted.
        saved: the values asked for, name → `[R, H]`.
    """

    rows: Array
    state: dict[str, Array] = dataclasses.field(default_factory=dict)
    saved: dict[str, Array] = dataclasses.field(default_factory=dict)


def check(request: Request) -> None:
    """Check a request against its cell.

    Raises:
        ShapeError: an array has another shape, or is not of the same kind as the rows.
        OptionError: a weight, state, or value has a name that the cell does not know, or misses.
    """
    cell, rows, weights = request.cell, request.rows, request.weights
    where = f"run({type(cell).__name__})"
    if kind_of(rows) is None:
        raise ShapeError(f"{where}: rows must be a torch tensor or a NumPy array; got {type(rows).__name__}")
    if rows.ndim != 2:
        raise ShapeError(f"{where}: rows must be [R, D]; got {list(rows.shape)}")
    sizes = request.batch_sizes
    if sum(sizes) != rows.shape[0]:
        raise ShapeError(f"{where}: batch_sizes sum to {sum(sizes)} rows; got rows {list(rows.shape)}")
    _check_names(
        where, "weight", weights, _weight_names(cell), required=("weight_ih", "weight_hh", *cell.parameters)
    )
    _check_names(where, "state", request.state, cell.states, required=cell.states)
    gates = len(cell.gates)
    if weights["weight_ih"].ndim != 2 or weights["weight_hh"].ndim != 2:
        raise ShapeError(f"{where}: weight_ih and weight_hh must be matrices [G·H, D] and [G·H, P]")
    if weights["weight_ih"].shape[0] % gates:
        raise ShapeError(
            f"{where}: weight_ih must have {gates} · H rows; got {list(weights['weight_ih'].shape)}"
        )
    hidden, width, inputs = request.hidden_size, request.output_size, int(rows.shape[1])
    if width != hidden and "weight_hr" not in weights:
        raise ShapeError(
            f"{where}: weight_hh must be [G·H, H] = [{gates * hidden}, {hidden}] without weight_hr; got width {width}"
        )
    if "weight_hr" in weights and not cell.projectable:
        raise OptionError(
            f"{where}: h cannot be projected, since the cell uses h_prev outside its products; leave weight_hr out"
        )
    shapes = {
        "weight_ih": (gates * hidden, inputs),
        "weight_hh": (gates * hidden, width),
        "bias_ih": (gates * hidden,),
        "bias_hh": (gates * hidden,),
        "weight_hr": (width, hidden),
        **cell.parameter_shapes(hidden),
    }
    for name, weight in weights.items():
        _check_shape(where, name, weight, shapes[name], rows)
    batch = int(request.state["h"].shape[0]) if request.state["h"].ndim else 0
    if len(sizes) and batch < sizes[0]:
        raise ShapeError(
            f"{where}: state['h'] must have at least batch_sizes[0] = {sizes[0]} rows; got {batch}"
        )
    for name, value in request.state.items():
        _check_shape(where, f"state[{name!r}]", value, (batch, width if name == "h" else hidden), rows)
    if request.recurrent_mask is not None:
        _check_shape(where, "recurrent_mask", request.recurrent_mask, (batch, width), rows)
    for name in (*request.save, *request.clamp):
        if name not in cell.values:
            raise OptionError(
                f"{where}: the cell has no value {name!r}{nearest(name, cell.values)}; it has: {', '.join(cell.values)}"
            )
    for name, value in request.clamp.items():
        _check_broadcasts(where, f"clamp[{name!r}]", value, (int(rows.shape[0]), hidden))


def _weight_names(cell: Cell) -> tuple[str, ...]:
    return ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr", *cell.parameters)


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


def _check_shape(where: str, name: str, array: Array, shape: tuple[int, ...], like: Array) -> None:
    if kind_of(array) != kind_of(like):
        raise ShapeError(
            f"{where}: {name} must be a {type(like).__name__}, as rows are; got {type(array).__name__}"
        )
    if tuple(array.shape) != shape:
        raise ShapeError(f"{where}: {name} must be {list(shape)}; got {list(array.shape)}")


def _check_broadcasts(where: str, name: str, value: Array, shape: tuple[int, int]) -> None:
    try:
        fits = np.broadcast_shapes(tuple(getattr(value, "shape", ())), shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(f"{where}: {name} must broadcast to [R, H] = {list(shape)}; got {list(value.shape)}")
