"""Colours, numbers, rectangles and texts of the SVG."""

from __future__ import annotations

from html import escape

from peephole.equations.diagram.picture import Text
from peephole.equations.diagram.shapes import Frame

INK, CARD, BODY, BODY_EDGE = "#2b2b2b", "#ffffff", "#e9f3e6", "#b7cdb0"
COLOURS = {  # kind of box → fill, edge
    "layer": ("#fff0a8", "#a8861a"),
    "operation": ("#f8b4ab", "#b03a2e"),
    "leaf": ("#ececec", "#777777"),
    "input": ("#cfe2f7", "#3f6ea3"),
    "next": ("#e3d3f2", "#75519d"),
}


def number(value: float) -> str:
    """A number with at most one decimal.

    >>> number(2.0), number(2.25)
    ('2', '2.2')
    """
    return f"{value:.1f}".removesuffix(".0")


def rectangle(frame: Frame, attributes: str) -> str:
    """A rectangle."""
    width, height = frame.right - frame.left, frame.bottom - frame.top
    place = (
        f'x="{number(frame.left)}" y="{number(frame.top)}" width="{number(width)}" height="{number(height)}"'
    )
    return f"<rect {place} {attributes}/>"


def text(pieces: Text, x: float, y: float, size: float, attributes: str = "") -> str:
    """A text with its middle at (x, y)."""
    spans: list[str] = []
    is_low = False
    for letters, style in pieces:
        shift = ""
        if (style == "_") != is_low:
            is_low = not is_low
            shift = f' dy="{number(size * (0.25 if is_low else -0.25))}"'
        small = f' font-size="{number(size * 0.7)}"' if style == "_" else ""
        italic = ' font-style="italic"' if style else ""
        spans.append(f"<tspan{shift}{small}{italic}>{escape(letters, quote=False)}</tspan>")
    place = f'x="{number(x)}" y="{number(y + size * 0.32)}" font-size="{number(size)}" text-anchor="middle"'
    return f"<text {place}{attributes and ' '}{attributes}>{''.join(spans)}</text>"
