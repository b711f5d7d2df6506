"""Where things stand in the drawing of a cell, read back from the SVG."""

from __future__ import annotations

import itertools

import pytest

from peephole import cells
from peephole.equations import Cell, trace
from peephole.equations.diagram.boxes import picture
from support.drawings import ALL, CELLS, SVG, USERS, Rectangle, drawing, segments


@pytest.mark.parametrize("cell", ALL, ids=repr)
def test_boxes_stand_apart_and_no_wire_runs_through_one(cell: Cell) -> None:
    drawn = drawing(cell)
    outlines = {k: frame for k, (_, frame, _) in drawn.boxes.items() if frame is not None}
    for (_, one), (_, other) in itertools.combinations(outlines.items(), 2):
        assert not one.meets(other)
    for _, _, way in drawn.wires:
        for piece in segments(way):
            assert piece.left == piece.right or piece.top == piece.bottom
            for frame in outlines.values():
                assert not piece.meets(frame.shrunk(0.5))


@pytest.mark.parametrize("cell", ALL, ids=repr)
def test_wires_run_from_their_source_to_their_target_and_share_no_line(cell: Cell) -> None:
    drawn = drawing(cell)
    for source, target, way in drawn.wires:
        for number, (x, y), is_end in ((source, way[0], False), (target, way[-1], True)):
            kind, frame, _ = drawn.boxes[number]
            if not is_end and (x, y) in drawn.copies:
                others = [w for s, _, w in drawn.wires if s == source and w is not way]
                assert any(piece.has(x, y) for other in others for piece in segments(other))
            elif frame is None:  # a state: its letter stands outside
                assert x < drawn.body.left if kind == "previous" else x > drawn.body.right
            else:
                on_side = x in (frame.left, frame.right) or y in (frame.top, frame.bottom)
                assert frame.has(x, y)
                assert on_side
    for (s, _, way), (other_s, _, other) in itertools.combinations(drawn.wires, 2):
        for a, b in itertools.product(segments(way), segments(other)):
            across = a.top == a.bottom == b.top == b.bottom
            down = a.left == a.right == b.left == b.right
            if across or down:
                low, high = (
                    (max(a.left, b.left), min(a.right, b.right))
                    if across
                    else (max(a.top, b.top), min(a.bottom, b.bottom))
                )
                assert high < low or (s == other_s and high == low)
            elif s != other_s and a.shrunk(-0.1).meets(
                b
            ):  # two values cross in the middle of both, or not at all
                x, y = (b.left, a.top) if a.top == a.bottom else (a.left, b.top)
                corners = {*way, *other}
                assert (x, y) not in corners


@pytest.mark.parametrize("cell", [*CELLS, *USERS], ids=repr)
def test_letters_lie_free(cell: Cell) -> None:
    drawn = drawing(cell)
    labels = [t for t in drawn.root.iter(f"{SVG}text") if t.get("class") == "label"]
    assert {"".join(label.itertext()) for label in labels} >= {
        f"{name}t" for name in trace(cell).values if name not in cell.states and len(name) == 1
    }
    middles = [
        (float(t.attrib["x"]), float(t.attrib["y"]) - 0.32 * float(t.attrib["font-size"])) for t in labels
    ]
    for (x, y), label in zip(middles, labels, strict=True):
        half = 0.2 * float(label.attrib["font-size"]) * len("".join(label.itertext()))
        place = Rectangle(x - half, y - 5, x + half, y + 5)
        assert drawn.body.has(place.left, place.top)
        assert drawn.body.has(place.right, place.bottom)
        assert not any(frame is not None and frame.meets(place) for _, frame, _ in drawn.boxes.values())
        assert not any(piece.meets(place) for _, _, way in drawn.wires for piece in segments(way))
    for (a, b), (c, d) in itertools.combinations(middles, 2):
        assert abs(a - c) > 10 or abs(b - d) > 12


@pytest.mark.parametrize("cell", [*CELLS, *USERS], ids=repr)
def test_states_run_where_the_textbook_draws_them(cell: Cell) -> None:
    drawn, boxes = drawing(cell), picture(cell).boxes
    on_top = [state for state in cell.states if state != "h"] or ["h"]
    rows = []
    for state in on_top:
        wires = [w for w in drawn.wires if state in (boxes[w[0]].state, boxes[w[1]].state)]
        ends = {
            *(
                way[0][1]
                for source, _, way in wires
                if boxes[source].kind == "previous" and way[0][0] < drawn.body.left
            ),
            *(
                way[-1][1]
                for _, target, way in wires
                if boxes[target].kind == "next" and way[-1][0] > drawn.body.right
            ),
        }
        assert len(ends) == 1, "a state leaves at the height at which it came"
        rows += ends
    assert rows == sorted(rows)
    layers = [frame for kind, frame, _ in drawn.boxes.values() if kind == "layer" and frame is not None]
    inner = [
        frame
        for kind, frame, _ in drawn.boxes.values()
        if kind in ("layer", "operation") and frame is not None
    ]
    assert all(frame.bottom > rows[0] for frame in inner)
    assert len({frame.top for frame in layers}) <= 1, "layers stand side by side"
    for number, box in enumerate(boxes):
        ways = [way for source, target, way in drawn.wires if number in (source, target)]
        if box.kind == "previous" and box.state == "h" and "h" not in on_top:
            lowest = max(way[0][1] for way in ways)
            assert all(frame.bottom < lowest for frame in inner), "h comes in at the bottom"
        if box.kind == "input":
            assert max(way[0][1] for way in ways) > drawn.body.bottom, "x comes from below"
    up = [way for _, target, way in drawn.wires if boxes[target].state == "h" and way[-1][1] < drawn.body.top]
    assert len(up) == 1, "h leaves upwards, too"


def test_a_plain_network_is_drawn_without_a_bend() -> None:
    assert all(len(segments(way)) == 1 for _, _, way in drawing(cells.RNN()).wires)
