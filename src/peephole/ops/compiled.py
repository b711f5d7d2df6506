"""The compiled backend: one call into the kernel library per layer, direction and pass, for NumPy arrays and torch tensors alike.

This file turns checked arrays into addresses and calls; it computes nothing. Torch's derivatives are in `torch_autograd`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from peephole.ops import library
from peephole.ops.arrays import Array, broadcast, where_known
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import Call
from peephole.ops.memory import (
    all_contiguous,
    contiguous,
    empty,
    empty_float32,
    empty_like,
    materialized,
    row_distance,
    zeros,
)
from peephole.ops.structures import dtype_of, gradients_structure, run_structure


def forward(
    call: Call, sizes: BatchSizes, arrays: Sequence[Array], *, keep: bool = False, room: int | None = None
) -> tuple[list[Array], Array | None]:
    """Run the kernel forward.

    Args:
        call: what is asked.
        sizes: batch sizes.
        arrays: in the order of `call.names`, of one kind and of a dtype that the kernel knows; rows are `[R, D]`, or `[T, N, D]`
            where the batch is dense. Held values broadcast to `[R, H]`. They need not be contiguous.
        keep: whether `backward` will follow.
        room: rows of what is kept, at least R; None: R.

    Returns:
        The results: h of every row `[R, P]` (or `[T, N, P]`), final states `[N, .]`, values `[R, H]`; and what `backward` reads
        besides, `[slots, R, H]`, None if nothing. Rows of it beyond R are not filled.
    """
    prepared, distance = _prepare(call, arrays)
    x, hidden = prepared[0], call.hidden_size(prepared)
    rounds = dtype_of(x)[1]
    make = empty_float32 if rounds else empty
    rows = empty(x, (*x.shape[:-1], prepared[2].shape[1]))
    states = prepared[call.first_state : call.first_held] if call.want_state else ()
    finals = [empty_like(state) for state in states]
    values = [make(x, (sizes.rows, hidden)) for _ in call.values]
    count = len(call.kept_slots(rounds)) if keep else 0
    kept = make(x, (count, sizes.rows if room is None else room, hidden)) if count else None
    library.call_forward(run_structure(call, sizes, prepared, distance, rows, values, kept, finals))
    return [rows, *finals, *values], kept


def backward(
    call: Call,
    sizes: BatchSizes,
    arrays: Sequence[Array],
    results: Sequence[Array],
    kept: Array | None,
    grads: Sequence[Array | None],
    wanted: Iterable[str],
) -> dict[str, Array]:
    """Run the kernel backward.

    Args:
        call: as `forward` was given.
        sizes: likewise.
        arrays: likewise.
        results: what `forward` gave; of the final states nothing is read.
        kept: likewise, with ``keep=True``.
        grads: gradients of the results, in their shapes; None: nothing is asked of a result.
        wanted: names of gradients: ``rows``, weights, ``state.<name>``, ``clamp.<name>``, ``value.<canonical name>``. The last is
            that of a value of every row, held or not, with everything that flows into it; a held array has it where it holds.

    Returns:
        name → gradient, contiguous, in the shape of its array; of values `[R, H]`.
    """
    prepared, distance = _prepare(call, arrays)
    x, hidden = prepared[0], call.hidden_size(prepared)
    make = empty_float32 if dtype_of(x)[1] else empty
    asked = [None if grad is None else contiguous(grad) for grad in grads]
    out: dict[str, Array] = {}
    wanted = list(wanted)
    # A held array has the gradient of its value, where it holds.
    held = {name: f"value.{call.plan.alias[name[6:]]}" for name in wanted if name.startswith("clamp.")}
    for name in dict.fromkeys(held.get(name, name) for name in wanted):
        if name in call.cell.parameters:
            out[name] = zeros(x, prepared[call.place[name]].shape)  # parts that no equation uses stay zero
        elif name == "rows":
            out[name] = empty(x, tuple(x.shape))  # rows may lie apart from each other
        elif name in call.place:
            out[name] = empty_like(prepared[call.place[name]])
        else:
            out[name] = make(x, (sizes.rows, hidden))
    # A transform or a hook may have laid what was saved out anew.
    rows, *values = all_contiguous([results[0], *results[1 + len(call.states) :]])
    kept = None if kept is None else contiguous(kept)
    run = run_structure(call, sizes, prepared, distance, rows, values, kept, None)
    library.call_backward(run, gradients_structure(call, asked, out))
    for name, value in held.items():
        out[name] = where_known(prepared[call.place[name]], out[value])
    return {name: out[name] for name in wanted}


def run_compiled(call: Call, sizes: BatchSizes, arrays: list[Array]) -> list[Array]:
    """The results of a checked call for which `library.refusal` has nothing to say; differentiable where its tensors are."""
    if isinstance(arrays[0], np.ndarray):
        return forward(call, sizes, arrays)[0]
    return _torch_side().apply(call, sizes, arrays)


@functools.cache
def _torch_side() -> Any:
    """`torch_autograd`, imported where there are tensors; a statement in the function itself would look it up at every call."""
    from peephole.ops import torch_autograd

    return torch_autograd


def _prepare(call: Call, arrays: Sequence[Array]) -> tuple[list[Array], int]:
    """The arrays as the kernel takes them, contiguous but for rows, and how far those lie apart."""
    x = materialized(arrays[0])
    distance = row_distance(x)
    if distance is None:
        x = contiguous(x)
        distance = x.shape[-1]
    prepared = [x, *all_contiguous(arrays[1:])]
    if call.held:
        shape = (math.prod(x.shape[:-1]), call.hidden_size(arrays))
        for k in range(call.first_held, call.first_held + len(call.held)):
            prepared[k] = contiguous(broadcast(arrays[k], shape))
    return prepared, distance
