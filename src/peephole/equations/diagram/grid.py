"""Boxes on a fine grid, and the points where wires may leave and enter them.

A unit of the grid is the distance of two neighbouring wires. Between neighbouring boxes lie as many units as the wires may need;
what stays empty is closed up later.
"""

from __future__ import annotations

import dataclasses

from peephole.equations.diagram.picture import Box, Picture, text_width
from peephole.equations.diagram.place import Placement

Point = tuple[int, int]
RIGHT, DOWN, LEFT, UP = range(4)
STEPS: tuple[Point, ...] = ((1, 0), (0, 1), (-1, 0), (0, -1))
UNIT = 12  # pixels
_LEFTMOST = 3  # units from the left border to `join`, and to x where it does not stand under its reader

# How little a side (right, down, left, up) is wanted by what leaves and by what enters; None: never.
_Sides = tuple[int | None, int | None, int | None, int | None]
_LEAVING: dict[str, _Sides] = {
    "layer": (3, 14, 10, 0),
    "operation": (0, 3, 14, 3),
    "leaf": (0, 3, 8, 3),
    "join": (0, None, None, None),
}
_ENTERING: dict[str, _Sides] = {"layer": (14, 0, 3, 6), "operation": (9, 0, 0, 0), "join": (None, 0, 0, 0)}
_OFF_CENTRE = 5  # for each unit that a wire meets a side beside its middle
_IN_THE_WAY = 9  # for what enters a layer where the wire that leaves it should be


@dataclasses.dataclass(frozen=True)
class Port:
    """A point beside a box, the direction in which a wire passes it, and how little it is wanted."""

    point: Point
    direction: int
    cost: int


@dataclasses.dataclass(frozen=True)
class Grid:
    """Where everything stands, in units.

    Attributes:
        width, height: the borders are columns 0 and `width`, rows 0 and `height`; states and the input stand on them.
        centres: box → centre.
        halves: box → half of its width and height, border included, that no wire may enter.
        line_of: box → the state on whose line it stands.
        line_rows: the rows of the state lines → their states.
    """

    width: int
    height: int
    centres: dict[Box, Point]
    halves: dict[Box, Point]
    line_of: dict[Box, str]
    line_rows: dict[int, str]

    def blocked(self) -> set[Point]:
        """Points that lie in boxes."""
        return {
            (x + i, y + j)
            for box, (x, y) in self.centres.items()
            if box.kind not in ("input", "previous", "next")
            for i in range(-self.halves[box][0], self.halves[box][0] + 1)
            for j in range(-self.halves[box][1], self.halves[box][1] + 1)
        }

    def distance(self, one: Box, other: Box) -> int:
        """Steps from centre to centre."""
        (a, b), (c, d) = self.centres[one], self.centres[other]
        return abs(c - a) + abs(d - b)

    def same_line(self, one: Box, other: Box) -> bool:
        """Whether two boxes stand on the line of one state; the h that leaves upwards stands on none."""
        is_level = self.centres[one][1] == self.centres[other][1]
        return is_level and one in self.line_of and self.line_of[one] == self.line_of.get(other)

    def exits(self, box: Box, target: Box) -> list[Port]:
        """Where a wire to `target` may leave a box."""
        if box.kind in ("previous", "input"):
            return [Port(self.centres[box], RIGHT if box.kind == "previous" else UP, 0)]
        ports = self._around(box, _LEAVING[box.kind])
        return [port for port in ports if port.direction == RIGHT or not self.same_line(box, target)]

    def entries(self, box: Box, source: Box) -> list[Port]:
        """Where a wire from `source` may enter a box."""
        if box.kind == "next":
            return [Port(self.centres[box], UP if self.centres[box][1] == 0 else RIGHT, 0)]
        ports = [
            Port(port.point, (port.direction + 2) % 4, port.cost)
            for port in self._around(box, _ENTERING[box.kind])
        ]
        if box.kind == "layer":
            x = self.centres[box][0]
            ports = [
                dataclasses.replace(port, cost=port.cost + _IN_THE_WAY)
                if port.direction == DOWN and port.point[0] == x
                else port
                for port in ports
            ]
        return [port for port in ports if port.direction == RIGHT or not self.same_line(box, source)]

    def _around(self, box: Box, sides: _Sides) -> list[Port]:
        """One port in the middle of each side; a layer has more on its long sides."""
        (x, y), (half_x, half_y) = self.centres[box], self.halves[box]
        ports: list[Port] = []
        for direction, cost in enumerate(sides):
            i, j = STEPS[direction]
            for offset in range(-half_x + 1, half_x) if box.kind == "layer" and j else (0,):
                if cost is not None:
                    point = (x + i * (half_x + 1) + offset, y + j * (half_y + 1))
                    ports.append(Port(point, direction, cost + _OFF_CENTRE * abs(offset)))
        return ports


def lay_out(drawn: Picture, placed: Placement, spread: int) -> Grid:
    """Turn columns and rows into units, with `spread` of them between neighbours."""
    halves = {box: _half(box, len(drawn.into(box))) for box in drawn.boxes}
    wide: dict[int, int] = {}  # column → half of its width
    high = dict.fromkeys((*range(len(drawn.lines)), placed.bottom), 1)  # row → half of its height
    for box in drawn.boxes:
        if box.kind in ("layer", "operation", "leaf"):
            column, row = placed.places[box]
            wide[column] = max(wide.get(column, 0), halves[box][0])
            high[row] = max(high.get(row, 0), halves[box][1])
    x_of, width = _in_units(wide, spread)
    y_of, height = _in_units(high, spread)
    centres: dict[Box, Point] = {}
    for box in drawn.boxes:
        column, row = placed.places[box]
        if box.kind == "input":
            centres[box] = (_under(box, drawn, placed, x_of), height)
        elif box.kind == "join":
            centres[box] = (_LEFTMOST, y_of[row])
        elif box.kind == "previous":
            centres[box] = (0, y_of[row])
        elif box.kind == "next":
            centres[box] = (width - 2, 0) if row < 0 else (width, y_of[row])
        else:
            centres[box] = (x_of[column], y_of[row])
    line_of = {box: state for state, line in drawn.lines.items() for box in line}
    line_of |= {box: box.state for box in drawn.boxes if box.state in drawn.lines}
    line_rows = {y_of[row]: state for row, state in enumerate(drawn.lines)}
    return Grid(width, height, centres, halves, line_of, line_rows)


def _in_units(halves: dict[int, int], spread: int) -> tuple[dict[int, int], int]:
    """The middle of each column (or row) in units, and the size of all."""
    middles: dict[int, int] = {}
    at = 1 + spread
    for key in sorted(halves):
        middles[key] = at + halves[key]
        at += 2 * halves[key] + 1 + spread
    return middles, at


def _under(x: Box, drawn: Picture, placed: Placement, x_of: dict[int, int]) -> int:
    """Where x enters: under its only reader if nothing stands between them, otherwise on the left, under `join`."""
    targets = [wire.target for wire in drawn.out_of(x)]
    if len(targets) == 1 and targets[0].kind == "layer":
        column, row = placed.places[targets[0]]
        if not any(c == column and r > row for c, r in placed.places.values()):
            return x_of[column]
    return _LEFTMOST


def _half(box: Box, inputs: int) -> Point:
    """Half of the width and height: a layer is as wide as its label, and as the wires that it has to take."""
    width = text_width(box.label)
    if box.kind == "layer":
        return max(2, round((width + 12) / 2 / UNIT), inputs // 2), 1
    if box.kind in ("operation", "leaf"):
        return max(1, -(-int(width + 4) // (2 * UNIT))), 1
    return 0, 0
