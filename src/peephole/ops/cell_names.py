"""Cells as text, for operators in graphs: a graph that is saved, and loaded elsewhere, knows its cells by name.

A shipped cell's name is its printed form. That of a cell of your own ends with a digest of its equations, so that a graph never
runs equations other than those that it was made with; it is known where a layer of it has been made, or `name_of` was asked.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Iterable

from peephole import cells
from peephole.equations import Cell
from peephole.equations.emit_cpp import emit
from peephole.errors import OptionError

_SHIPPED: dict[str, Cell] = {
    repr(cell): cell
    for cell in (
        *map(cells.RNN, ("tanh", "relu")),
        cells.LSTM(),
        *itertools.starmap(cells.PeepholeLSTM, itertools.product(("diagonal", "full"), ("new", "previous"))),
        *map(cells.GRU, ("after", "before")),
        cells.CoupledLSTM(),
    )
}
_own: dict[str, Cell] = {}


@functools.lru_cache(maxsize=1024)
def name_of(cell: Cell) -> str:
    """The name of a cell, which `cell_of` knows from now on.

    Example:
        >>> name_of(cells.GRU(reset="before"))
        "GRU(reset='before')"
    """
    name = repr(cell)
    if _SHIPPED.get(name) == cell:
        return name
    text = f"{type(cell).__module__}.{name} {emit(cell)}"
    name = f"{name}#{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    _own[name] = cell
    return name


def join(names: Iterable[str]) -> str:
    """Names as an operator takes them: `torch.jit.trace` knows no list of strings.

    >>> join(["c", "i"]), split(join(["c", "i"])), split("")
    ('c,i', ('c', 'i'), ())
    """
    return ",".join(names)


def split(joined: str) -> tuple[str, ...]:
    """What `join` has joined."""
    return tuple(joined.split(",")) if joined else ()


def cell_of(name: str) -> Cell:
    """The cell of a name.

    Raises:
        OptionError: nobody has made a cell of that name here, or its equations are others.
    """
    cell = _SHIPPED.get(name) or _own.get(name)
    if cell is None:
        raise OptionError(
            f"peephole: a graph runs only cells that this process knows, with the equations they had then; got {name!r}",
            hint="make a layer of that cell, Recurrent(YourCell(), …), before the graph runs",
        )
    return cell
