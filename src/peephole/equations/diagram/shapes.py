"""From grid units to pixels: the outlines of boxes, the corners of wires, and where they end."""

from __future__ import annotations

import dataclasses
import itertools

from peephole.equations.diagram.grid import UNIT, Grid, Point
from peephole.equations.diagram.picture import Box, Wire, text_width

Spot = tuple[float, float]
ABOVE, BELOW = 54, 54  # margins above and below the cell's body, pixels
REACH = 28  # how far a wire reaches out of the body, pixels
STATE = 16  # size of the letters of states and of the input, pixels


@dataclasses.dataclass(frozen=True)
class Frame:
    """A rectangle: left, top, right, bottom, in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> Spot:
        """Its middle."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def grown(self, by: float) -> Frame:
        """The rectangle, larger by `by` on all sides."""
        return Frame(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def meets(self, other: Frame) -> bool:
        """Whether two rectangles have more than an edge in common."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def within(self, other: Frame) -> bool:
        """Whether it lies in another."""
        return (
            other.left <= self.left
            and self.right <= other.right
            and other.top <= self.top
            and self.bottom <= other.bottom
        )


@dataclasses.dataclass(frozen=True)
class Shapes:
    """Everything in pixels.

    Attributes:
        body: the cell itself.
        frames: box → its outline; of a state or the input: the place of its letter, outside the body.
        ways: wire → its corners, from the edge of the source (or a branch) to the edge of the target.
        dots: where a value goes two ways.
    """

    body: Frame
    frames: dict[Box, Frame]
    ways: dict[Wire, list[Spot]]
    dots: list[Spot]


def shape(grid: Grid, ways: dict[Wire, list[Point]]) -> Shapes:
    """Turn grid units into pixels."""
    beside = [text_width(box.label, STATE) for box in grid.centres if box.kind in ("previous", "next")]
    side = round(REACH + 12 + max(24, *beside))
    body = Frame(side, ABOVE, side + grid.width * UNIT, ABOVE + grid.height * UNIT)
    frames = {box: _frame(box, grid, body) for box in grid.centres}
    points: dict[Wire, list[Spot]] = {}
    dots: list[Spot] = []
    for wire, way in ways.items():
        spots = [_spot(point, body) for point in way]
        is_branch = any(
            _lies_on(way[0], a, b)
            for other, other_way in ways.items()
            if other is not wire and other.source is wire.source
            for a, b in itertools.pairwise(other_way)
        )
        if is_branch:
            dots.append(spots[0])
        else:
            spots[0] = _at_edge(frames[wire.source], spots[0], spots[1])
        spots[-1] = _at_edge(frames[wire.target], spots[-1], spots[-2])
        points[wire] = spots
    return Shapes(body, frames, points, sorted(set(dots)))


def _spot(point: Point, body: Frame) -> Spot:
    return body.left + point[0] * UNIT, body.top + point[1] * UNIT


def _frame(box: Box, grid: Grid, body: Frame) -> Frame:
    x, y = _spot(grid.centres[box], body)
    letter = text_width(box.label, STATE) + 8
    if box.kind == "previous":
        return Frame(body.left - REACH - letter, y - 10, body.left - REACH, y + 10)
    if box.kind == "next" and grid.centres[box][1] > 0:
        return Frame(body.right + REACH, y - 10, body.right + REACH + letter, y + 10)
    if box.kind == "next":
        return Frame(x - 17, body.top - REACH - 20, x + 17, body.top - REACH + 14)
    if box.kind == "input":
        return Frame(x - 17, body.bottom + REACH - 14, x + 17, body.bottom + REACH + 20)
    if box.kind == "join":
        return Frame(x - 3, y - 11, x + 3, y + 11)
    half_x, half_y = {"layer": (grid.halves[box][0] * UNIT, 17)}.get(
        box.kind, (13 if grid.halves[box][0] == 1 else grid.halves[box][0] * UNIT, 13)
    )
    return Frame(x - half_x, y - half_y, x + half_x, y + half_y)


def _at_edge(frame: Frame, end: Spot, before: Spot) -> Spot:
    """Move the end of a wire along the wire to the edge of a box."""
    (x, y), horizontal = end, end[1] == before[1]
    if horizontal:
        return (frame.left if x <= frame.left + 1 else frame.right), y
    return x, (frame.top if y <= frame.top + 1 else frame.bottom)


def _lies_on(point: Point, a: Point, b: Point) -> bool:
    return min(a[0], b[0]) <= point[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= point[1] <= max(a[1], b[1])
