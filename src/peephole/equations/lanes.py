"""Lanes, the products that add up to them, and the sources that these multiply.

A **lane** is a pre-activation that products add up to: W_i x + b_i + U_i h_prev + b'_i is one lane, since its halves are only
ever seen as a sum; the GRU's candidate, which multiplies one half by r, has two. A **source** is what a product multiplies: the
input row, a previous state, or an operand computed in an earlier phase.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from peephole.equations.cell import Cell, Matrix
from peephole.equations.expression import PRODUCTS, Expression
from peephole.equations.trace import Trace


@dataclasses.dataclass(frozen=True, eq=False)
class Lane:
    """A sum of products, in the phase in which it is complete."""

    root: Expression
    products: tuple[Expression, ...]
    phase: int


@dataclasses.dataclass(frozen=True)
class Source:
    """What products multiply: ``input``, ``previous`` (index: the state) or ``operand`` (index: of `Plan.operands`).

    `masked` sources are multiplied by the mask of recurrent dropout first.
    """

    kind: str
    index: int
    masked: bool


@dataclasses.dataclass(frozen=True, eq=False)
class Product:
    """One matrix times one source, added to one lane.

    `array` is ``weight_ih``, ``weight_hh`` or the name of a `Matrix`; its rows ``[block · H, (block + 1) · H)`` are used.
    """

    node: Expression
    source: int
    lane: int
    array: str
    block: int


def find_lanes(traced: Trace, phase: dict[Expression, int]) -> list[Lane]:
    """Find the lanes of a graph: products, and sums of products of which nothing else sees a part."""
    uses: dict[Expression, int] = {}
    for node in traced.nodes():
        for operand in node.operands:
            uses[operand] = uses.get(operand, 0) + 1
    sums: dict[Expression, tuple[Expression, ...]] = {}
    absorbed: set[Expression] = set()
    for node in traced.nodes():
        if node.operation in PRODUCTS:
            sums[node] = (node,)
        elif node.operation == "add" and all(o in sums and uses[o] == 1 for o in node.operands):
            sums[node] = sums[node.operands[0]] + sums[node.operands[1]]
            absorbed.update(node.operands)
    return [Lane(node, parts, phase[node]) for node, parts in sums.items() if node not in absorbed]


def find_products(
    cell: Cell, lanes: list[Lane], operands: tuple[Expression, ...]
) -> tuple[tuple[Lane, ...], tuple[Source, ...], tuple[Product, ...]]:
    """Order the lanes, and list the products that add to them and what these multiply.

    Args:
        cell: the cell.
        lanes: its lanes, in any order.
        operands: the computed operands of its products.

    Returns:
        The lanes in order of phase, so that each source's products lie side by side; the sources; the products, lane by lane.
    """

    def source(node: Expression) -> Source:
        if node.operation == "input":
            return Source("input", 0, False)
        operand, masked = node.operands[0], node.operation == "recurrent"
        if operand.operation == "previous":
            return Source("previous", cell.states.index(operand.label), masked)
        return Source("operand", _index(operands, operand), masked)

    # Lanes without the input last, lanes with nothing but the input first: then each source covers neighbours.
    def place(lane: Lane) -> tuple[int, int]:
        kinds = {node.operation == "input" for node in lane.products}
        return lane.phase, 0 if kinds == {True} else 2 if kinds == {False} else 1

    ordered = tuple(sorted(lanes, key=place))
    sources = tuple(dict.fromkeys(source(node) for lane in ordered for node in lane.products))
    products: list[Product] = []
    for k, lane in enumerate(ordered):
        for node in lane.products:
            if node.operation == "matrix":
                array, part = node.label.rsplit(".", 1)
                block = cell.parameters[array].parts.index(part)
                assert isinstance(cell.parameters[array], Matrix)
            else:
                array = "weight_ih" if node.operation == "input" else "weight_hh"
                block = cell.gates.index(node.label)
            products.append(Product(node, sources.index(source(node)), k, array, block))
    return ordered, sources, tuple(products)


def _index(nodes: Iterable[Expression], wanted: Expression) -> int:
    """Position by identity: expressions refuse ==."""
    return next(k for k, node in enumerate(nodes) if node is wanted)
