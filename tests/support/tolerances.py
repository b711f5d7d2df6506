"""The one table of tolerances. Every value has its reason; tests take them from here and state none of their own.

All are absolute, on values of order one: recurrent states lie in [−1, 1] or near it, and so do the test inputs.
"""

from __future__ import annotations

import math
from typing import TypedDict

import torch


class Tolerance(TypedDict):
    """Keyword arguments of `torch.testing.assert_close`."""

    rtol: float
    atol: float


def _absolute(atol: float) -> Tolerance:
    return {"rtol": 0.0, "atol": atol}


# The same operations in the same order: not one bit may differ.
EXACT = _absolute(0.0)

# The same equations in float64, summed in another order, over at most a few dozen steps and units: differences seen are below
# 1e-14 for outputs and 1e-13 for gradients; a wrong equation, gate or step is above 1e-3. 1e-10 is what the drop-ins promise.
FLOAT64 = _absolute(1e-10)

# A central difference of width 2e-5 in float64: its own error is of order 1e-10, rounding adds 1e-16 / 1e-5 times a few units.
DIFFERENCES = _absolute(1e-7)

# Likewise in float32, for runs of up to ten steps and eight units: eps = 1.2e-7, times a few dozen roundings.
FLOAT32 = _absolute(1e-5)

# Likewise in bfloat16, where eps = 2^-7 = 0.008: two roundings of a state in [−1, 1], carried over a few steps.
BFLOAT16 = _absolute(0.04)

# float32 multiplied as sums of two bfloat16 (precision="high"): 2^-16 = 1.5e-5 of each product is left out at most; sums of up
# to 640 products of order 1/√640, carried over up to 70 steps of states in [−1, 1] or near it.
HIGH_PRECISION = _absolute(2e-4)

BY_DTYPE: dict[torch.dtype, Tolerance] = {
    torch.float64: FLOAT64,
    torch.float32: FLOAT32,
    torch.bfloat16: BFLOAT16,
}

# The shipped model's probabilities, float32, by different instruction sets: sums of up to 400 products in other orders, over
# texts of up to 40 tokens.
SHIPPED_MODEL_BETWEEN_INSTRUCTION_SETS = _absolute(1e-4)

# A product of hundreds of float64 factors, taken in another order: one rounding each.
LONG_PRODUCT_FLOAT64: Tolerance = {"rtol": 1e-12, "atol": 0.0}

# A frequency over 100,000 draws of probability p in [0.1, 0.9]: five standard deviations of at most sqrt(0.25 / 1e5) = 0.0016.
FREQUENCY_OF_100_000 = _absolute(0.008)


def rounding(dtype: torch.dtype, terms: int) -> Tolerance:
    """Bound for sums of `terms` products of order one (K units times T steps): errors grow as eps · log2(terms).

    The factor 4 is oneDNN's for its recurrent kernels (benchdnn).
    """
    return _absolute(4 * torch.finfo(dtype).eps * max(1, math.ceil(math.log2(terms))))
