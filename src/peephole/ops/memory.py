"""Where the numbers of NumPy arrays and torch tensors lie."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from peephole.ops.arrays import Array


def row_distance(x: Array) -> int | None:
    """Elements from one row to the next, for rows `[R, D]` or `[T, N, D]` of which each is contiguous; None: no such distance."""
    *lead, width = x.shape
    if isinstance(x, np.ndarray):
        return width if x.flags.c_contiguous else None
    *apart, inside = x.stride()
    if inside != 1 and width > 1:
        return None
    if len(lead) == 2:
        if lead[0] > 1 and lead[1] > 1 and apart[0] != lead[1] * apart[1]:
            return None
        apart = apart[1:] if lead[1] > 1 else apart[:1]
        lead = [lead[0] * lead[1]]
    if lead[0] <= 1:
        return width
    return apart[0] if apart[0] > 0 else None


def address(array: Array) -> int:
    """Address of an array's first element."""
    return array.__array_interface__["data"][0] if isinstance(array, np.ndarray) else array.data_ptr()


def addresses(arrays: Sequence[Array]) -> list[int]:
    """Addresses of arrays of one kind."""
    if arrays and isinstance(arrays[0], np.ndarray):
        return [address(array) for array in arrays]
    return [array.data_ptr() for array in arrays]


def all_contiguous(arrays: Sequence[Array]) -> list[Array]:
    """`contiguous` of each of several arrays of one kind."""
    if isinstance(arrays[0], np.ndarray):
        return [np.ascontiguousarray(array) for array in arrays]
    return [
        array if array.is_contiguous() and not array.is_neg() and array.data_ptr() else contiguous(array)
        for array in arrays
    ]


def contiguous(array: Any) -> Any:
    """The array itself, or a copy whose elements lie in row-major order."""
    if isinstance(array, np.ndarray):
        return np.ascontiguousarray(array)
    if array.is_contiguous() and not array.is_neg() and array.data_ptr():
        return array
    return materialized(array).contiguous()


def materialized(array: Any) -> Any:
    """The array itself, or a copy where its numbers are not those in memory: torch negates late, and has zeros without any."""
    if isinstance(array, np.ndarray):
        return array
    if array.is_neg():
        return array.clone()
    return array + 0 if array.data_ptr() == 0 and array.numel() else array


def empty_like(array: Array) -> Array:
    """An array of the kind, dtype and shape of a contiguous one, not filled. Of a tensor, in half the time of `empty`."""
    return np.empty_like(array) if isinstance(array, np.ndarray) else _torch().empty_like(array)


def empty_float32(like: Any, shape: Sequence[int]) -> Any:
    """A tensor of float32, not filled."""
    return like.new_empty(shape, dtype=_torch().float32)


@functools.cache
def _torch() -> Any:
    """`torch`, which somebody has imported who gives tensors; a statement in a function would look for it at every call."""
    import torch

    return torch


def empty(like: Array, shape: Sequence[int]) -> Array:
    """An array of the kind and dtype of `like`, not filled."""
    return np.empty(shape, like.dtype) if isinstance(like, np.ndarray) else like.new_empty(shape)


def zeros(like: Array, shape: Sequence[int]) -> Array:
    """An array of zeros of the kind and dtype of `like`."""
    return np.zeros(shape, like.dtype) if isinstance(like, np.ndarray) else like.new_zeros(shape)
