"""A cell's graph laid out for a kernel: lanes, products, phases, and what must be kept for the backward pass.

Lanes and products are explained in `lanes`. The lanes of a **phase** wait for nothing but earlier phases: the kernel accumulates
them, and one pointwise function, written by `emit_pointwise`, does the rest.

Named values can be held from outside, so each is wrapped in a ``hold`` node. Behind it, the gradient is a leaf of its own,
which is nothing while the value is held.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable

from peephole.equations.cell import Cell
from peephole.equations.derivative import Derivative, derivative
from peephole.equations.expression import LEAVES, Expression
from peephole.equations.lanes import Lane, Product, Source, find_lanes, find_products
from peephole.equations.trace import Trace, trace
from peephole.equations.walk import below

# Cheaper to compute again in a later phase than to write and read.
_CHEAP = ("add", "subtract", "multiply", "negate")
BEHIND = "'"  # the gradient that flows behind the value `c` is the leaf `c'`


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """See the module's docstring.

    Attributes:
        cell: the cell.
        traced: its graph, with named values wrapped.
        back: the derivative of that graph.
        phase: node → phase.
        values: canonical names of the values that can be held, in the order of the cell.
        alias: name → canonical name (two names may stand for one value).
        slots: values, then unnamed lanes: what the forward pass can store for every row.
        saved: indices of the slots that the backward pass reads.
        lanes, sources, products: as above, lanes ordered by phase.
        operands: computed operands of products.
        kept: per phase, the nodes of earlier phases that it reads.
        vectors: (parameter, part) of each per-unit parameter, as labels.
    """

    cell: Cell
    traced: Trace
    back: Derivative
    phase: dict[Expression, int]
    values: tuple[str, ...]
    alias: dict[str, str]
    slots: tuple[Expression, ...]
    saved: tuple[int, ...]
    lanes: tuple[Lane, ...]
    sources: tuple[Source, ...]
    products: tuple[Product, ...]
    operands: tuple[Expression, ...]
    kept: tuple[tuple[Expression, ...], ...]
    vectors: tuple[str, ...]

    @property
    def phases(self) -> int:
        """Number of phases."""
        return len(self.kept)

    def lane_gradient(self, lane: int) -> Expression:
        """Gradient of a lane, which is that of each of its products."""
        return self.back.products[self.lanes[lane].products[0]]

    @functools.cached_property
    def all_kept(self) -> tuple[Expression, ...]:
        """The nodes that any phase reads of earlier ones."""
        return tuple(dict.fromkeys(node for kept in self.kept for node in kept))

    def slot_of_state(self, name: str) -> int:
        """Slot of a state after the step."""
        return self.values.index(self.alias[name])

    def slot_of(self, node: Expression) -> int | None:
        """Slot of a value (wrapped or not) or of an unnamed lane."""
        return next((k for k, slot in enumerate(self.slots) if slot is node or _named(node, slot)), None)

    @functools.cached_property
    def _operand_levels(self) -> dict[str, int]:
        levels: dict[str, int] = {}
        # What an operand's gradient waits for are operands of later phases.
        for operand, leaf in sorted(self.back.operands.items(), key=lambda item: -self.phase[item[0]]):
            users = [p.lane for p in self.products if p.node.operands and p.node.operands[0] is operand]
            levels[leaf.label] = 1 + max(self.level(self.lane_gradient(lane), levels) for lane in users)
        return levels

    def level(self, expression: Expression, levels: dict[str, int] | None = None) -> int:
        """Products that must have been taken backwards, one after the other, before a gradient can be computed."""
        levels = self._operand_levels if levels is None else levels
        found: dict[Expression, int] = {}

        def visit(node: Expression) -> int:
            if node not in found:
                if node.operation == "gradient" and node.label.endswith(BEHIND):
                    found[node] = visit(self.back.values[node.label.removesuffix(BEHIND)])
                elif node.operation == "gradient":
                    found[node] = levels.get(node.label, 0)
                else:
                    found[node] = max((visit(operand) for operand in node.operands), default=0)
            return found[node]

        return visit(expression)

    def operand_level(self, operand: int) -> int:
        """Level from which on the gradient of an operand is known."""
        return self._operand_levels[self.back.operands[self.operands[operand]].label]

    @property
    def levels(self) -> int:
        """Number of levels of the backward pass."""
        return 1 + max([0, *self._operand_levels.values()])


@functools.lru_cache(maxsize=256)
def plan(cell: Cell) -> Plan:
    """Lay out a cell for a kernel.

    Example:
        >>> from peephole import cells
        >>> [lane.phase for lane in plan(cells.GRU(reset="before")).lanes], len(plan(cells.GRU()).lanes)
        ([0, 0, 1], 4)
    """
    original = trace(cell)
    wrapped, alias = _wrap(original)
    names = tuple(dict.fromkeys(alias.values()))
    held = {name: wrapped[original.values[name]] for name in names}
    traced = Trace(cell, held, cell.states)
    phase = traced.phase_of()
    inner = {name + BEHIND: node.operands[0] for name, node in held.items()}
    back = derivative(Trace(cell, {**held, **inner}, (*held, *inner)))

    lanes = find_lanes(traced, phase)
    operands = tuple(back.operands)
    state_nodes = {node.label: node for node in traced.nodes() if node.operation == "previous"}
    lanes, sources, products = find_products(cell, lanes, operands)
    slots = [*held.values()]
    needed = _needed(back, lanes, slots)
    slots += [
        lane.root for lane in lanes if lane.root in needed and not any(_named(lane.root, s) for s in slots)
    ]
    used = {
        *(node.label for node in state_nodes.values() if node in needed),
        *(cell.states[source.index] for source in sources if source.kind == "previous"),
    }
    saved = tuple(
        k
        for k, slot in enumerate(slots)
        if slot in needed or (_held(slot) and (slot.operands[0] in needed or slot.label in used - {"h"}))
    )
    found = Plan(
        cell, traced, back, phase, names, alias, tuple(slots), saved, lanes, sources, products, operands, (),
        tuple(sorted({node.label for node in traced.nodes() if node.operation == "parameter"})),
    )  # fmt: skip
    return dataclasses.replace(found, kept=_kept(found))


def forward_roots(found: Plan, phase: int) -> list[Expression]:
    """What the pointwise function of a phase computes: slots, then operands."""
    return [node for node in (*found.slots, *found.operands) if found.phase[node] == phase]


def _held(node: Expression) -> bool:
    return node.operation == "hold"


def _named(node: Expression, slot: Expression) -> bool:
    return _held(slot) and slot.operands[0] is node


def _wrap(traced: Trace) -> tuple[dict[Expression, Expression], dict[str, str]]:
    """Copy a graph with every named node wrapped, and say which names stand for the same node."""
    canonical: dict[Expression, str] = {}
    for name in (*traced.states, *traced.values):
        canonical.setdefault(traced.values[name], name)
    copy: dict[Expression, Expression] = {}
    for node in traced.nodes():
        operands = tuple(copy[operand] for operand in node.operands)
        fresh = Expression(node.operation, operands, label=node.label, number=node.number)
        if node in canonical:
            fresh = Expression("hold", (fresh,), label=canonical[node])
        copy[node] = fresh
    return copy, {name: canonical[node] for name, node in traced.values.items()}


def _needed(back: Derivative, lanes: Iterable[Lane], slots: list[Expression]) -> set[Expression]:
    """Everything that the gradients are computed from, down to values, lanes and leaves."""
    borders = {lane.root for lane in lanes} | set(slots) | {slot.operands[0] for slot in slots}
    roots = [
        *back.products.values(), *back.previous.values(), *back.parameters.values(), *back.values.values(), *back.operands,
    ]  # fmt: skip
    return set(below(roots, borders.__contains__))


def _kept(found: Plan) -> tuple[tuple[Expression, ...], ...]:
    result: list[tuple[Expression, ...]] = []
    for phase in range(1 + max(found.phase.values())):
        kept: dict[Expression, None] = {}
        seen: set[Expression] = set()
        stack = forward_roots(found, phase)
        while stack:
            node = stack.pop()
            if node in seen or node.operation in LEAVES:
                continue
            seen.add(node)
            is_lane = any(lane.root is node for lane in found.lanes)
            if found.phase[node] == phase:
                stack.extend(() if is_lane else node.operands)
            elif node.operation in _CHEAP and not is_lane:
                stack.extend(node.operands)
            else:
                kept[node] = None
        result.append(tuple(kept))
    return tuple(result)
