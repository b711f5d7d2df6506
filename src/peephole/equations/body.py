"""Statements of a pointwise function, in whatever language: equal subexpressions are written once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from peephole.equations.expression import Expression


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How a language writes things.

    Attributes:
        operations: operation → its text, with places for the operands.
        statement: a new variable and its text.
        constant_statement: likewise, of a constant.
        constant: number → its text.
    """

    operations: Mapping[str, str]
    statement: str
    constant_statement: str
    constant: Callable[[float], str]


class Body:
    """The statements of one function.

    Args:
        dialect: how they are written.
        leaf: the variable of an expression that is not computed here; None: it is.
    """

    def __init__(self, dialect: Dialect, leaf: Callable[[Body, Expression], str | None]) -> None:
        self.lines: list[str] = []
        self._dialect, self._leaf = dialect, leaf
        self._of: dict[Expression, str] = {}
        self._by_text: dict[str, str] = {}

    def variable(self, text: str) -> str:
        """A variable that holds `text`, new or from before."""
        return self._variable(text, self._dialect.statement)

    def _variable(self, text: str, statement: str) -> str:
        if text not in self._by_text:
            name = self._by_text[text] = f"v{len(self._by_text)}"
            self.lines.append(statement.format(name, text))
        return self._by_text[text]

    def value(self, root: Expression) -> str:
        """The variable that holds an expression."""
        stack = [root]
        while stack:
            node = stack[-1]
            if node in self._of:
                stack.pop()
                continue
            known = self._leaf(self, node)
            if known is not None:
                self._of[node] = known
            elif missing := [operand for operand in node.operands if operand not in self._of]:
                stack.extend(reversed(missing))
            elif node.operation == "constant":
                text = self._dialect.constant(node.number)
                self._of[node] = self._variable(text, self._dialect.constant_statement)
            else:
                operands = [self._of[operand] for operand in node.operands]
                self._of[node] = self.variable(self._dialect.operations[node.operation].format(*operands))
        return self._of[root]
