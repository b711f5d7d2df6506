"""The few array operations that differ between torch and NumPy. Nothing here imports torch unless a tensor is given."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

# A torch tensor or a NumPy array; which one is decided once, by `kind_of`, and then all of a call's arrays agree.
Array = Any
Kind = Literal["torch", "numpy"]


def kind_of(array: Array) -> Kind | None:
    """``"torch"``, ``"numpy"``, or None for anything else."""
    if isinstance(array, np.ndarray):
        return "numpy"
    torch = sys.modules.get("torch")
    return "torch" if torch is not None and isinstance(array, torch.Tensor) else None


def concatenate(arrays: Sequence[Array]) -> Array:
    """Join along the first axis. Parts without rows are left out: under autocast their dtype may be another."""
    arrays = [array for array in arrays if array.shape[0]] or arrays[:1]
    if len(arrays) == 1:
        return arrays[0]
    if kind_of(arrays[0]) == "numpy":
        return np.concatenate(arrays)
    import torch

    return torch.cat(list(arrays))


def linear(rows: Array, weight: Array, bias: Array | None = None) -> Array:
    """`[R, D]`, `[M, D]` → `[R, M]`: rows · weightᵀ + bias."""
    if kind_of(rows) == "numpy":
        return rows @ weight.T if bias is None else rows @ weight.T + bias
    import torch

    return torch.nn.functional.linear(rows, weight, bias)


def broadcast(array: Array, shape: tuple[int, ...]) -> Array:
    """A view of `array` with `shape`."""
    return np.broadcast_to(array, shape) if kind_of(array) == "numpy" else array.broadcast_to(shape)


def where_known(given: Array, values: Array) -> Array:
    """`values` where `given` is no NaN, elsewhere zero."""
    if kind_of(given) == "numpy":
        return np.where(np.isnan(given), values.dtype.type(0), values)
    return values.masked_fill(given.isnan(), 0)


def empty_rows(like: Array, width: int) -> Array:
    """An array `[0, width]` of the kind, dtype and device of `like`."""
    return np.empty((0, width), like.dtype) if kind_of(like) == "numpy" else like.new_empty((0, width))


def dtype_name(array: Array) -> str:
    """``"float32"``, ``"bfloat16"`` …, for either kind."""
    return str(array.dtype).removeprefix("torch.")


def device_name(array: Array) -> str:
    """``"cpu"``, ``"cuda"`` …; always ``"cpu"`` for NumPy."""
    return "cpu" if kind_of(array) == "numpy" else str(array.device.type)
