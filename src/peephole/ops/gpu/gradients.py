"""Gradients of weights and inputs, from those of lanes: one large product each, in the same order every time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from peephole.equations.lanes import Product


def product(rows: Tensor, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Tensor:
    """`[R, D]`, `[M, D]` → `[R, M]`: rows · weightᵀ + bias, in `dtype`, which may be wider than that of the operands."""
    if rows.dtype == dtype:
        return torch.nn.functional.linear(rows, weight, bias)
    if (
        rows.is_cuda and "dtype" in torch.ops.aten.mm.overloads()
    ):  # the sums of tensor cores, before they are rounded
        found = torch.ops.aten.mm.dtype(rows, weight.t(), dtype)
    else:
        found = rows.to(dtype) @ weight.to(dtype).t()
    return found if bias is None else found + bias.to(dtype)


def runs(products: Sequence[Product]) -> list[tuple[int, int, int]]:
    """Products whose lanes and blocks lie side by side, as (first lane, first block, how many)."""
    found: list[tuple[int, int, int]] = []
    for p in sorted(products, key=lambda p: (p.lane, p.block)):
        if found and (p.lane, p.block) == (found[-1][0] + found[-1][2], found[-1][1] + found[-1][2]):
            found[-1] = (*found[-1][:2], found[-1][2] + 1)
        else:
            found.append((p.lane, p.block, 1))
    return found


def of_source(d_lanes: Tensor, products: Sequence[Product], weight: Tensor) -> Tensor:
    """`[R, D]` the gradient of what these products multiply: Σ d_lane · W."""
    hidden, flat = d_lanes.shape[2], d_lanes.flatten(1)
    total: Tensor | None = None
    for lane, block, count in runs(products):
        left = flat[:, lane * hidden : (lane + count) * hidden]
        right = weight[block * hidden : (block + count) * hidden]
        total = left @ right if total is None else total.addmm_(left, right)
    return d_lanes.new_zeros((len(d_lanes), weight.shape[1])) if total is None else total


def of_matrix(
    d_lanes: Tensor, products: Sequence[Product], source: Callable[[Product], Tensor], out: Tensor
) -> None:
    """``out += Σ d_laneᵀ · source`` for these products of one matrix."""
    hidden, flat = d_lanes.shape[2], d_lanes.flatten(1)
    for index in dict.fromkeys(p.source for p in products):
        chosen = [p for p in products if p.source == index]
        rows = source(chosen[0])
        for lane, block, count in runs(chosen):
            left = flat[:, lane * hidden : (lane + count) * hidden]
            out[block * hidden : (block + count) * hidden].addmm_(left.t(), rows)


def of_bias(d_lanes: Tensor, products: Sequence[Product], out: Tensor) -> None:
    """``out += Σ d_lane`` over rows, for these products; summed in the dtype that is computed in."""
    hidden, flat = d_lanes.shape[2], d_lanes.flatten(1)
    wide = torch.promote_types(d_lanes.dtype, torch.float32)
    for lane, block, count in runs(products):
        total = flat[:, lane * hidden : (lane + count) * hidden].sum(0, dtype=wide)
        out[block * hidden : (block + count) * hidden] += total.to(out.dtype)
