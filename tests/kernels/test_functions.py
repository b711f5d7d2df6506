"""The vector functions keep the error bounds that ``kernels/vector.h`` states."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from peephole.ops.library import library

pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)

# The bounds of vector.h, in units of the last place.
BOUNDS = {"sigmoid": 4, "tanh": 6, "exp": 3, "log1p": 2}
EXACT = {
    "sigmoid": lambda x: np.where(x < 0, np.exp(-np.abs(x)), 1) / (1 + np.exp(-np.abs(x))),
    "tanh": np.tanh,
    "exp": np.exp,
    "log1p": np.log1p,
}  # fmt: skip


def apply(isa: str, name: str, x: np.ndarray) -> np.ndarray:
    handle = library().handle
    assert isinstance(handle, ctypes.CDLL)
    y = np.empty_like(x)
    dtype = 0 if x.dtype == np.float32 else 1
    assert (
        handle.peephole_function(isa.encode(), name.encode(), dtype, x.size, x.ctypes.data, y.ctypes.data)
        == 0
    )
    return y


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("isa", library().isas)
def test_error_bounds(isa: str, name: str, dtype: type) -> None:
    limit = 87.0 if dtype == np.float32 else 700.0
    tiny = np.geomspace(1e-30, limit, 60_001)
    x = np.concatenate([np.linspace(-limit, limit, 60_001), np.linspace(-1, 1, 60_001), tiny, -tiny]).astype(
        dtype
    )
    if name == "log1p":
        x = x[x > -1]
    exact = EXACT[name](x.astype(np.longdouble))
    error = np.abs(apply(isa, name, x).astype(np.longdouble) - exact) / np.spacing(
        np.abs(exact).astype(dtype)
    )
    assert error.max() <= BOUNDS[name], (x[error.argmax()], error.max())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("isa", library().isas)
def test_the_ends_of_the_range(isa: str, dtype: type) -> None:
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 100, -100, 800, -800], dtype)
    np.testing.assert_allclose(apply(isa, "sigmoid", x), [1, 0, np.nan, 0.5, 0.5, 1, 0, 1, 0], atol=1e-37)
    tanh = apply(isa, "tanh", x)
    exact = np.array([1, -1, np.nan, 0, 0, 1, -1, 1, -1], dtype)
    np.testing.assert_array_equal(tanh, exact)  # 1 and not a hair less: its derivative is 1 - tanh²
    assert not (np.abs(apply(isa, "tanh", np.linspace(-20, 20, 10_001).astype(dtype))) > 1).any()
    assert np.signbit(tanh).tolist()[3:5] == [False, True]
    with np.errstate(over="ignore", under="ignore"):
        np.testing.assert_allclose(
            apply(isa, "exp", x), np.exp(x), rtol=1e-6 if dtype == np.float32 else 1e-14
        )
