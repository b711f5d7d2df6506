"""What the signs of a drawing mean: those that it has."""

from __future__ import annotations

from html import escape

from peephole.equations.diagram.marks import COLOURS, INK, number, rectangle, text
from peephole.equations.diagram.picture import Picture
from peephole.equations.diagram.shapes import Frame

_SIZE, _LETTER, _LINE = 12, 6.3, 22  # pixels: of the text, a letter's width, a line's height
_FONT = "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"
_SIGN = 36  # pixels for a sign and what is left free around it
_MARKS = (
    ("P", "the layer’s matrix for this input"),
    ("+", "added to the layer’s sum"),
    ("−", "is subtracted"),
    ("/", "divides"),
)


def legend(
    drawn: Picture, has_dots: bool, middle: float, top: float, width: float
) -> tuple[list[str], tuple[float, float]]:
    """Return the legend, around `middle` and from `top` down, and its width and height, in pixels."""
    entries = [(sign, meaning, _SIGN + _LETTER * len(meaning)) for sign, meaning in _entries(drawn, has_dots)]
    width = max([width, *(16 + size for *_, size in entries)])
    rows: list[list[tuple[str, str, float]]] = [[]]
    for entry in entries:
        if rows[-1] and sum(size for *_, size in (*rows[-1], entry)) > width - 16:
            rows.append([])
        rows[-1].append(entry)
    lines = [f'<g class="legend" font-family="{_FONT}" font-size="{_SIZE}" fill="#444444">']
    for k, row in enumerate(rows):
        x, y = middle - sum(size for *_, size in row) / 2, top + 8 + k * _LINE
        for sign, meaning, size in row:
            lines.append(_drawn(sign, x + 12, y))
            lines.append(
                f'<text x="{number(x + 25)}" y="{number(y + 4)}">{escape(meaning, quote=False)}</text>'
            )
            x += size
    return [*lines, "</g>"], (width, 8 + _LINE * len(rows))


def _entries(drawn: Picture, has_dots: bool) -> list[tuple[str, str]]:
    kinds = {box.kind for box in drawn.boxes}
    marks = {wire.mark[0][0] for wire in drawn.wires if wire.mark}
    found: list[tuple[str, str]] = []
    if "layer" in kinds:
        found.append(("layer", "layer: inputs × learned weights, plus a bias"))
    if "operation" in kinds:
        found.append(("operation", "pointwise operation"))
    if any(("p", "i") in box.label for box in drawn.boxes):
        found.append(("p", "learned, one number per unit"))
    if "join" in kinds:
        found.append(("join", "h and x as one vector"))
    if has_dots:
        found.append(("copy", "copy"))
    return [*found, *((sign, meaning) for sign, meaning in _MARKS if sign in marks)]


def _drawn(sign: str, x: float, y: float) -> str:
    if sign in COLOURS:
        fill, edge = COLOURS[sign]
        half, radius = (8, 3) if sign == "layer" else (6, 6)
        return rectangle(
            Frame(x - half, y - 6, x + half, y + 6), f'rx="{radius}" fill="{fill}" stroke="{edge}"'
        )
    if sign == "join":
        return rectangle(Frame(x - 2.5, y - 8, x + 2.5, y + 8), f'rx="2.5" fill="{INK}"')
    if sign == "copy":
        return f'<circle cx="{number(x)}" cy="{number(y)}" r="3.6" fill="{INK}"/>'
    return text(((sign, "i" if sign in "pP" else ""),), x, y, 14, f'font-family="serif" fill="{INK}"')
