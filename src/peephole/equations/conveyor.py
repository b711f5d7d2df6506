"""The conveyor of a cell: the state that a step keeps in part and adds to, found in its equations.

With the gates given, the next cell state of an LSTM is ``f · c_prev + i · g``: a factor on the state before, and what is added.
A state whose equation has that form, with values that the cell names as gates, is the cell's conveyor; its *keep* is the factor.
Along it a state, and its gradient, is multiplied by nothing but *keep*.
"""

from __future__ import annotations

import dataclasses
import functools

from peephole.equations.cell import Cell
from peephole.equations.expression import ONE, PRODUCTS, ZERO, Expression
from peephole.equations.trace import trace
from peephole.equations.walk import below
from peephole.errors import EquationError


@dataclasses.dataclass(frozen=True, eq=False)
class Conveyor:
    """How a cell keeps its state.

    Attributes:
        state: the name of the state: ``"c"`` of an LSTM, ``"h"`` of a GRU.
        keep: the factor on the state before, in terms of named values and parameters; the constant 0 where there is none.
        named: the values that `keep` is computed from, node → name.
    """

    state: str
    keep: Expression
    named: dict[Expression, str]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept directly: the whole state is rewritten at each step, as a plain RNN's is."""
        return self.keep is ZERO


@functools.lru_cache(maxsize=256)
def conveyor(cell: Cell) -> Conveyor:
    """Return the conveyor of a cell: of its last state that has one, or an empty one of its last state.

    Raises:
        EquationError: a state before the step enters the next one otherwise than times named values.

    Example:
        >>> from peephole import cells
        >>> found = conveyor(cells.GRU())
        >>> found.state, sorted(found.named.values())
        ('h', ['z'])
        >>> conveyor(cells.RNN()).is_empty
        True
    """
    traced = trace(cell)
    last = traced.states[-1]
    for state in reversed(traced.states):
        target = traced.values[state]
        borders = {node: name for name, node in traced.values.items() if node is not target}
        keep = _factor(target, state, borders, cell)
        if keep is not ZERO:
            reached = below([keep], borders.__contains__)
            return Conveyor(state, keep, {node: borders[node] for node in reached if node in borders})
    return Conveyor(last, ZERO, {})


def _factor(node: Expression, state: str, borders: dict[Expression, str], cell: Cell) -> Expression:
    """The factor on the previous `state` in `node`, with the values in `borders`, and what products give, taken as they are."""
    if node.operation == "previous" and node.label == state:
        return ONE
    if node in borders or node.operation in PRODUCTS or not node.operands:
        return ZERO
    parts = [_factor(operand, state, borders, cell) for operand in node.operands]
    if all(part is ZERO for part in parts):
        return ZERO
    first, second = parts if len(parts) == 2 else (parts[0], ZERO)
    if node.operation == "negate":
        return -first
    if node.operation == "add":
        return second if first is ZERO else first if second is ZERO else first + second
    if node.operation == "subtract":
        return first if second is ZERO else -second if first is ZERO else first - second
    if node.operation == "multiply" and (first is ZERO or second is ZERO):
        kept, other = (second, node.operands[0]) if first is ZERO else (first, node.operands[1])
        return other if kept is ONE else kept * other
    if node.operation == "divide" and second is ZERO:
        return first / node.operands[1]
    raise EquationError(
        f"{type(cell).__name__}: its state {state} must enter the next one as a sum, times named values, to have a conveyor; "
        f"got it inside {node.operation}"
    )
