"""Finding room for the letters on the wires and for the marks where wires end."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator

from peephole.equations.diagram.picture import SIZE, Picture, Text, text_width
from peephole.equations.diagram.shapes import Frame, Shapes, Spot

MARK = 12  # size of marks, pixels
_ALONG = 4  # pixels between two places that are tried


@dataclasses.dataclass(frozen=True)
class Label:
    """A text with its middle at `spot`."""

    text: Text
    size: int
    frame: Frame
    fits: bool


def label_all(drawn: Picture, shapes: Shapes) -> list[Label]:
    """Find a place for every mark and every letter: the first free one, beginning where it belongs."""
    obstacles = [frame.grown(2) for frame in shapes.frames.values()]
    for way in shapes.ways.values():
        obstacles += [_segment(a, b).grown(2.5) for a, b in itertools.pairwise(way)]
        obstacles.append(_segment(way[-1], _towards(way[-1], way[-2], 9)).grown(5))
    obstacles += [Frame(x - 5, y - 5, x + 5, y + 5) for x, y in shapes.dots]
    labels: list[Label] = []

    def put(text: Text, size: int, spots: Iterable[Spot]) -> None:
        width, height = text_width(text, size), size * 1.15
        best, least = None, 1 << 30
        for x, y in spots:
            frame = Frame(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            hits = sum(frame.meets(obstacle) for obstacle in obstacles) + 9 * (
                not frame.within(shapes.body.grown(-3))
            )
            if hits < least:
                best, least = frame, hits
            if not hits:
                break
        assert best is not None
        labels.append(Label(text, size, best, least == 0))
        obstacles.append(best)

    for wire, way in shapes.ways.items():
        if wire.mark:
            put(wire.mark, MARK, _at_end(way, text_width(wire.mark, MARK)))
    for box in drawn.boxes:
        if box.letters:
            wires = sorted(drawn.out_of(box), key=lambda wire: shapes.ways[wire][0] in shapes.dots)
            width = text_width(box.letters, SIZE)
            put(
                box.letters,
                SIZE,
                _along([shapes.ways[w] for w in wires], width)
                if wires
                else _around(shapes.frames[box], width),
            )
    return labels


def _segment(a: Spot, b: Spot) -> Frame:
    return Frame(min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1]))


def _towards(start: Spot, end: Spot, distance: float) -> Spot:
    """The point `distance` from `start` on the way to `end`."""
    (a, b), (c, d) = start, end
    length = abs(c - a) + abs(d - b)
    return a + (c - a) / length * distance, b + (d - b) / length * distance


def _beside(spot: Spot, horizontal: bool, width: float, height: float) -> Iterator[Spot]:
    """Both sides of a point of a wire: above and below, or right and left."""
    x, y = spot
    if horizontal:
        yield from ((x, y - height / 2 - 5), (x, y + height / 2 + 5))
    else:
        yield from ((x + width / 2 + 5, y), (x - width / 2 - 5, y))


def _at_end(way: list[Spot], width: float) -> Iterator[Spot]:
    end, before = way[-1], way[-2]
    length = abs(end[0] - before[0]) + abs(end[1] - before[1])
    for distance in range(6, int(min(length, 60)) + 7, 3):
        yield from _beside(_towards(end, before, distance), end[1] == before[1], width, MARK)


def _along(ways: list[list[Spot]], width: float) -> Iterator[Spot]:
    for way in ways:
        for a, b in itertools.pairwise(way):
            for distance in range(8, int(abs(b[0] - a[0]) + abs(b[1] - a[1])) + 1, _ALONG):
                yield from _beside(_towards(a, b, distance), a[1] == b[1], width, SIZE)


def _around(frame: Frame, width: float) -> Iterator[Spot]:
    """Beside a box that no wire leaves: right, above, below, left, and then the corners."""
    x, y = (frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2
    right, left = frame.right + width / 2 + 4, frame.left - width / 2 - 4
    above, below = frame.top - SIZE, frame.bottom + SIZE
    yield from ((right, y), (x, above), (x, below), (left, y))
    for dy in (-8, 8, -16, 16):
        yield from ((right, y + dy), (left, y + dy))
    for dx in (-12, 12, -24, 24):
        yield from ((x + dx, above), (x + dx, below))
