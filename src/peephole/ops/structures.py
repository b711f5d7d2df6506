"""The C structures that the kernel is called with, filled from arrays.

A call of a small layer takes microseconds, and so does every field of a structure that is set by itself. So all fields of one are
packed at once, and all its lists of addresses lie in one piece of memory.
"""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from peephole.equations.emit_cpp import LIMIT
from peephole.errors import BackendUnavailable
from peephole.ops import library
from peephole.ops.arrays import Array
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import PRECISIONS, Call
from peephole.ops.memory import address, addresses
from peephole.ops.thread_limit import available_threads, thread_limit

# In the order in which they are packed below; a library whose structures differ fails here.
_RUN_FIELDS = (
    "cell", "dtype", "reverse", "threads", "split", "precision", "steps", "batch", "rows", "inputs", "hidden", "width",
    "batch_sizes", "x", "x_stride", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr", "mask", "parameter",
    "state", "output", "final_state", "slot", "held",
)  # fmt: skip
_GRADIENT_FIELDS = (
    "d_output", "d_final", "d_value", "d_x", "d_weight_ih", "d_weight_hh", "d_bias_ih", "d_bias_hh", "d_weight_hr",
    "d_parameter", "d_state", "d_value_out",
)  # fmt: skip


def _format(kind: type[ctypes.Structure], names: tuple[str, ...]) -> struct.Struct:
    codes: dict[Any, str] = {ctypes.c_int32: "i", ctypes.c_int64: "q"}
    fields = [(field[0], field[1]) for field in kind._fields_]
    made = struct.Struct("@" + "".join(codes.get(code, "P") for _, code in fields))
    assert tuple(name for name, _ in fields) == names
    assert made.size == ctypes.sizeof(kind)
    return made


_RUN, _GRADIENTS = _format(library.Run, _RUN_FIELDS), _format(library.Gradients, _GRADIENT_FIELDS)
# What a list of addresses points at where there are none: as many nulls as it can have members.
_NOTHING = (ctypes.c_void_p * LIMIT)()
_NO_ADDRESSES = ctypes.addressof(_NOTHING)


@functools.cache
def _with_lists(fields: struct.Struct, members: int) -> tuple[struct.Struct, Any]:
    """A structure with so many addresses behind it: how it is packed, and memory for it."""
    made = struct.Struct(f"{fields.format}{members}Q")
    return made, ctypes.c_char * made.size


def run_structure(
    call: Call,
    sizes: BatchSizes,
    arrays: Sequence[Array],
    distance: int,
    rows: Array,
    values: Sequence[Array],
    kept: Array | None,
    finals: Sequence[Array] | None,
) -> library.Run:
    """What both passes are told.

    Args:
        call: what is asked.
        sizes: batch sizes.
        arrays: as the kernel takes them.
        distance: elements from one row of x to the next.
        rows: the output `[R, P]`.
        values: asked for `[R, H]`.
        kept: what is kept besides, or None.
        finals: the final states to write; None in the backward pass.
    """
    x, p, output = arrays[0], addresses(arrays), address(rows)
    bias, common, first, last = call.has_bias, len(call.common_weights), call.first_state, call.first_held
    slots = [0] * len(call.plan.slots)
    code, rounds = dtype_of(x)
    if finals is None and not call.has_projection and not rounds:
        slots[call.home] = output  # forward writes it as the output already
    for slot, value in zip(call.value_slots, values, strict=True):
        slots[slot] = address(value)
    if kept is not None:
        start, step = address(kept), kept.shape[1] * kept.shape[2] * kept.itemsize
        for k, slot in enumerate(call.kept_slots(rounds)):
            slots[slot] = start + k * step
    lists = p[common + 1 : last] + slots
    if finals:
        lists += addresses(finals)
    if call.held:
        places = {name: p[k] for name, k in call.held_at.items()}
        lists += [places.get(name, 0) for name in call.plan.values]
    layout, memory = _with_lists(_RUN, len(lists))
    made = memory()
    isa = library.instruction_set()
    # Behind the structure lie the lists: parameters, states, slots, final states, held values.
    start = ctypes.addressof(made) + _RUN.size
    state = start + 8 * (first - common - 1)
    slot = state + 8 * (last - first)
    final = slot + 8 * len(slots)
    layout.pack_into(
        made, 0, _cell_address(call, isa), code, call.reverse, threads(x), 0, PRECISIONS.index(call.precision), sizes.steps,
        arrays[first].shape[0], sizes.rows, x.shape[-1], call.hidden_size(arrays), arrays[2].shape[1], sizes.address,
        p[0], distance, p[1], p[2], p[3] if bias else 0, p[4] if bias else 0, p[common] if call.has_projection else 0,
        p[-1] if call.has_mask else 0, start, state, output, final if finals else _NO_ADDRESSES, slot,
        final + 8 * len(finals or ()) if call.held else _NO_ADDRESSES, *lists,
    )  # fmt: skip
    run = library.Run.from_buffer(made)
    run.isa = isa
    return run


def gradients_structure(
    call: Call, asked: Sequence[Array | None], out: dict[str, Array]
) -> library.Gradients:
    """What the backward pass is told besides.

    Args:
        call: what is asked.
        asked: gradients of the results.
        out: name → where to write that gradient, by the names of `compiled.backward`.
    """
    places, starts, members = _gradient_places(call)
    values = [0] * (len(_GRADIENT_FIELDS) + members)
    for place, grad in zip(places["asked"], asked, strict=True):
        if grad is not None:
            values[place] = address(grad)
    given: dict[str, int] = places["out"]
    for name, array in out.items():
        values[given[name]] = address(array)
    layout, memory = _with_lists(_GRADIENTS, members)
    made = memory()
    start = ctypes.addressof(made) + _GRADIENTS.size
    for field, first in starts:
        values[field] = start + 8 * first
    layout.pack_into(made, 0, *values)
    return library.Gradients.from_buffer(made)


@functools.lru_cache(maxsize=1024)
def _gradient_places(call: Call) -> tuple[dict[str, Any], list[tuple[int, int]], int]:
    """Where in the packed structure and the lists behind it the addresses go, where each list begins, and how long all are."""
    field = {name: k for k, name in enumerate(_GRADIENT_FIELDS)}
    lists = {
        "d_final": [f"final.{name}" for name in call.cell.states],
        "d_value": [f"asked.{name}" for name in call.plan.values],
        "d_parameter": list(call.cell.parameters),
        "d_state": list(call.state_names),
        "d_value_out": list(call.value_names),
    }
    out = {name: field[f"d_{name}"] for name in call.common_weights} | {"rows": field["d_x"]}
    starts: list[tuple[int, int]] = []
    members = 0
    for name, listed in lists.items():
        starts.append((field[name], members))
        out |= {member: len(field) + members + k for k, member in enumerate(listed)}
        members += len(listed)
    asked = [
        field["d_output"],
        *(out[f"final.{name}"] for name in call.states),
        *(out[f"asked.{name}"] for name in call.values),
    ]
    return {"asked": asked, "out": out}, [(at, first) for at, first in starts], members


def dtype_of(array: Array) -> tuple[int, bool]:
    """The kernel's number of an array's dtype, and whether it computes in another and rounds to this one."""
    return _dtype(array.dtype)


@functools.cache
def _dtype(dtype: Any) -> tuple[int, bool]:
    name = str(dtype).removeprefix("torch.")
    return library.DTYPES[name], name == "bfloat16"


def _cell_address(call: Call, isa: str) -> int:
    found = library.find_cell(call.cell, isa)
    if found is None:
        raise BackendUnavailable(
            f"{type(call.cell).__name__}: the compiled backend cannot run it: no kernel of this cell can be had"
        )
    return found


def threads(like: Array) -> int:
    """Threads to use at most: torch's number for tensors; otherwise ``OMP_NUM_THREADS``, or the machine's processors."""
    if not isinstance(like, np.ndarray):
        import torch

        library.share_threads()
        most = thread_limit()
        return torch.get_num_threads() if most is None else min(torch.get_num_threads(), most)
    return available_threads()
