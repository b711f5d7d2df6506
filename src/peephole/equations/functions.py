"""The functions of the language: one name each, on torch tensors, NumPy arrays, symbols and plain numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from peephole.equations.expression import Expression

# `Value` stands for whatever a cell's step is run on. A cell does not know, and must not.
Value = Any


def sigmoid(x: Value) -> Value:
    """1 / (1 + exp(−x)), in (0, 1); exact limits 0 and 1 at ±∞.

    >>> sigmoid(0.0)
    0.5
    """
    return _apply("sigmoid", x)


def tanh(x: Value) -> Value:
    """The hyperbolic tangent, in (−1, 1)."""
    return _apply("tanh", x)


def relu(x: Value) -> Value:
    """max(x, 0)."""
    return _apply("relu", x)


def exp(x: Value) -> Value:
    """The exponential."""
    return _apply("exp", x)


def log1p(x: Value) -> Value:
    """log(1 + x), exact near zero."""
    return _apply("log1p", x)


def minimum(x: Value, y: Value) -> Value:
    """The smaller of two values, unit by unit; NaN if either is."""
    return _apply("minimum", x, y)


def maximum(x: Value, y: Value) -> Value:
    """The larger of two values, unit by unit; NaN if either is."""
    return _apply("maximum", x, y)


def apply(operation: str, *operands: Value) -> Value:
    """Apply a pointwise operation by its name in `expression.UNARY` or `BINARY`, or ``positive``: 1 where x > 0, otherwise 0."""
    arithmetic = _ARITHMETIC.get(operation)
    return arithmetic(*operands) if arithmetic else _apply(operation, *operands)


def hold(held: Value, free: Value) -> Value:
    """`held` where it is no NaN, elsewhere `free`; arrays or tensors of one kind. Where it is held, `free` gets no gradient."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(held, torch.Tensor):
        return torch.where(held.isnan(), free, held)
    from peephole.equations.numpy_functions import hold

    return hold(held, free)


def _apply(name: str, *operands: Value) -> Value:
    if any(isinstance(operand, Expression) for operand in operands):
        return Expression(name, tuple(Expression.of(operand) for operand in operands))
    # Torch is never imported here: a tensor among the operands proves that it is loaded.
    torch = sys.modules.get("torch")
    if torch is not None and any(isinstance(operand, torch.Tensor) for operand in operands):
        tensor = next(operand for operand in operands if isinstance(operand, torch.Tensor))
        return getattr(torch, name)(
            *(o if isinstance(o, torch.Tensor) else tensor.new_tensor(o) for o in operands)
        )
    # Nor is NumPy imported before an array is met: symbols are all that building the kernels needs.
    from peephole.equations.numpy_functions import FUNCTIONS

    result = FUNCTIONS[name](*operands)
    return float(result) if all(isinstance(operand, (int, float)) for operand in operands) else result


_ARITHMETIC: dict[str, Callable[..., Value]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "negate": lambda x: -x,
    "abs": abs,
    "positive": lambda x: (x > 0) * 1.0 if isinstance(x, (int, float)) else (x > 0) + 0 * x,
}
