"""The way of a call to its backend: checks, choice, and what torch makes of it on that way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from peephole.equations import Cell
from peephole.ops import library
from peephole.ops.arrays import Array, dtype_name
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import Call
from peephole.ops.checks import check
from peephole.ops.compiled import run_compiled
from peephole.ops.dispatch import KERNELS, Choice, choose_backend
from peephole.ops.precision import autocast_dtype, compute_dtype, kept_places, lower, result_dtypes
from peephole.ops.reference import run_reference
from peephole.ops.request import Output, Request, request_of, results_of
from peephole.ops.torch_backend import run_torch
from peephole.ops.torch_state import constant_in_graphs, in_forward_mode, in_transform, is_traced

RUN: dict[str, Callable[[Request], Output]] = {"reference": run_reference, "torch": run_torch}
# Forms of calls that have passed their checks and run compiled. Only cells that ship: nothing can change the answer for them.
_known: dict[Any, str] = {}
_MOST = 4096


def compute(call: Call, sizes: BatchSizes, arrays: list[Array], backend: str) -> list[Array]:
    """Check a call, and run it on the backend asked for, or on the first that can.

    Checking a call, and choosing a backend for it, takes longer than a small layer. So what both depend on is remembered, by
    value: the same shapes and dtypes come again and again, in batches of any length.

    Args:
        call: what is asked.
        sizes: batch sizes.
        arrays: in the order of `call.names`; rows may be a dense batch `[T, N, D]`.
        backend: as `run` takes it.

    Returns:
        The results of `call`, rows in the shape of the rows given.

    Raises:
        ShapeError, OptionError, BackendUnavailable: see `run`.
    """
    form = _form(call, arrays, backend)
    engine = _known.get(form)
    if (
        engine is not None
        and _fits(call, sizes, arrays)
        and autocast_dtype(arrays) is None
        and not is_traced()
    ):
        return run_compiled(call.on(engine), sizes, arrays)
    request = request_of(call, sizes, arrays)
    check(request)
    name = settle(request, arrays, backend)
    if name in KERNELS:
        return _remember_and_run(form, call.on(name), sizes, arrays)
    rows, *others = results_of(call, RUN[name](request))
    return [rows.reshape(*arrays[0].shape[:-1], rows.shape[-1]), *others]


def _form(call: Call, arrays: Sequence[Array], backend: str) -> Any:
    """All that checks and choice depend on, but the number of rows; None if something is no array, or belongs to rows."""
    x, others = arrays[0], arrays[1:]
    try:
        if isinstance(x, np.ndarray):
            memory: Any = None
        else:
            memory = tuple([a.device for a in arrays]), tuple([a.layout for a in arrays])
        return None if call.held else (
            call, backend, len(x.shape), x.shape[-1], tuple([a.shape for a in others]),
            tuple([a.dtype for a in arrays]), memory,
        )  # fmt: skip
    except (AttributeError, IndexError):  # the checks will say what is wrong
        return None


def _fits(call: Call, sizes: BatchSizes, arrays: Sequence[Array]) -> bool:
    """Whether the numbers of rows and of sequences are right."""
    shape = arrays[0].shape
    count = shape[0] if len(shape) == 2 else shape[0] * shape[1]
    return sizes.rows == count and arrays[call.first_state].shape[0] >= sizes.batch


def _remember_and_run(form: Any, call: Call, sizes: BatchSizes, arrays: list[Any]) -> list[Array]:
    autocast, dtype = autocast_dtype(arrays), dtype_name(arrays[0])
    if autocast is None and not call.rounds(dtype):
        if form is not None and not library.is_own(call.cell):
            if len(_known) >= _MOST:
                _known.clear()
            _known[form] = call.engine
        return run_compiled(call, sizes, arrays)
    import torch

    given = tuple([dtype_name(array) for array in arrays])
    names = (dtype,) * call.results
    if autocast is not None:
        dtype = str(autocast).removeprefix("torch.")
        names = result_dtypes(
            call.cell, call.has_bias, call.has_projection, call.has_mask, call.held, call.save, call.want_state,
            sizes.is_dense, given, dtype,
        )  # fmt: skip
    places = kept_places(call.first_state, len(call.cell.states), len(call.held))
    results = run_compiled(call, sizes, lower(arrays, getattr(torch, dtype), places))
    return [result.to(getattr(torch, name)) for result, name in zip(results, names, strict=True)]


def settle(request: Request, arrays: Sequence[Array], backend: str) -> str:
    """Name of the backend that runs a request; `arrays` are all of its arrays."""
    traced = transformed = False
    if request.kind == "torch":
        traced, transformed = is_traced(), in_transform() or in_forward_mode()
    return _name_of_backend(
        request.cell,
        backend,
        request.kind,
        request.device,
        compute_dtype(arrays),
        request.recurrent_mask is not None,
        request.save,
        bool(request.clamp),
        traced or transformed,
        traced and (transformed or goes_to_onnx()),
        "weight_hr" in request.weights,
    )


@constant_in_graphs
def _name_of_backend(
    cell: Cell,
    backend: str,
    array: str,
    device: str,
    dtype: str,
    recurrent_mask: bool,
    save: tuple[str, ...],
    clamp: bool,
    transformed: bool,
    unrolled: bool,
    projection: bool,
) -> str:
    def choose() -> Choice:
        return choose_backend(
            cell, backend=backend, array=array, device=device, dtype=dtype, recurrent_mask=recurrent_mask, save=save,
            clamp=clamp, transformed=transformed, unrolled=unrolled, projection=projection,
        )  # fmt: skip

    choice = choose()
    # A cell of your own is compiled now. If that fails, the failure is known from now on, and the next choice passes it over.
    if choice.name == "compiled" and library.find_cell(cell, library.instruction_set()) is None:
        choice = choose()
    if "compiled" in choice.refused and library.is_own(cell):
        from peephole.ops import own_cell

        reason = choice.refused["compiled"]
        if reason == own_cell.can_compile(cell, library.instruction_set()):
            own_cell.announce(cell, reason)
    return choice.name


@constant_in_graphs
def goes_to_onnx() -> bool:
    """Whether torch is making a graph for ONNX."""
    import torch

    return torch.onnx.is_in_onnx_export()
