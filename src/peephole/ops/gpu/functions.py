"""What Triton's own functions lack on some device, or do otherwise with NaN. Only imported where Triton is installed.

`tanh` and `log1p` are written out, since Triton's interpreter has no library of the device's. Bounds are tested there
(`tests/ops/test_gpu_functions.py`), with exact quotients and exponentials. A GPU's in float32 are approximate: eˣ is off by about
|x| units in the last place, so a sigmoid far below zero is too.
"""
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false, reportUnknownArgumentType=false

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def sigmoid(x):
    """1 / (1 + e⁻ˣ). Where e⁻ˣ overflows, the quotient is the 0 that it should be."""
    return 1.0 / (1.0 + tl.exp(-x))


@triton.jit
def tanh(x):
    """Near zero a polynomial (Cephes' ``tanhf``, 1989), beyond it by e^(-2|x|), which never overflows."""
    distance = tl.abs(x)
    small = tl.exp(-2.0 * distance)
    far = (1.0 - small) / (1.0 + small)
    far = tl.where(x < 0, -far, far)
    if x.dtype == tl.float64:  # there the quotient's own rounding is small enough
        return far
    square = x * x
    near = -5.70498872745e-3
    near = near * square + 2.06390887954e-2
    near = near * square - 5.37397155531e-2
    near = near * square + 1.33314422036e-1
    near = near * square - 3.33332819422e-1
    return tl.where(distance < 0.625, near * square * x + x, far)


@triton.jit
def log1p(x):
    """log(1 + x), with the rounding of 1 + x divided out (Kahan)."""
    sum = 1.0 + x
    rounded = sum - 1.0
    exact = tl.log(sum) * (x / tl.where(rounded == 0, 1.0, rounded))
    return tl.where(rounded == 0, x, tl.where(sum == float("inf"), sum, exact))


@triton.jit
def relu(x):
    """max(x, 0); NaN stays."""
    return tl.where(x <= 0, 0.0, x)


@triton.jit
def minimum(x, y):
    """The smaller, or NaN where one is."""
    return tl.where((x < y) | (x != x), x, y)


@triton.jit
def maximum(x, y):
    """The larger, or NaN where one is."""
    return tl.where((x > y) | (x != x), x, y)


@triton.jit
def positive(x):
    """1 where x > 0, otherwise 0."""
    return tl.where(x > 0, 1.0, 0.0).to(x.dtype)


@triton.jit
def held(value, computed):
    """What is held, or what was computed where nothing is."""
    return tl.where(value == value, value, computed)


@triton.jit
def where_free(value, gradient):
    """A gradient where nothing is held, otherwise 0."""
    return tl.where(value == value, 0.0, gradient)
