"""A column and a row for every box.

The rows are given: on top the lines of the states, in the middle the operations, then the layers side by side, and under them
what runs to the layers. The columns, and the rows of operations that are on no line, are found by moving one box after the other
to where the wires become shorter, straighter and cross less, until no move helps. Costs are whole numbers and ties go to the
first, so that every machine finds the same places.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator

from peephole.equations.diagram.picture import Box, Picture

Place = tuple[int, int]  # column, row
Stretch = tuple[int, int, int, int]  # the row or column on which it lies, from, to, whose value it carries

_COLUMN, _ROW = 4, 4  # for each that is used
_STEP, _BEND, _BLOCKED, _CROSSING, _BACKWARDS = 3, 4, 20, 8, 16  # for the wires
_MIDDLE_ROWS = 3
_BUDGET = 15000  # placements to look at
_NEVER = 1 << 60


@dataclasses.dataclass(frozen=True)
class Placement:
    """Where everything stands. The borders are column −1 and `columns`, row −1 and `bottom` + 1.

    Attributes:
        places: box → (column, row).
        columns: number of columns.
        bottom: the row under the layers, where `join` stands, and h if it has no line along the top.
    """

    places: dict[Box, Place]
    columns: int
    bottom: int


def place(drawn: Picture) -> Placement:
    """Find a place for every box.

    Example:
        >>> from peephole import cells
        >>> from peephole.equations.diagram.boxes import picture
        >>> place(picture(cells.LSTM())).columns
        4
    """
    search = _Search(drawn)
    found = search.run()
    places = dict(zip(search.boxes, search.with_borders(found), strict=True))
    return Placement(places, _width(found), search.bottom)


class _Search:
    """Boxes are numbered: first those that can be moved, then those on the borders."""

    def __init__(self, drawn: Picture) -> None:
        self.looked_at = 0
        self.known: dict[
            tuple[Place, ...], tuple[int, bool]
        ] = {}  # placement → cost, and whether it is more than a bound
        self.lines = len(drawn.lines)
        line_of = {box: row for row, line in enumerate(drawn.lines.values()) for box in line}
        layer_row = len(drawn.lines) + _MIDDLE_ROWS
        self.bottom = layer_row + 1
        movable = [box for box in drawn.boxes if box.kind in ("layer", "operation", "leaf")]
        borders = [box for box in drawn.boxes if box.kind not in ("layer", "operation", "leaf")]
        self.boxes = [*movable, *borders]
        number = {box: k for k, box in enumerate(self.boxes)}
        self.edges = [(number[wire.source], number[wire.target]) for wire in drawn.wires]
        self.layers = [number[box] for box in movable if box.kind == "layer"]  # ascending
        self.rows = [
            range(line_of[box], line_of[box] + 1) if box in line_of
            else range(layer_row, layer_row + 1) if box.kind == "layer"
            else range(len(drawn.lines), layer_row + 1)
            for box in movable
        ]  # fmt: skip
        state_row = {state: row for row, state in enumerate(drawn.lines)}
        self.left: list[
            tuple[int | None, int]
        ] = []  # column (None: right border) and row of each box on a border
        up = (None, -1)
        for box in borders:
            row = state_row.get(box.state, self.bottom)
            if box.kind == "input":
                self.left.append((-1, self.bottom + 1))
            elif box.kind == "next" and box.state == "h" and (None, row) in self.left:
                self.left.append(up)
            else:
                self.left.append((None if box.kind == "next" else -1, row))

    def run(self) -> list[Place]:
        """Move boxes while that helps, then shake the best places found and try again, as often as the budget allows."""
        # `random()` gives the same numbers in every version of Python; other methods of a generator need not.
        draw = random.Random(0).random  # noqa: S311 - nothing secret is drawn
        best = self.descend([(k, rows[0]) for k, rows in enumerate(self.rows)])
        least = self.cost(best, _NEVER)
        while best and self.looked_at < _BUDGET:
            shaken = list(best)
            for _ in range(2):
                k = int(draw() * len(best))
                column = int(draw() * (_width(shaken) + 1))
                shaken = [(c + (c >= column), r) for c, r in shaken]
                shaken[k] = (column, self.rows[k][int(draw() * len(self.rows[k]))])
            found = self.descend(_closed(shaken))
            if (cost := self.cost(found, _NEVER)) < least:
                best, least = found, cost
        return best

    def descend(self, places: list[Place]) -> list[Place]:
        """Move one box after the other to its best place, until no move helps."""
        cost = self.cost(places, _NEVER)
        while True:
            before = cost
            for k in range(len(places)):
                best = places
                for candidate in self.moves(places, k):
                    self.looked_at += 1
                    found = self.cost(candidate, cost)
                    if found < cost:
                        best, cost = candidate, found
                places = best
            if cost == before:
                return places

    def moves(self, places: list[Place], k: int) -> Iterator[list[Place]]:
        """Every other place for box `k`: free ones, those of others (they change places), and new columns."""
        width = _width(places)
        taken = {where: other for other, where in enumerate(places)}
        for row in self.rows[k]:
            for column in range(width):
                other = taken.get((column, row))
                if other == k or (other is not None and places[k][1] not in self.rows[other]):
                    continue
                moved = list(places)
                moved[k] = (column, row)
                if other is not None:
                    moved[other] = places[k]
                yield _closed(moved)
            for column in range(width + 1):
                moved = [(c + (c >= column), r) for c, r in places]
                moved[k] = (column, row)
                yield _closed(moved)

    def with_borders(self, places: list[Place]) -> list[Place]:
        """Add the places of what stands on the borders."""
        right = _width(places)
        return [*places, *((right if column is None else column, row) for column, row in self.left)]

    def cost(self, movable: list[Place], limit: int) -> int:
        """What a placement costs, with the simplest shape for each wire; or at least `limit`, once that is known."""
        key = tuple(movable)
        found, is_whole = self.known.get(key, (0, False))
        if not is_whole and found < limit:
            found = self._cost(movable, limit)
            self.known[key] = found, found < limit
        return found

    def _cost(self, movable: list[Place], limit: int) -> int:
        places = self.with_borders(movable)
        total = _COLUMN * _width(movable) + _ROW * len({row for _, row in movable})
        for one, other in zip(self.layers, self.layers[1:], strict=False):
            total += (
                movable[other][0] < movable[one][0]
            )  # in the order of the equations, other things being equal
        for source, target in self.edges:
            (c1, r1), (c2, r2) = places[source], places[target]
            total += _STEP * (abs(c2 - c1) + abs(r2 - r1)) + (_BEND if c1 != c2 and r1 != r2 else 0)
            if c2 < c1 or (c1 == c2 and r1 == r2):
                total += _BACKWARDS * (1 + c1 - c2)
        return total if total >= limit else total + self._hindrances(places, set(movable), limit - total)

    def _hindrances(self, places: list[Place], taken: set[Place], limit: int) -> int:
        total = 0
        across: list[Stretch] = []
        down: list[Stretch] = []
        sides: dict[tuple[int, int, int], int] = {}
        for source, target in self.edges:
            start, end = places[source], places[target]
            (c1, r1), (c2, r2) = start, end
            corners = [(c2, r1), (c1, r2)]  # what leaves a layer turns late: up first
            if source in self.layers:
                corners.reverse()
            hits = [_hits(start, corner, end, taken) for corner in corners]
            corner = corners[hits.index(min(hits))]
            total += _BLOCKED * min(hits)
            legs = [leg for leg in ((start, corner), (corner, end)) if leg[0] != leg[1]]
            for (a, b), (c, d) in legs:
                if a != c:
                    across.append((b, min(a, c), max(a, c), source))
                else:
                    down.append((a, min(b, d), max(b, d), source))
            if legs:
                total += self._crowded(sides, source, legs[0][0], legs[0][1], source)
                total += self._crowded(sides, target, legs[-1][1], legs[-1][0], source)
        if total >= limit:
            return total
        for row, start, end, source in across:
            for column, top, low, other in down:
                if start < column < end and top < row < low and source != other:
                    total += _CROSSING
        for stretches, border in ((across, self.bottom), (down, _NEVER)):
            for k, (at, start, end, source) in enumerate(stretches):
                for other_at, other_start, other_end, other in stretches[:k] if at < border else ():
                    if at == other_at and source != other and start < other_end and other_start < end:
                        total += _BLOCKED if stretches is across and at < self.lines else _CROSSING
        return total

    def _crowded(
        self, sides: dict[tuple[int, int, int], int], box: int, at: Place, beyond: Place, source: int
    ) -> int:
        """Cost of a wire that meets another one on the same side of an operation, which has room for one."""
        if box >= len(self.rows) or box in self.layers:
            return 0
        side = (box, (beyond[0] > at[0]) - (beyond[0] < at[0]), (beyond[1] > at[1]) - (beyond[1] < at[1]))
        return 0 if sides.setdefault(side, source) == source else _CROSSING


def _width(places: list[Place]) -> int:
    return 1 + max((column for column, _ in places), default=-1)


def _hits(start: Place, corner: Place, end: Place, taken: set[Place]) -> int:
    """How many boxes stand in the way from `start` over `corner` to `end`."""
    found = int(corner in taken and corner != start and corner != end)
    for (a, b), (c, d) in ((start, corner), (corner, end)):
        if a != c:
            found += sum((column, b) in taken for column in range(min(a, c) + 1, max(a, c)))
        elif b != d:
            found += sum((a, row) in taken for row in range(min(b, d) + 1, max(b, d)))
    return found


def _closed(places: list[Place]) -> list[Place]:
    """Close up empty columns."""
    used = sorted({column for column, _ in places})
    if used[-1] == len(used) - 1:
        return places
    index = {column: k for k, column in enumerate(used)}
    return [(index[column], row) for column, row in places]
