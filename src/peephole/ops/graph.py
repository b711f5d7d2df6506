"""A call inside a graph of `torch.compile`, `torch.export` or `torch.jit.trace`: one operator, where the kernel can run it.

What is here is followed by the compiler, so it goes by names and lists, and asks `Call` nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from peephole.equations import Cell
from peephole.errors import BackendUnavailable
from peephole.ops import torch_operator as torch_operator  # registers the operators
from peephole.ops.arrays import dtype_name
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import WEIGHTS, call_of
from peephole.ops.cell_names import join, name_of
from peephole.ops.checks import check
from peephole.ops.dispatch import KERNELS
from peephole.ops.packing import Packing, check_lengths
from peephole.ops.precision import autocast_dtype, kept_places, lower, result_dtypes
from peephole.ops.request import Output, Request
from peephole.ops.route import RUN, goes_to_onnx, settle
from peephole.ops.sequences import Sequences
from peephole.ops.torch_state import constant_in_graphs


def compute_in_graph(request: Request, backend: str, numbers: Any) -> Output:
    """Check a request, and put it into the graph: as one operator, or unrolled over its steps where the kernel cannot run it.

    Args:
        request: the request; rows `[R, D]`, or a padded batch `[T, N, D]` with states in the batch's order; its batch sizes may
            be unread.
        backend: as `run` takes it.
        numbers: batch sizes of packed rows, or lengths of a padded batch, or None.

    Raises:
        BackendUnavailable: it must be unrolled, and the numbers are a tensor that nobody can read now.
    """
    check(request)
    weights = [
        request.weights[name] for name in (*WEIGHTS, *request.cell.parameters) if name in request.weights
    ]
    state = [request.state[name] for name in request.cell.states]
    shape = (*request.rows.shape[:-1], request.weights["weight_ih"].shape[0] // len(request.cell.gates))
    held = [value.expand(shape) for value in request.clamp.values()]
    mask = [] if request.recurrent_mask is None else [request.recurrent_mask]
    arrays = [request.rows, *weights, *state, *held, *mask]
    reason = None
    if goes_to_onnx() and torch.compiler.is_compiling() and backend in ("auto", "compiled"):
        # Torch's exporter follows a layer before anybody has imported that room, the one above that this room knows.
        from peephole.export.onnx_torch import as_operator, reason_to_unroll

        reason = reason_to_unroll(request)
        if reason is None:
            return as_operator(request, _as_tensor(numbers))
    name = settle(request, arrays, backend)
    if name not in KERNELS:
        return _unroll(request, name, dict(zip(request.clamp, held, strict=True)), numbers, reason)
    return _run_operator(request, arrays, 1 + len(weights), _as_tensor(numbers))


def _as_tensor(numbers: Any) -> Tensor | None:
    if isinstance(numbers, Tensor):
        return numbers.to("cpu", torch.int64)
    return None if numbers is None else torch.tensor(numbers, dtype=torch.int64)


def _unroll(request: Request, name: str, held: dict[str, Tensor], numbers: Any, reason: str | None) -> Output:
    """Run a backend whose loop becomes part of the graph; `reason`: why ONNX has no operator for it, where it goes there."""
    rows, where = request.rows, type(request.cell).__name__
    if isinstance(numbers, Tensor):
        if reason is not None:
            raise BackendUnavailable(
                f"{where}: lengths given as a tensor need an operator in an ONNX graph; {reason}",
                hint="peephole.export.onnx(layer) writes a layer of any cell by itself; or pass lengths as a list",
            )
        raise BackendUnavailable(
            f"{where}: lengths given as a tensor, inside torch.compile or torch.export, need the compiled backend; "
            f"the {name} backend must know how many steps there are",
            hint="peephole.ops.choose_backend says why it was passed over; or pass lengths as a list",
        )
    if rows.ndim == 2:
        return RUN[name](dataclasses.replace(request, sizes=BatchSizes.of(where, numbers)))
    steps, batch = int(rows.shape[0]), int(rows.shape[1])
    if numbers is None:
        packing = Packing(BatchSizes.dense(steps, batch), (steps, batch))
    else:
        sizes, *indices = _packing(where, tuple(numbers), steps, batch)
        place, order, inverse = (
            torch.tensor(each, dtype=torch.int64, device=rows.device) for each in indices
        )
        packing = Packing(BatchSizes.of(where, list(sizes)), (steps, batch), place, order, inverse)
    mask = request.recurrent_mask
    packed = dataclasses.replace(
        request,
        rows=packing.pack(rows),
        sizes=packing.sizes,
        state={key: packing.sort(value) for key, value in request.state.items()},
        recurrent_mask=None if mask is None else packing.sort(mask),
        clamp={key: packing.pack(value) for key, value in held.items()},
    )
    output = RUN[name](packed)
    return Output(
        packing.unpack(output.rows),
        {key: packing.unsort(value) for key, value in output.state.items()},
        {key: packing.unpack(value) for key, value in output.saved.items()},
    )


@constant_in_graphs
def _packing(where: str, lengths: tuple[int, ...], steps: int, batch: int) -> tuple[tuple[int, ...], ...]:
    """Batch sizes, and the indices of `Packing`, as numbers."""
    s = Sequences.from_lengths(check_lengths(where, lengths, batch, steps))
    arrays = (s.batch_sizes, s.row_time * batch + s.row_batch, s.order, s.inverse)
    return tuple(tuple(array.tolist()) for array in arrays)


def _run_operator(request: Request, arrays: list[Tensor], first_state: int, sizes: Tensor | None) -> Output:
    cell, clamp, save, want_state = request.cell, tuple(request.clamp), request.save, request.want_state
    has_projection = "weight_hr" in request.weights
    has_mask = request.recurrent_mask is not None
    first_held = first_state + len(cell.states)
    dtypes = _dtypes(request, arrays)
    if dtypes is not None:
        dtype = autocast_dtype(arrays) or arrays[0].dtype
        arrays = lower(arrays, dtype, kept_places(first_state, len(cell.states), len(clamp)))
    results = torch.ops.peephole.forward(
        arrays[0], sizes, arrays[1:first_state], arrays[first_state:first_held],
        arrays[first_held : first_held + len(clamp)], arrays[-1] if has_mask else None, _name_of(cell), join(clamp),
        join(save), request.reverse, want_state,
    )  # fmt: skip
    if dtypes is not None:
        results = [r.to(getattr(torch, name)) for r, name in zip(results, dtypes, strict=True)]
    state = dict(zip(cell.states, results[1:], strict=False)) if want_state else {}
    places = _places(cell, has_projection, save, want_state)
    return Output(results[0], state, {name: results[k] for name, k in zip(save, places, strict=True)})


def _dtypes(request: Request, arrays: list[Tensor]) -> tuple[str, ...] | None:
    """Names of the dtypes that the results get, where those of the kernel may be others."""
    autocast = autocast_dtype(arrays)
    if autocast is None and arrays[0].dtype not in (torch.bfloat16, torch.float16):
        return None
    return _result_dtypes(
        request.cell,
        "bias_ih" in request.weights,
        "weight_hr" in request.weights,
        request.recurrent_mask is not None,
        tuple(request.clamp),
        request.save,
        request.want_state,
        request.sizes.is_dense,
        tuple([dtype_name(array) for array in arrays]),
        "" if autocast is None else str(autocast).removeprefix("torch."),
    )


@constant_in_graphs
def _result_dtypes(*args: Any) -> tuple[str, ...]:
    *choices, _is_dense, given, autocast = args
    if autocast:
        return result_dtypes(*args)
    *choices, want_state = choices
    return (given[0],) * call_of(*choices, False, want_state).results


@constant_in_graphs
def _name_of(cell: Cell) -> str:
    return name_of(cell)


@constant_in_graphs
def _places(cell: Cell, has_projection: bool, save: Sequence[str], want_state: bool) -> tuple[int, ...]:
    """Where among the results the saved values are."""
    call = call_of(cell, True, has_projection, False, (), tuple(save), False, want_state)
    return tuple(call.where(name) for name in save)
