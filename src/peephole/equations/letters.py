"""How values, parameters and numbers of a cell are called, and which unnamed expressions need a letter: for all emitters."""

from __future__ import annotations

from collections import Counter

from peephole.equations.cell import Cell, Matrix
from peephole.equations.expression import LEAVES, PRODUCTS, Expression
from peephole.equations.trace import Trace


def parameter_letters(cell: Cell) -> dict[str, tuple[str, str]]:
    """Return label (``name.part``) → letter and subscript of each declared parameter: p of a `Vector`, P of a `Matrix`.

    The subscript is the part; where two parameters of one kind have a part of that name, it is the whole label.

    Example:
        >>> from peephole import cells
        >>> parameter_letters(cells.PeepholeLSTM())["weight_ch.i"]
        ('p', 'i')
    """
    letters = {
        f"{name}.{part}": ("P" if isinstance(parameter, Matrix) else "p", part)
        for name, parameter in cell.parameters.items()
        for part in parameter.parts
    }
    frequency = Counter(letters.values())
    return {label: pair if frequency[pair] == 1 else (pair[0], label) for label, pair in letters.items()}


def count_uses(traced: Trace) -> Counter[Expression]:
    """Return how many operands of other expressions each expression is; a name is no use."""
    return Counter(operand for node in traced.nodes() for operand in node.operands)


def shared(traced: Trace) -> list[Expression]:
    """Return what has no name, is used more than once, and is too long to be written twice.

    Short enough to be written twice is a pointwise operation of leaves and of expressions that have a letter, such as 1 − z.
    """
    lettered = set(traced.values.values())
    uses = count_uses(traced)
    found: list[Expression] = []
    for node in traced.nodes():
        is_short = node.operation in LEAVES or (
            node.operation not in PRODUCTS
            and all(o.operation in LEAVES or o in lettered for o in node.operands)
        )
        if node not in lettered and uses[node] > 1 and not is_short:
            found.append(node)
            lettered.add(node)
    return found


def base_and_subscript(name: str) -> tuple[str, str]:
    """Split the name of a value at its first underscore: what follows is written as a subscript.

    `x` is the input in every formula, so a value that is called x is written x'.

    >>> base_and_subscript("c_seen"), base_and_subscript("i"), base_and_subscript("x")
    (('c', 'seen'), ('i', ''), ("x'", ''))
    """
    base, _, rest = name.partition("_")
    if not (base and rest):
        base, rest = name, ""
    return ("x'" if name == "x" else base), rest


def number_text(number: float) -> str:
    """Write a number with every digit that it has, and no others.

    >>> number_text(1.0), number_text(0.1), number_text(1e-07)
    ('1', '0.1', '1e-07')
    """
    return repr(number).removesuffix(".0")
