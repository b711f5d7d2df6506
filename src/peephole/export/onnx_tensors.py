"""Weights on their way into an ONNX graph: rows put into another order as they are stored, and what reads them there.

float16 halves are cast to float32, int8 codes multiplied by their rows' scales, in the graph: products are float32 throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from peephole.classifier.storage import SMALLEST_SCALE, Int8Rows, Storage, Tensor, stored
from peephole.errors import ModelError
from peephole.export.gate_orders import ABSENT, Rows


def in_storage(array: Any, storage: Storage) -> Any:
    """Return a weight as it is to be stored: matrices as `storage` says, everything else as it is.

    Raises:
        ModelError: a number is too large for float16.
    """
    if storage == "float32":
        return array.dense() if isinstance(array, Int8Rows) else array
    made = stored(cast("Tensor", array), storage)
    if isinstance(made, np.ndarray) and made.dtype == np.float16 and not np.isfinite(made).all():
        raise ModelError(
            "export: weights in float16 must be at most 65,504; got larger ones", hint="use float32 or int8"
        )
    return made


def take_rows(tensor: Any, rows: Rows) -> Any:
    """Return rows of an array or of a matrix in int8, in that order; `ABSENT` ones are zeros."""
    if isinstance(tensor, Int8Rows):
        scale = tensor.scale[rows]
        scale[rows == ABSENT] = np.float32(SMALLEST_SCALE)
        return Int8Rows(take_rows(tensor.codes, rows), scale)
    taken = tensor[rows]
    taken[rows == ABSENT] = 0
    return taken


def stack(tensors: Sequence[Any]) -> Any:
    """Return arrays, or matrices in int8, one below the other."""
    if isinstance(tensors[0], Int8Rows):
        return Int8Rows(
            np.concatenate([each.codes for each in tensors]), np.concatenate([each.scale for each in tensors])
        )
    return np.concatenate(tensors)
