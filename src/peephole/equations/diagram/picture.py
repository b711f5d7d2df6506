"""What there is to draw of a cell: boxes, the wires between them, and which boxes stand on a state's line.

layer       yellow: products with learned weights, their sum, and the function of that sum
operation   red: one pointwise operation; a constant or a per-unit parameter stands inside it (1 −, × p_i)
leaf        a constant or a parameter that stands alone
input       x
previous    a state before the step
next        a state after the step
join        where x and h_prev become one vector, because several layers read both
"""

from __future__ import annotations

import dataclasses

from peephole.equations.cell import Cell
from peephole.equations.expression import Expression

# Text in pieces: (letters, how they are set): "" upright, "i" italic, "_" an italic subscript.
Text = tuple[tuple[str, str], ...]
SIZE = 15  # of letters in boxes and on wires, pixels


@dataclasses.dataclass(frozen=True, eq=False)
class Box:
    """One thing that is drawn.

    Attributes:
        kind: see the module's docstring.
        label: what is written in it, or beside it where a state or the input enters or leaves.
        letters: what stands on the wire that leaves it: the names of its value.
        node: the expression whose value leaves it; None for ``input``, ``next`` and ``join``.
        state: of ``previous`` and ``next``: the state.
        formula: how it is computed, in one line.
    """

    kind: str
    label: Text = ()
    letters: Text = ()
    node: Expression | None = None
    state: str = ""
    formula: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Wire:
    """A value on its way from one box to another.

    `mark` stands where the wire ends, where the box alone would not say what becomes of the value: ``+`` it is added to the
    layer's sum; ``−`` it is what is subtracted; ``/`` it divides; ``P_i`` it is multiplied by a matrix of the cell's own.
    """

    source: Box
    target: Box
    mark: Text = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """All boxes and wires of a cell.

    Attributes:
        cell: the cell.
        boxes: each after the boxes whose values it takes.
        wires: in the order of their targets.
        lines: the states drawn as lines along the top, from the top down: state → the boxes on its line, left to right. With
            more than one state, h is not among them: it runs along the bottom.
    """

    cell: Cell
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    lines: dict[str, tuple[Box, ...]]

    def into(self, box: Box) -> list[Wire]:
        """The wires that end in a box."""
        return [wire for wire in self.wires if wire.target is box]

    def out_of(self, box: Box) -> list[Wire]:
        """The wires that begin in a box."""
        return [wire for wire in self.wires if wire.source is box]


def state_lines(cell: Cell, boxes: list[Box], wires: list[Wire]) -> dict[str, tuple[Box, ...]]:
    """Find the boxes on the line of each state: the shortest way from before the step to after it through pointwise operations.

    A state without such a way (the h of a plain network) has the box that computes it on its line, and nothing else.
    """
    lines: dict[str, tuple[Box, ...]] = {}
    taken: set[Box] = set()
    for state in [state for state in cell.states if state != "h"] or ["h"]:
        (end, *_) = (box for box in boxes if box.kind == "next" and box.state == state)
        last = next(wire.source for wire in wires if wire.target is end)
        way = [box for box in _way(state, last, wires) if box.kind in ("operation", "layer")]
        if not way and last.kind in ("operation", "layer"):
            way = [last]
        lines[state] = () if taken & set(way) else tuple(way)
        taken.update(way)
    return lines


def _way(state: str, last: Box, wires: list[Wire]) -> list[Box]:
    """Breadth first from the end, so that the shortest way is found; the first operand is tried first."""
    ways = [[last]]
    seen = {last}
    for way in ways:  # grows while it is read
        head = way[0]
        if head.kind == "previous" and head.state == state:
            return way
        sources = [wire.source for wire in wires if wire.target is head and head.kind == "operation"]
        for source in sources:
            if source not in seen:
                seen.add(source)
                ways.append([source, *way])
    return []


def text_width(text: Text, size: float = SIZE) -> float:
    """The width of a text in pixels, rather too large: fonts differ.

    >>> text_width((("tanh", ""),)) < text_width((("tanh", ""), ("t", "_")))
    True
    """
    return sum(
        size * (0.7 if style == "_" else 1) * _width(letter) for letters, style in text for letter in letters
    )


def _width(letter: str) -> float:
    return (
        0.36 if letter in "ijlt.,|·'/()" else 0.85 if letter in "mwMWUP" else 0.3 if letter == " " else 0.58
    )
