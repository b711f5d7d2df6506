"""How a tensor's numbers are stored: float32, float16, or int8 with a scale for each row.

int8 is symmetric: row r of a matrix is kept as whole numbers q = w / s, rounded (halves to the even number), from −127 to 127,
and one scale s = max |w| / 127 of that row. It is read as q · s, at most s / 2 from what it was. Biases and everything
else with one axis stay float32.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from peephole.classifier.storages import STORAGES as STORAGES
from peephole.classifier.storages import Storage as Storage

Array = npt.NDArray[np.float32]

# The scale of a row of zeros, and of one so small that its scale would lose its digits.
SMALLEST_SCALE = float(np.finfo(np.float32).tiny)
# No code times a larger scale is sure to be finite.
LARGEST_SCALE = 2.0**120


@dataclasses.dataclass(frozen=True, eq=False)
class Int8Rows:
    """A matrix `[r, c]` in int8.

    Attributes:
        codes: `[r, c]` int8.
        scale: `[r]` float32, above 0.

    Example:
        >>> rows = int8_rows(np.array([[0.5, -1.27, 0.0], [0.0, 0.0, 0.0]]))
        >>> rows.codes.tolist()
        [[50, -127, 0], [0, 0, 0]]
        >>> rows.dense().astype(float).round(4).tolist()
        [[0.5, -1.27, 0.0], [0.0, 0.0, 0.0]]
    """

    codes: npt.NDArray[np.int8]
    scale: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """`(r, c)`."""
        return self.codes.shape

    def gather(self, rows: npt.NDArray[np.integer]) -> Array:
        """Return some rows `[n]` of it as float32 `[n, c]`; the others are not touched."""
        return self.codes[rows] * self.scale[rows, None]

    def dense(self) -> Array:
        """Return all of it as float32 `[r, c]`."""
        return self.codes * self.scale[:, None]


# What a model's tensors are: float32 arrays, float16 matrices, int8 matrices.
Tensor = Union[Array, npt.NDArray[np.float16], Int8Rows]  # noqa: UP007 (evaluated at run time on Python 3.10)


def int8_rows(matrix: npt.NDArray[np.floating[Any]]) -> Int8Rows:
    """Return a matrix `[r, c]` of finite numbers in int8."""
    exact = matrix.astype(np.float64)
    largest = np.abs(exact).max(axis=1, initial=0.0)
    scale = np.maximum(largest / 127, SMALLEST_SCALE).astype(np.float32)
    return Int8Rows(np.rint(exact / scale[:, None]).astype(np.int8), scale)


def taken(tensor: Any) -> Tensor:
    """Return a tensor as a model keeps it: as it is stored, or as float32 that lies in row-major order."""
    if isinstance(tensor, Int8Rows):
        return tensor
    array: npt.NDArray[Any] = np.asarray(tensor)
    if _is_half(array):
        return np.ascontiguousarray(array, np.float16)
    return np.ascontiguousarray(array, np.float32)


def stored(tensor: Tensor, storage: Storage) -> Tensor:
    """Return a tensor in another storage; what is in it already stays as it is, to the bit."""
    if len(tensor.shape) != 2 or storage == "float32":
        return dense(tensor)
    if storage == "int8":
        return tensor if isinstance(tensor, Int8Rows) else int8_rows(tensor)
    if isinstance(tensor, np.ndarray) and _is_half(tensor):
        return tensor
    with np.errstate(over="ignore"):
        return dense(tensor).astype(np.float16)


def dense(tensor: Tensor) -> Array:
    """Return a tensor as float32: itself, or a copy that cannot be written."""
    array = tensor.dense() if isinstance(tensor, Int8Rows) else tensor.astype(np.float32, copy=False)
    if array is not tensor:
        array.flags.writeable = False
    return array


def gather(tensor: Tensor, rows: npt.NDArray[np.integer]) -> Array:
    """Return some rows `[n]` of a matrix `[r, c]` as float32 `[n, c]`; the others are not touched."""
    if isinstance(tensor, Int8Rows):
        return tensor.gather(rows)
    return tensor[rows].astype(np.float32, copy=False)


def _is_half(array: npt.NDArray[Any]) -> bool:
    return array.dtype == np.float16 and array.ndim == 2
