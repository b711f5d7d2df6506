"""Expressions: the symbols that a cell's equations are traced on.

An `Expression` is a node of a directed acyclic graph. Its `operation` is one of

    leaves      ``constant`` a number · ``previous`` a state before the step · ``parameter`` a value per unit
    products    ``input`` W_g x + b_g · ``recurrent`` U_g v + b'_g of an operand v · ``matrix`` P v of a declared matrix
    pointwise   ``add subtract multiply divide negate`` · ``sigmoid tanh relu exp log1p abs minimum maximum``

Nodes are compared by identity: what a cell's author computed once is one node, and stays one.
"""

from __future__ import annotations

import inspect
import linecache
from typing import NoReturn

from peephole.errors import EquationError

LEAVES = ("constant", "previous", "parameter")
PRODUCTS = ("input", "recurrent", "matrix")
UNARY = ("negate", "sigmoid", "tanh", "relu", "exp", "log1p", "abs")
BINARY = ("add", "subtract", "multiply", "divide", "minimum", "maximum")


class Expression:
    """One node: an operation, its operands, and what names a leaf or a product.

    Args:
        operation: one of the names in the module's docstring.
        operands: the expressions it is computed from; empty for a leaf.
        label: the state of ``previous``; the gate of ``input`` and ``recurrent``; ``name.part`` of ``parameter`` and ``matrix``.
        number: the value of a ``constant``.
    """

    __slots__ = ("label", "number", "operands", "operation")
    __hash__ = object.__hash__

    def __init__(
        self,
        operation: str,
        operands: tuple[Expression, ...] = (),
        *,
        label: str = "",
        number: float = 0.0,
    ) -> None:
        self.operation = operation
        self.operands = operands
        self.label = label
        self.number = number

    @staticmethod
    def of(value: object) -> Expression:
        """Return `value` as an expression: itself, or the constant that a Python number is."""
        if isinstance(value, Expression):
            return value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return Expression("constant", number=float(value))
        raise refusal(f"a value of type {type(value).__name__}")

    def __add__(self, other: object) -> Expression:
        return Expression("add", (self, Expression.of(other)))

    def __radd__(self, other: object) -> Expression:
        return Expression("add", (Expression.of(other), self))

    def __sub__(self, other: object) -> Expression:
        return Expression("subtract", (self, Expression.of(other)))

    def __rsub__(self, other: object) -> Expression:
        return Expression("subtract", (Expression.of(other), self))

    def __mul__(self, other: object) -> Expression:
        return Expression("multiply", (self, Expression.of(other)))

    def __rmul__(self, other: object) -> Expression:
        return Expression("multiply", (Expression.of(other), self))

    def __truediv__(self, other: object) -> Expression:
        return Expression("divide", (self, Expression.of(other)))

    def __rtruediv__(self, other: object) -> Expression:
        return Expression("divide", (Expression.of(other), self))

    def __neg__(self) -> Expression:
        return Expression("negate", (self,))

    def __pos__(self) -> Expression:
        return self

    def __abs__(self) -> Expression:
        return Expression("abs", (self,))

    # What the language does not have says so, with the line of the cell that asked for it.
    def __bool__(self) -> NoReturn:
        raise refusal("a decision on a value (if, and, or, while)")

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        raise refusal("the comparison ==")

    def __lt__(self, other: object) -> NoReturn:
        raise refusal("the comparison <")

    def __le__(self, other: object) -> NoReturn:
        raise refusal("the comparison <=")

    def __gt__(self, other: object) -> NoReturn:
        raise refusal("the comparison >")

    def __ge__(self, other: object) -> NoReturn:
        raise refusal("the comparison >=")

    def __pow__(self, other: object) -> NoReturn:
        raise refusal("the power **")

    def __mod__(self, other: object) -> NoReturn:
        raise refusal("the remainder %")

    def __matmul__(self, other: object) -> NoReturn:
        raise refusal("the product @ of two values (only a declared Matrix stands left of @)")

    def __getitem__(self, item: object) -> NoReturn:
        raise refusal("indexing (an equation holds for every unit alike)")

    def __float__(self) -> NoReturn:
        raise refusal("float() of a value")

    def __array_ufunc__(self, function: object, *_: object, **__: object) -> NoReturn:
        raise refusal(f"numpy.{getattr(function, '__name__', 'function')}")

    @classmethod
    def __torch_function__(cls, function: object, *_: object, **__: object) -> NoReturn:
        raise refusal(f"torch.{getattr(function, '__name__', 'function')}")

    def __repr__(self) -> str:
        from peephole.equations.text import as_text

        return as_text(self, {})


ZERO, ONE = Expression("constant", number=0.0), Expression("constant", number=1.0)


def complement(node: Expression) -> Expression | None:
    """Return what `node` is one less: x where it is 1 − x, otherwise None.

    Example:
        >>> z = Expression("previous", label="z")
        >>> complement(1 - z) is z, complement(z)
        (True, None)
    """
    if node.operation != "subtract" or node.operands[0].operation != "constant":
        return None
    return node.operands[1] if node.operands[0].number == 1.0 else None


def refusal(what: str) -> EquationError:
    """The error that says: `what` is not in the language. It names the line of `step` that asked for it."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_name != "step":
        frame = frame.f_back
    where, line = "a cell's step", ""
    if frame is not None:
        where = f"{frame.f_code.co_filename}, line {frame.f_lineno}"
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    return EquationError(
        f"{where}: {what} cannot be expressed in the language of cells" + (f": {line}" if line else ""),
        hint="use + - * /, abs(), and sigmoid tanh relu exp log1p minimum maximum from peephole.equations",
    )
