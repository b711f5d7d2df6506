"""Taking out the lines of the grid on which nothing runs and nothing stands."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from peephole.equations.diagram.grid import Grid, Point
from peephole.equations.diagram.picture import Wire


def close_up(grid: Grid, ways: dict[Wire, list[Point]], slack: int) -> tuple[Grid, dict[Wire, list[Point]]]:
    """Return the grid and the wires with every empty stretch shortened to at most `slack` units."""
    columns = _kept(grid.width, slack, _used(grid, ways, 0))
    rows = _kept(grid.height, slack, _used(grid, ways, 1))

    def moved(point: Point) -> Point:
        return columns[point[0]], rows[point[1]]

    centres = {box: moved(point) for box, point in grid.centres.items()}
    closed = dataclasses.replace(
        grid,
        width=columns[grid.width],
        height=rows[grid.height],
        centres=centres,
        line_rows={rows[row]: state for row, state in grid.line_rows.items()},
    )
    return closed, {wire: [moved(point) for point in way] for wire, way in ways.items()}


def _used(grid: Grid, ways: dict[Wire, list[Point]], axis: int) -> set[int]:
    """The lines across `axis` that boxes cover or wires turn on, and the borders."""
    used = {0, grid.width if axis == 0 else grid.height}
    for box, centre in grid.centres.items():
        half = grid.halves[box][axis]
        used.update(range(centre[axis] - half, centre[axis] + half + 1))
    for way in ways.values():
        used.update(point[axis] for point in way)
    return used


def _kept(size: int, slack: int, used: Iterable[int]) -> list[int]:
    """Old line → new line."""
    kept = set(used)
    index, empty, new = [0] * (size + 1), 0, -1
    for line in range(size + 1):
        empty = 0 if line in kept else empty + 1
        new += empty <= slack
        index[line] = new
    return index
