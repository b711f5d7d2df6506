"""Expressions as one line of text, in the letters of the papers."""

from __future__ import annotations

from collections.abc import Mapping

from peephole.equations.expression import Expression

_PRECEDENCE = {"add": 1, "subtract": 1, "multiply": 2, "divide": 2, "negate": 3}
_SIGN = {"add": " + ", "subtract": " − ", "multiply": " · ", "divide": " / "}
_FUNCTION = {"sigmoid": "σ", "abs": "abs"}
_ATOM = 4


def as_text(expression: Expression, names: Mapping[Expression, str]) -> str:
    """Write `expression` in one line; operands that have a name in `names` are written as that name.

    Example:
        >>> from peephole import cells
        >>> from peephole.equations import trace
        >>> values = trace(cells.LSTM()).values
        >>> as_text(values["c"], {node: name for name, node in values.items()})
        'f · c_prev + i · g'
    """
    return _write(expression, names, root=True)[0]


def _write(node: Expression, names: Mapping[Expression, str], *, root: bool = False) -> tuple[str, int]:
    """Return the text and its precedence."""
    if not root and node in names:
        return names[node], _ATOM
    operation, label = node.operation, node.label
    if operation == "constant":
        return f"{node.number:g}", _ATOM
    if operation == "previous":
        return f"{label}_prev", _ATOM
    if operation == "parameter":
        return f"p_{label.rpartition('.')[2]}", _ATOM
    if operation == "input":
        return f"W_{label} x + b_{label}", _PRECEDENCE["add"]
    if operation == "recurrent":
        return f"U_{label} {_operand(node, names)} + b'_{label}", _PRECEDENCE["add"]
    if operation == "matrix":
        return f"P_{label.rpartition('.')[2]} {_operand(node, names)}", _PRECEDENCE["multiply"]
    texts = [_write(operand, names) for operand in node.operands]
    if operation == "negate":
        return f"−{_wrap(texts[0], _PRECEDENCE['negate'])}", _PRECEDENCE["negate"]
    if operation in _SIGN:
        own = _PRECEDENCE[operation]
        # a − (b + c) and a / (b · c) need their brackets; a + b + c and a · b · c do not
        right = own + 1 if operation in ("subtract", "divide") else own
        return f"{_wrap(texts[0], own)}{_SIGN[operation]}{_wrap(texts[1], right)}", own
    return f"{_FUNCTION.get(operation, operation)}({', '.join(text for text, _ in texts)})", _ATOM


def _operand(node: Expression, names: Mapping[Expression, str]) -> str:
    return _wrap(_write(node.operands[0], names), _ATOM)


def _wrap(written: tuple[str, int], least: int) -> str:
    text, precedence = written
    return text if precedence >= least else f"({text})"
