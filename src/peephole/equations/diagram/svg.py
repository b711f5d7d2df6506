"""The drawing as SVG: one file, no script, no style sheet, no font and nothing else from outside."""

from __future__ import annotations

from html import escape

from peephole.equations.diagram.labels import Label
from peephole.equations.diagram.legend import legend
from peephole.equations.diagram.marks import BODY, BODY_EDGE, CARD, COLOURS, INK, number, rectangle, text
from peephole.equations.diagram.picture import SIZE, Box, Picture, Wire
from peephole.equations.diagram.shapes import BELOW, STATE, Frame, Shapes, Spot

_FONT = "'STIX Two Text', 'Times New Roman', Georgia, serif"
_ROUND = 7  # pixels, radius of a bend


def write(drawn: Picture, shapes: Shapes, labels: list[Label]) -> str:
    """Return the file."""
    body, numbers = shapes.body, {box: k for k, box in enumerate(drawn.boxes)}
    middle = (body.left + body.right) / 2
    signs, (width, legend_height) = legend(drawn, bool(shapes.dots), middle, body.bottom + BELOW, 2 * middle)
    left, height = middle - width / 2, body.bottom + BELOW + legend_height
    view = f"{number(left)} 0 {number(width)} {number(height)}"
    formulas = [box.formula for box in drawn.boxes if " = " in box.formula]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{number(width)}" height="{number(height)}" viewBox="{view}" '
        f'role="img" font-family="{_FONT}" fill="{INK}">',
        f"<title>{escape(repr(drawn.cell), quote=False)}: one step</title>",
        f"<desc>{escape('; '.join(formulas), quote=False)}</desc>",
        rectangle(Frame(left, 0, left + width, height), f'rx="12" fill="{CARD}"'),
        rectangle(body, f'rx="14" fill="{BODY}" stroke="{BODY_EDGE}" stroke-width="1.5"'),
        *_wires(drawn, shapes, numbers),
        *(_box(box, shapes.frames[box], numbers[box]) for box in drawn.boxes),
        *(text(label.text, *label.frame.middle, label.size, 'class="label"') for label in labels),
        *signs,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _wires(drawn: Picture, shapes: Shapes, numbers: dict[Box, int]) -> list[str]:
    """The wires, each on a wider one in the colour of the ground that interrupts what it crosses; their heads; and dots."""
    on_line = {box for line in drawn.lines.values() for box in line}
    on_line |= {box for box in drawn.boxes if box.state in drawn.lines}

    def is_state(wire: Wire) -> bool:
        return {wire.source, wire.target} <= on_line and len({y for _, y in shapes.ways[wire]}) == 1

    # Lines of states last, so that they run on where others cross them; and each value in one go.
    groups: dict[tuple[bool, int], list[Wire]] = {}
    for wire in drawn.wires:
        groups.setdefault((is_state(wire), numbers[wire.source]), []).append(wire)
    lines = [f'<g fill="none" stroke-linecap="round" stroke="{INK}">']
    heads: list[str] = []
    for (is_thick, source), wires in sorted(groups.items()):
        for wire in wires:
            inside = _path(_clipped(shapes.ways[wire], shapes.body.grown(-1)), shapes.dots)
            lines.append(f'<path d="{inside}" stroke="{BODY}" stroke-width="7" stroke-linecap="butt"/>')
        for wire in wires:
            way = shapes.ways[wire]
            ends = f'data-from="{source}" data-to="{numbers[wire.target]}"'
            width = 3.5 if is_thick else 1.8
            lines.append(f'<path class="wire" {ends} d="{_path(way, shapes.dots)}" stroke-width="{width}"/>')
            heads.append(_head(way, 10 if is_thick else 8))
    dots = [f'<circle class="copy" cx="{number(x)}" cy="{number(y)}" r="3.6"/>' for x, y in shapes.dots]
    return [*lines, "</g>", *heads, *dots]


def _box(box: Box, frame: Frame, index: int) -> str:
    """A box with its label; a state that enters, or leaves to the right, is its letter alone."""
    title = f"<title>{escape(box.formula, quote=False)}</title>" if box.formula else ""
    is_round = frame.right - frame.left == frame.bottom - frame.top
    label = text(box.label, *frame.middle, STATE if box.kind in ("previous", "next", "input") else SIZE)
    if box.kind == "join":
        shape, label = rectangle(frame, 'rx="3"'), ""
    elif box.kind == "previous" or (box.kind == "next" and not is_round):
        shape = ""
    else:
        fill, edge = COLOURS[box.kind]
        radius = 6 if box.kind == "layer" else (frame.bottom - frame.top) / 2
        shape = rectangle(frame, f'rx="{number(radius)}" fill="{fill}" stroke="{edge}" stroke-width="1.5"')
    return f'<g class="{box.kind}" data-id="{index}">{title}{shape}{label}</g>'


def _clipped(way: list[Spot], body: Frame) -> list[Spot]:
    return [(min(max(x, body.left), body.right), min(max(y, body.top), body.bottom)) for x, y in way]


def _path(way: list[Spot], dots: list[Spot]) -> str:
    """A line through the corners, which are rounded where no branch begins."""
    parts = [f"M{number(way[0][0])} {number(way[0][1])}"]
    for (a, b), (x, y), (c, d) in zip(way, way[1:], way[2:], strict=False):
        before, after = abs(x - a) + abs(y - b), abs(c - x) + abs(d - y)
        radius = 0 if (x, y) in dots else min(_ROUND, before / 2, after / 2)
        if not radius:
            parts.append(f"L{number(x)} {number(y)}")
            continue
        start = x + (a - x) / before * radius, y + (b - y) / before * radius
        end = x + (c - x) / after * radius, y + (d - y) / after * radius
        parts.append(f"L{number(start[0])} {number(start[1])}")
        parts.append(f"Q{number(x)} {number(y)} {number(end[0])} {number(end[1])}")
    return "".join(parts) + f"L{number(way[-1][0])} {number(way[-1][1])}"


def _head(way: list[Spot], size: int) -> str:
    """The head of an arrow at the end of a wire."""
    (x, y), (a, b) = way[-1], way[-2]
    length = abs(x - a) + abs(y - b)
    u, v = (x - a) / length * size, (y - b) / length * size
    corners = [(x, y), (x - u + v / 2, y - v + u / 2), (x - u - v / 2, y - v - u / 2)]
    return f'<polygon points="{" ".join(f"{number(p)},{number(q)}" for p, q in corners)}"/>'
