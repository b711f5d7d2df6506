"""`torch.vmap` of the kernel: copies of a batch that share their weights are one larger batch.

The copies of a sequence stand side by side: sequence n of copy b is sequence n·B + b. So batch sizes still never grow, and every
array is its own with one more axis before the last, folded into the one in front of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import Call

Dims = Sequence[int | None]
Tensors = tuple[Tensor, ...]


def vmap_forward(
    apply: Callable[..., Tensors],
    copies: int,
    dims: Dims,
    call: Call,
    sizes: BatchSizes,
    arrays: Sequence[Tensor],
) -> tuple[Tensors, tuple[int, ...]]:
    """The rule of `Forward`: its outputs, and where their new axis is.

    Args:
        apply: `Forward.apply`.
        copies: B.
        dims: the new axis of each array, or None.
        call: as `Forward` takes it.
        sizes: likewise.
        arrays: likewise, some with one axis more.
    """
    if any(dim is not None for dim in dims[1 : call.first_state]):
        return _one_by_one(copies, dims, arrays, lambda *tensors: apply(call, sizes, *tensors))
    folded = _fold_all(call, copies, dims, arrays)
    return _unfold(copies, apply(call, sizes.times(copies), *folded))


def vmap_backward(
    apply: Callable[..., Tensors],
    copies: int,
    dims: Dims,
    call: Call,
    sizes: BatchSizes,
    wanted: tuple[bool, ...],
    count: int,
    tensors: Sequence[Tensor],
) -> tuple[Tensors, tuple[int, ...]]:
    """The rule of `Backward`, whose arguments these are: weights' gradients belong to one copy each."""
    weights = slice(1, call.first_state)
    if any(wanted[weights]) or any(dim is not None for dim in dims[weights]):
        return _one_by_one(
            copies, dims, tensors, lambda *tensors: apply(call, sizes, wanted, count, *tensors)
        )
    folded = _fold_all(call, copies, dims, tensors)
    return _unfold(copies, apply(call, sizes.times(copies), wanted, count, *folded))


def _fold_all(call: Call, copies: int, dims: Dims, tensors: Sequence[Any]) -> list[Any]:
    return [
        tensor if tensor is None or 1 <= k < call.first_state else _fold(tensor, dim, copies)
        for k, (tensor, dim) in enumerate(zip(tensors, dims, strict=True))
    ]


def _fold(tensor: Tensor, dim: int | None, copies: int) -> Tensor:
    """`[…, M, W]` with an axis of B copies at `dim`, or none → `[…, M·B, W]`."""
    *rest, width = tensor.shape
    apart = tensor.unsqueeze(-2).expand(*rest, copies, width) if dim is None else tensor.movedim(dim, -2)
    return apart.flatten(-3, -2)


def _unfold(copies: int, folded: Iterable[Tensor]) -> tuple[Tensors, tuple[int, ...]]:
    """`[…, M·B, W]` → `[…, M, B, W]`, and the place of B."""
    out = tuple(t.reshape(*t.shape[:-2], t.shape[-2] // copies, copies, t.shape[-1]) for t in folded)
    return out, tuple(t.ndim - 2 for t in out)


def _one_by_one(
    copies: int, dims: Dims, tensors: Sequence[Any], apply: Callable[..., Tensors]
) -> tuple[Tensors, tuple[int, ...]]:
    outs = [
        apply(*(t if dim is None else t.select(dim, b) for t, dim in zip(tensors, dims, strict=True)))
        for b in range(copies)
    ]
    stacked = tuple(torch.stack(parts) for parts in zip(*outs, strict=True))
    return stacked, (0,) * len(stacked)
