"""Orthogonal wires around boxes, by cheapest ways on a grid.

One after the other, each wire takes the cheapest way to its target, from its source or from any point of the wires that the same
value already has: a step costs little, a bend more, a crossing most. Two values never share a line; they may cross. Then each
value's wires are taken up and laid again, now that all others lie, which removes most of the detours that the order had made.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator

from peephole.equations.diagram.grid import STEPS, Grid, Point, Port
from peephole.equations.diagram.picture import Box, Picture, Wire

State = tuple[Point, int]  # a point, and the direction in which a wire arrives at it

_STEP, _BEND, _BRANCH, _CROSSING = 2, 8, 5, 14
_BESIDE = 1  # for a step beside another wire
_OVER_LINE = 8  # for crossing the line of a state, more than for another wire
_ROUNDS = 2
_ORDERS = 4


class NoWay(Exception):
    """A wire from `source` finds no way: the boxes stand too close, or others came first."""

    def __init__(self, source: Box) -> None:
        super().__init__(f"no way from {source}")
        self.source = source


def route(drawn: Picture, grid: Grid) -> dict[Wire, list[Point]]:
    """Lay all wires.

    Returns:
        wire → its corners, from a point beside its source (or on a wire of the same value) to a point beside its target.

    Raises:
        NoWay: no order was found in which each wire has a way.
    """
    first: list[Box] = []
    for _ in range(_ORDERS - 1):
        try:
            return _Router(drawn, grid).run(first)
        except NoWay as error:
            first.insert(0, error.source)
    return _Router(drawn, grid).run(first)


class _Router:
    def __init__(self, drawn: Picture, grid: Grid) -> None:
        self.drawn, self.grid = drawn, grid
        self.blocked = grid.blocked()
        self.ways: dict[Wire, list[Point]] = {}
        # Whose wire runs through a point, across and down; and whose turns, branches or ends there.
        self.lies: tuple[dict[Point, Box], dict[Point, Box]] = ({}, {})
        self.fixed: dict[Point, Box] = {}
        # The points where wires leave and enter a box are kept for its own.
        self.ports = {port.point: w.source for w in drawn.wires for port in grid.exits(w.source, w.target)}
        self.ports |= {port.point: w.target for w in drawn.wires for port in grid.entries(w.target, w.source)}

    def run(self, first: list[Box]) -> dict[Wire, list[Point]]:
        """Lay the wires of the boxes in `first` before all others."""
        sources = sorted(dict.fromkeys(wire.source for wire in self.drawn.wires), key=self._turn)
        sources = [*first, *(source for source in sources if source not in first)]
        for source in sources:
            self._lay_all(source)
        for source in sources * _ROUNDS:
            self._take_up(source)
            self._lay_all(source)
        return {wire: self.ways[wire] for wire in self.drawn.wires}

    def _turn(self, source: Box) -> tuple[bool, bool, int]:
        """State lines first, then what has one reader, then what is near."""
        wires = self.drawn.out_of(source)
        span = sum(self.grid.distance(source, wire.target) for wire in wires)
        return source not in self.grid.line_of, len(wires) > 1, span

    def _lay_all(self, source: Box) -> None:
        """Lay the wires of one value: along a state line, then out at the top, then the rest, from short to long.

        What comes from outside begins with the longest, which makes a rail for all.
        """
        sign = -1 if source.kind in ("join", "input", "previous") else 1

        def turn(wire: Wire) -> tuple[bool, bool, int]:
            leaves_upwards = wire.target.kind == "next" and self.grid.centres[wire.target][1] == 0
            on_line = self.grid.same_line(source, wire.target)
            return not on_line, not leaves_upwards, sign * self.grid.distance(source, wire.target)

        for wire in sorted(self.drawn.out_of(source), key=turn):
            self._lay(wire)

    def _take_up(self, source: Box) -> None:
        for owners in (*self.lies, self.fixed):
            for point in [point for point, owner in owners.items() if owner is source]:
                del owners[point]
        for wire in self.drawn.out_of(source):
            del self.ways[wire]

    def _lay(self, wire: Wire) -> None:
        source = wire.source
        starts = self.grid.exits(source, wire.target)
        own = [way for other, way in self.ways.items() if other.source is source]
        if own:  # a branch, or one more way out of the box where enough sides remain for what enters
            leaving = sum(way[0] in self.ports for way in own)
            sides = sum(owner is source for owner in self.ports.values())
            starts = starts if leaving + len(self.drawn.into(source)) < sides else []
            starts = [Port(port.point, port.direction, port.cost + 2 * _BRANCH + _BEND) for port in starts]
        branches = list(self._branches(own))
        goals = {(port.point, port.direction): port.cost for port in self.grid.entries(wire.target, source)}
        points = self._search(source, starts, branches, goals, self._kept_rows(wire))
        for a, b in itertools.pairwise(points):
            axis = 0 if a[1] == b[1] else 1
            self.lies[axis][a] = self.lies[axis][b] = source
        self.ways[wire] = _corners(points)
        for corner in self.ways[wire]:
            self.fixed[corner] = source

    def _kept_rows(self, wire: Wire) -> set[int]:
        """The rows of state lines on which a wire may not run, as it belongs to none of them."""
        line_of = self.grid.line_of
        own = {line_of.get(wire.source), line_of.get(wire.target) if wire.target.kind == "next" else None}
        return {row for row, state in self.grid.line_rows.items() if state not in own}

    def _branches(self, own: list[list[Point]]) -> Iterator[Port]:
        """Points of a value's wires from which another may run, square to what lies there, or straight on where it turns."""
        ends = {way[-1] for way in own}
        for way in own:
            for (a, b), (c, d) in itertools.pairwise(way):
                i, j = (c > a) - (c < a), (d > b) - (d < b)
                length = abs(c - a) + abs(d - b)
                for k in range(length + 1):
                    point = (a + i * k, b + j * k)
                    if point in ends or point == way[0]:
                        continue
                    for direction, (u, v) in enumerate(STEPS):
                        if u * i + v * j == 0 or ((u, v) == (i, j) and k == length):
                            yield Port(point, direction, _BRANCH)

    def _search(
        self, source: Box, exits: list[Port], branches: list[Port], goals: dict[State, int], kept: set[int]
    ) -> list[Point]:
        """The points of the cheapest way (A*) from an exit or a branch to a goal; it may cross the rows in `kept`, no more."""
        left, right = min(x for (x, _), _ in goals), max(x for (x, _), _ in goals)
        top, low = min(y for (_, y), _ in goals), max(y for (_, y), _ in goals)

        def rest(point: Point) -> int:
            x, y = point
            return _STEP * (max(left - x, 0, x - right) + max(top - y, 0, y - low))

        cost: dict[State, int] = {}
        came: dict[State, State] = {}
        heap: list[tuple[int, int, State]] = []
        order = itertools.count()  # ties go to what was found first
        for port in (
            *(port for port in exits if port.point not in self.fixed and self._is_free(port.point, None)),
            *(port for port in branches if self._is_free(port.point, source)),
        ):
            state = (port.point, port.direction)
            if port.cost < cost.get(state, port.cost + 1):
                cost[state] = port.cost
                heapq.heappush(heap, (port.cost + rest(port.point), next(order), state))
        best: tuple[int, State] | None = None
        done: set[State] = set()
        while heap:
            estimate, _, state = heapq.heappop(heap)
            if best is not None and estimate >= best[0]:
                break
            if state in done:
                continue
            done.add(state)
            if state in goals and (best is None or cost[state] + goals[state] < best[0]):
                best = cost[state] + goals[state], state
            for after, step in self._steps(source, state, state not in came, goals, kept):
                total = cost[state] + step
                if total < cost.get(after, total + 1):
                    cost[after], came[after] = total, state
                    heapq.heappush(heap, (total + rest(after[0]), next(order), after))
        if best is None:
            raise NoWay(source)
        states = [best[1]]
        while states[-1] in came:
            states.append(came[states[-1]])
        return [point for point, _ in reversed(states)]

    def _is_free(self, point: Point, source: Box | None) -> bool:
        return all(owners.get(point, source) is source for owners in self.lies)

    def _steps(
        self, source: Box, state: State, is_first: bool, goals: dict[State, int], kept: set[int]
    ) -> Iterator[tuple[State, int]]:
        """Where a wire may go from a state, and what the step costs."""
        point, direction = state
        highest = min(self.grid.line_rows)
        # Straight out of a box or off a wire first; and no turn on the line of a state or on top of another wire.
        is_straight = is_first or point[1] in kept or not self._is_free(point, source)
        for turn in (0,) if is_straight else (0, 1, 3):
            onward = (direction + turn) % 4
            (i, j), along = STEPS[onward], onward % 2
            x, y = after = (point[0] + i, point[1] + j)
            is_goal = (after, onward) in goals
            if after in self.blocked or after in self.fixed or after in self.lies[along]:
                continue
            if along == 0 and y in kept:
                continue
            if not (0 < x < self.grid.width and 0 < y < self.grid.height) and not is_goal:
                continue
            crossed, owner = self.lies[1 - along].get(after), self.ports.get(after)
            if crossed is source or (owner is not None and owner is not source and not is_goal):
                continue
            step = _STEP + (_BEND if turn else 0)
            if crossed is not None:
                step += _CROSSING + (_OVER_LINE if y in kept else 0)
            if owner is source:
                step += 3 * _STEP
            if y < highest:  # above the top line, where only what cannot help it should run
                step += _STEP
            for side in ((x + j, y + i), (x - j, y - i)):
                step += _BESIDE * (self.lies[along].get(side, source) is not source)
            yield (after, onward), step


def _corners(points: list[Point]) -> list[Point]:
    """Leave out the points in the middle of straight pieces."""
    kept = [
        b
        for a, b, c in zip(points, points[1:], points[2:], strict=False)
        if (b[0] - a[0], b[1] - a[1]) != (c[0] - b[0], c[1] - b[1])
    ]
    return [points[0], *kept, points[-1]]
