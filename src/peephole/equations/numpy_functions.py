"""The functions of the language on NumPy arrays and plain numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(−x)); exp(−x) = ∞ gives the right limit, 0."""
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-x))


def relu(x: Any) -> Any:
    """max(x, 0)."""
    return np.maximum(x, 0)


def hold(held: Any, free: Any) -> Any:
    """`held` where it is no NaN, elsewhere `free`."""
    return np.where(np.isnan(held), free, held)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": relu,
    "exp": np.exp,
    "log1p": np.log1p,
    "minimum": np.minimum,
    "maximum": np.maximum,
}
