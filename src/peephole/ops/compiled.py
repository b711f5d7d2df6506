"""The compiled backend: one call into the kernel library per layer, direction and pass, for NumPy arrays and torch tensors alike.

This file turns checked arrays into addresses and calls; it computes nothing. Gradients for torch tensors are in `compiled_torch`.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from peephole.equations import Cell
from peephole.equations.plan import plan
from peephole.ops import library
from peephole.ops.arrays import Array, broadcast, dtype_name, kind_of
from peephole.ops.request import Output, Request

WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


@dataclasses.dataclass(frozen=True, eq=False)
class Inputs:
    """The arrays of a call, contiguous (rows: within a row), of one kind and dtype.

    Attributes:
        cell: the cell.
        batch_sizes: `[T]` int64.
        reverse: as in `run`.
        rows: `[R, D]`.
        weights: names as in `run`, the cell's own included.
        state: name → `[N, .]`.
        mask: `[N, P]` or None.
        held: canonical name of a value → `[R, H]`.
    """

    cell: Cell
    batch_sizes: np.ndarray[tuple[int], np.dtype[np.int64]]
    reverse: bool
    rows: Array
    weights: Mapping[str, Array]
    state: Mapping[str, Array]
    mask: Array | None
    held: Mapping[str, Array]

    @staticmethod
    def of(request: Request) -> Inputs:
        """Make the arrays of a request contiguous where they are not."""
        cell, alias = request.cell, plan(request.cell).alias
        shape = (int(request.rows.shape[0]), request.hidden_size)
        return Inputs(
            cell,
            np.ascontiguousarray(request.batch_sizes, np.int64),
            request.reverse,
            _with_whole_rows(request.rows),
            {name: contiguous(value) for name, value in request.weights.items()},
            {name: contiguous(value) for name, value in request.state.items()},
            None if request.recurrent_mask is None else contiguous(request.recurrent_mask),
            {alias[name]: contiguous(broadcast(value, shape)) for name, value in request.clamp.items()},
        )

    @property
    def hidden_size(self) -> int:
        """H."""
        return int(self.weights["weight_ih"].shape[0]) // len(self.cell.gates)

    @property
    def output_size(self) -> int:
        """P."""
        return int(self.weights["weight_hh"].shape[1])

    @property
    def is_projected(self) -> bool:
        """Whether h is projected, so that the h of the equations and the h of the output are two things."""
        return "weight_hr" in self.weights


def dtype_for_kernel(request: Request) -> str:
    """The one dtype of all arrays, or ``"mixed dtypes"``, or ``"autocast"`` where torch would choose another."""
    arrays = [request.rows, *request.weights.values(), *request.state.values(), *request.clamp.values()]
    if request.recurrent_mask is not None:
        arrays.append(request.recurrent_mask)
    if len({array.dtype for array in arrays}) > 1:
        return "mixed dtypes"
    if request.kind == "torch" and request.device == "cpu":
        import torch

        if torch.is_autocast_enabled("cpu"):
            return "autocast"
    return request.dtype


def run_compiled(request: Request) -> Output:
    """Run a checked request for which `library.refusal` has nothing to say."""
    if request.kind == "torch":
        from peephole.ops.compiled_torch import run_compiled_torch

        return run_compiled_torch(request)
    found, inputs = plan(request.cell), Inputs.of(request)
    slots = {name: found.values.index(found.alias[name]) for name in request.save}
    rows, state, stored = forward(inputs, slots.values(), want_state=request.want_state)
    saved = {name: rows if name == "h" else stored[slot] for name, slot in slots.items()}
    return Output(rows, state, saved)


def forward(
    inputs: Inputs, slots: Iterable[int], *, want_state: bool
) -> tuple[Array, dict[str, Array], dict[int, Array]]:
    """Run the kernel forward.

    Args:
        inputs: the arrays.
        slots: which of the plan's slots to store.
        want_state: whether final states are wanted.

    Returns:
        Output rows `[R, P]`, final states, and slot → `[R, H]`.
    """
    cell, like, hidden = inputs.cell, inputs.rows, inputs.hidden_size
    count, home = int(like.shape[0]), plan(cell).values.index("h")
    rows = empty(like, (count, inputs.output_size))
    state = {name: empty(like, value.shape) for name, value in inputs.state.items()} if want_state else {}
    stored = {
        slot: rows if slot == home and not inputs.is_projected else empty(like, (count, hidden))
        for slot in slots
    }
    call = _run(inputs, rows, stored)
    call.final_state = pointers([state.get(name) for name in cell.states])
    library.call_forward(call)
    return rows, state, stored


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
    """What the loss asks of a call's results; None or absent: nothing. All contiguous.

    Attributes:
        rows: `[R, P]`.
        state: name → `[N, .]`.
        values: canonical name → `[R, H]`.
    """

    rows: Array | None
    state: Mapping[str, Array]
    values: Mapping[str, Array]


def backward(
    inputs: Inputs, rows: Array, stored: Mapping[int, Array], asked: Asked, wanted: Iterable[str]
) -> dict[str, Array]:
    """Run the kernel backward.

    Args:
        inputs: the arrays that `forward` was given.
        rows: what it returned.
        stored: slot → `[R, H]`, at least the slots `needed_slots`.
        asked: gradients of the results.
        wanted: names of gradients: ``rows``, weights, ``state.<name>``, ``value.<canonical name>``.

    Returns:
        name → gradient.
    """
    cell, like, hidden, found = inputs.cell, inputs.rows, inputs.hidden_size, plan(inputs.cell)
    out: dict[str, Array] = {}
    for name in wanted:
        if name == "rows":
            out[name] = empty(like, inputs.rows.shape)
        elif name.startswith("state."):
            out[name] = empty(like, inputs.state[name.removeprefix("state.")].shape)
        elif name.startswith("value."):
            out[name] = empty(like, (int(like.shape[0]), hidden))
        else:  # parts of the cell's own parameters that no equation uses stay zero
            out[name] = (empty if name in WEIGHTS else zeros)(like, inputs.weights[name].shape)
    gradients = library.Gradients()
    gradients.d_output = address(asked.rows)
    gradients.d_final = pointers([asked.state.get(name) for name in cell.states])
    gradients.d_value = pointers([asked.values.get(name) for name in found.values])
    gradients.d_x = address(out.get("rows"))
    for name in WEIGHTS:
        setattr(gradients, f"d_{name}", address(out.get(name)))
    gradients.d_parameter = pointers([out.get(name) for name in cell.parameters])
    gradients.d_state = pointers([out.get(f"state.{name}") for name in cell.states])
    gradients.d_value_out = pointers([out.get(f"value.{name}") for name in found.values])
    library.call_backward(_run(inputs, rows, stored), gradients)
    return out


def needed_slots(inputs: Inputs) -> tuple[int, ...]:
    """Slots that `backward` reads."""
    found = plan(inputs.cell)
    home = found.values.index("h")
    return tuple(dict.fromkeys((*found.saved, home))) if inputs.is_projected else found.saved


def _run(inputs: Inputs, rows: Array, stored: Mapping[int, Array]) -> library.Run:
    cell, found, weights = inputs.cell, plan(inputs.cell), inputs.weights
    run = library.Run()
    run.cell = library.find_cell(cell, library.instruction_set())
    run.dtype = library.DTYPES[dtype_name(inputs.rows)]
    run.reverse = int(inputs.reverse)
    run.threads = threads(inputs.rows)
    run.steps = len(inputs.batch_sizes)
    run.batch = int(inputs.state["h"].shape[0])
    run.rows, run.inputs = (int(size) for size in inputs.rows.shape)
    run.hidden, run.width = inputs.hidden_size, inputs.output_size
    run.batch_sizes = inputs.batch_sizes.ctypes.data
    run.x, run.x_stride = address(inputs.rows), _row_distance(inputs.rows)
    for name in WEIGHTS:
        setattr(run, name, address(weights.get(name)))
    run.mask = address(inputs.mask)
    run.parameter = pointers([weights[name] for name in cell.parameters])
    run.state = pointers([inputs.state[name] for name in cell.states])
    run.output = address(rows)
    run.slot = pointers([stored.get(slot) for slot in range(len(found.slots))])
    run.held = pointers([inputs.held.get(name) for name in found.values])
    return run


def pointers(arrays: Sequence[Array | None]) -> ctypes.Array[ctypes.c_void_p]:
    """A C array of addresses, null for None."""
    return (ctypes.c_void_p * max(1, len(arrays)))(*(address(array) for array in arrays))


def address(array: Array | None) -> int | None:
    """Address of an array's first element; None for None."""
    if array is None:
        return None
    return array.__array_interface__["data"][0] if isinstance(array, np.ndarray) else array.data_ptr()


def contiguous(array: Array) -> Array:
    """The array itself, or a copy whose elements lie in row-major order."""
    return np.ascontiguousarray(array) if isinstance(array, np.ndarray) else array.contiguous()


def _with_whole_rows(rows: Array) -> Array:
    if kind_of(rows) == "torch" and rows.stride(1) == 1 and rows.shape[0] > 1 and rows.stride(0) > 0:
        return rows
    return contiguous(rows)


def _row_distance(rows: Array) -> int:
    return int(rows.shape[1]) if kind_of(rows) == "numpy" or rows.shape[0] <= 1 else int(rows.stride(0))


def empty(like: Array, shape: Sequence[int]) -> Array:
    """An array of the kind and dtype of `like`, not filled."""
    return np.empty(tuple(shape), like.dtype) if kind_of(like) == "numpy" else like.new_empty(tuple(shape))


def zeros(like: Array, shape: Sequence[int]) -> Array:
    """An array of zeros of the kind and dtype of `like`."""
    return np.zeros(tuple(shape), like.dtype) if kind_of(like) == "numpy" else like.new_zeros(tuple(shape))


def threads(like: Array) -> int:
    """Threads to use at most: torch's number for tensors; otherwise ``OMP_NUM_THREADS``, or the machine's processors."""
    if kind_of(like) == "torch":
        import torch

        library.share_threads()
        return torch.get_num_threads()
    return _default_threads(os.environ.get("OMP_NUM_THREADS", ""))


@functools.cache
def _default_threads(asked: str) -> int:
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
