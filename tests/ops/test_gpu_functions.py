"""The functions that the Triton kernels bring: their errors, and what they make of infinities and NaN."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl

from peephole.ops.gpu import functions

pytestmark = pytest.mark.slow  # the interpreter makes seconds of it

WIDE = 1 << 12


@triton.jit
def _apply(x, y, out, NAME: tl.constexpr, SIZE: tl.constexpr):
    at = tl.arange(0, SIZE)
    left, right = tl.load(x + at), tl.load(y + at)
    if NAME == "sigmoid":
        tl.store(out + at, functions.sigmoid(left))
    elif NAME == "tanh":
        tl.store(out + at, functions.tanh(left))
    elif NAME == "log1p":
        tl.store(out + at, functions.log1p(left))
    elif NAME == "relu":
        tl.store(out + at, functions.relu(left))
    elif NAME == "minimum":
        tl.store(out + at, functions.minimum(left, right))
    else:
        tl.store(out + at, functions.maximum(left, right))


def apply(name: str, x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
    out = torch.empty_like(x)
    _apply[(1,)](x, x if y is None else y, out, NAME=name, SIZE=len(x))
    return out


@pytest.mark.parametrize(("name", "bound"), [("sigmoid", 4), ("tanh", 4), ("log1p", 4)])
def test_errors_in_units_of_the_last_place(name: str, bound: float) -> None:
    far = torch.linspace(-0.99 if name == "log1p" else -12, 12, WIDE // 2)
    near = torch.logspace(-30, 0, WIDE // 4)
    x = torch.cat([far, near, -near * (0.99 if name == "log1p" else 1)])
    exact = getattr(torch, name)(x.double())
    spacing = torch.finfo(torch.float32).eps * exact.abs().clamp(min=torch.finfo(torch.float32).tiny)
    assert float(((apply(name, x).double() - exact).abs() / spacing).max()) <= bound


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "log1p", "relu", "minimum", "maximum"])
def test_infinities_and_nan_are_torchs(name: str, dtype: torch.dtype) -> None:
    hard = [0.0, 1.0, -1.0, 100.0, -100.0, 1e30, float("inf"), float("-inf"), float("nan"), -0.5]
    x = torch.tensor([first for first in hard for _ in hard][:64], dtype=dtype)
    y = torch.tensor([second for _ in hard for second in hard][:64], dtype=dtype)
    expected = getattr(torch, name)(x, y) if name in ("minimum", "maximum") else getattr(torch, name)(x)
    torch.testing.assert_close(apply(name, x, y), expected, rtol=1e-6, atol=0, equal_nan=True)
