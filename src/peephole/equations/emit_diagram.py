"""The drawing of a cell, made from its equations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peephole.equations.cell import Cell
from peephole.errors import EquationError

if TYPE_CHECKING:
    from peephole.equations.diagram.labels import Label
    from peephole.equations.diagram.shapes import Shapes

_SPREADS = (4, 6, 9, 14, 21)  # units between boxes, tried one after the other
_SLACKS = (1, 2, 3, 4)  # units of empty space that may stay, likewise


def emit_diagram(cell: Cell) -> str:
    """Return the drawing of a cell as SVG, in the manner of the textbooks.

    Yellow boxes are layers, red circles pointwise operations. The cell state runs along the top from left to right (the hidden
    state does where it is the only one); h enters at the bottom left, x below it, and the new h leaves to the right and upwards.
    The letters on the wires are the names that the cell's `Step` gives. Everything follows from the traced graph, and the same
    cell gives the same text on every machine.

    Args:
        cell: a shipped cell or your own. A graph of many operations takes some seconds to lay out.

    Returns:
        The file: it refers to nothing outside itself, has no script, and brings its own white ground.

    Raises:
        EquationError: the cell cannot be traced, or its graph is so tangled that no way was found for a wire.

    Source: the manner of drawing is that of Olah 2015, *Understanding LSTM Networks*.

    Example:
        >>> from peephole import cells
        >>> emit_diagram(cells.LSTM()).count('class="layer"')
        4
    """
    # Imported here, since every program imports this file and few draw.
    from peephole.equations.diagram.boxes import picture
    from peephole.equations.diagram.close_up import close_up
    from peephole.equations.diagram.grid import lay_out
    from peephole.equations.diagram.labels import label_all
    from peephole.equations.diagram.place import place
    from peephole.equations.diagram.route import NoWay, route
    from peephole.equations.diagram.shapes import shape
    from peephole.equations.diagram.svg import write

    drawn = picture(cell)
    placed = place(drawn)
    for spread in _SPREADS:
        grid = lay_out(drawn, placed, spread)
        try:
            ways = route(drawn, grid)
        except NoWay:
            continue
        best: tuple[int, Shapes, list[Label]] | None = None
        for slack in _SLACKS:
            shapes = shape(*close_up(grid, ways, slack))
            labels = label_all(drawn, shapes)
            misfits = sum(not label.fits for label in labels)
            if best is None or misfits < best[0]:
                best = misfits, shapes, labels
            if not misfits:
                break
        assert best is not None
        return write(drawn, *best[1:])
    raise EquationError(
        f"{type(cell).__name__}: no drawing was found in which every wire has a way; got {len(drawn.boxes)} boxes"
        f" and {len(drawn.wires)} wires",
        hint="draw parts of the cell, as cells of their own",
    )
