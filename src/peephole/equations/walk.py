"""Walking over a graph of equations."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from peephole.equations.expression import Expression


def below(
    roots: Iterable[Expression], stops: Callable[[Expression], bool] = lambda node: False
) -> list[Expression]:
    """Return the nodes that `roots` are made of, themselves among them, each once and after its operands.

    Args:
        roots: where to begin; what belongs to the first comes first.
        stops: whether a node is not entered. It is in the result itself; what only it is made of is not.

    Example:
        >>> x, y = Expression("previous", label="x"), Expression("previous", label="y")
        >>> product = x * y
        >>> [node.operation for node in below([product + x])]
        ['previous', 'previous', 'multiply', 'add']
        >>> [node.operation for node in below([product - product], stops=lambda node: node is product)]
        ['multiply', 'subtract']
    """
    order: dict[Expression, None] = {}
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, done = stack.pop()
        if node in order:
            continue
        if done or not node.operands or stops(node):
            order[node] = None
        else:
            stack.append((node, True))
            stack.extend((operand, False) for operand in reversed(node.operands))
    return list(order)
