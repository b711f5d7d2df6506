"""Which dtype a call computes in, what `torch.autocast` makes of it, and what the kernel does with bfloat16."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from peephole.equations import Cell
from peephole.ops.arrays import Array, dtype_name
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import call_of
from peephole.ops.reference import run_reference
from peephole.ops.request import request_of, results_of
from peephole.ops.torch_backend import torch_kernel
from peephole.ops.torch_state import constant_in_graphs

MIXED = "mixed dtypes"
# What the kernel keeps states other than h, stored and held values in, beside rows, h, weights and mask of a dtype.
KEPT = {"float32": "float32", "float64": "float64", "bfloat16": "float32", "float16": "float32"}


def autocast_dtype(arrays: Sequence[Array]) -> Any | None:
    """The dtype that `torch.autocast` asks of a call on a device, or None. As in torch, it leaves float64 alone."""
    if isinstance(arrays[0], np.ndarray):
        return None
    import torch

    device = arrays[0].device.type
    if device not in ("cpu", "cuda") or not torch.is_autocast_enabled(device):
        return None
    if any(array.dtype == torch.float64 for array in arrays):
        return None
    return torch.get_autocast_dtype(device)


def compute_dtype(arrays: Sequence[Array]) -> str:
    """Name of the dtype that a call computes in: that of all its arrays, or autocast's; or ``"mixed dtypes"``."""
    autocast = autocast_dtype(arrays)
    if autocast is not None:
        return str(autocast).removeprefix("torch.")
    first = arrays[0].dtype
    return dtype_name(arrays[0]) if all(array.dtype == first for array in arrays) else MIXED


def lower(arrays: Sequence[Any], dtype: Any, kept: Iterable[int]) -> list[Any]:
    """Tensors as the kernel takes them; torch carries the gradients back.

    Args:
        arrays: the arrays of a call.
        dtype: of rows, h, weights and mask.
        kept: places of those that are `KEPT` in another.
    """
    import torch

    other, places = getattr(torch, KEPT[str(dtype).removeprefix("torch.")]), set(kept)
    return [array.to(other if k in places else dtype) for k, array in enumerate(arrays)]


def kept_places(first_state: int, states: int, held: int) -> list[int]:
    """Places of states other than h, and of held values, among the arrays of a call."""
    return [*range(first_state + 1, first_state + states + held)]


@constant_in_graphs
def result_dtypes(
    cell: Cell,
    has_bias: bool,
    has_projection: bool,
    has_mask: bool,
    held: tuple[str, ...],
    save: tuple[str, ...],
    want_state: bool,
    is_dense: bool,
    given: tuple[str, ...],
    autocast: str,
) -> tuple[str, ...]:
    """Names of the dtypes that the results of a call have under autocast.

    They are the reference's, which are those of torch's loops (a dense LSTM of torch's is no loop). They follow from the dtypes
    that meet in each equation, so a run of one unit shows them.

    Args:
        cell: as `call_of` takes it, and so all up to `want_state`.
        has_bias: likewise.
        has_projection: likewise.
        has_mask: likewise.
        held: likewise.
        save: likewise.
        want_state: likewise.
        is_dense: whether all sequences have one length.
        given: names of the arrays' dtypes.
        autocast: name of autocast's.
    """
    return _result_dtypes(
        cell, has_bias, has_projection, has_mask, held, save, want_state, is_dense, given, autocast
    )


@functools.lru_cache(maxsize=1024)
def _result_dtypes(
    cell: Cell,
    has_bias: bool,
    has_projection: bool,
    has_mask: bool,
    held: tuple[str, ...],
    save: tuple[str, ...],
    want_state: bool,
    is_dense: bool,
    given: tuple[str, ...],
    autocast: str,
) -> tuple[str, ...]:
    import torch

    call = call_of(cell, has_bias, has_projection, has_mask, held, save, False, want_state)
    if torch_kernel(cell) == "lstm" and is_dense and not (has_projection or has_mask or held or save):
        return (
            autocast,
        ) * call.results  # torch computes this one in one piece, all of it in autocast's dtype
    gates = len(cell.gates)
    shapes = {"rows": (2, 1), "weight_ih": (gates, 1), "weight_hh": (gates, 1), **cell.parameter_shapes(1)}
    shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
    arrays = [
        torch.zeros(shapes.get(name, (1, 1)), dtype=getattr(torch, dtype))
        for name, dtype in zip(call.names, given, strict=True)
    ]
    with torch.autocast("cpu", getattr(torch, autocast)), torch.no_grad():
        results = results_of(call, run_reference(request_of(call, BatchSizes.of("", [1, 1]), arrays)))
    return tuple(dtype_name(result) for result in results)
