"""Colours and strips of a terminal."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

_RESET = "\x1b[0m"
# From grey to the colour of a side, all of one lightness, under white letters: they look alike on a light and on a dark screen.
SIDES = {"a": (24, 104, 190), "b": (196, 84, 8)}
_GREY = (104, 106, 112)
GATE = (52, 144, 152)
_LEVELS = (0, 95, 135, 175, 215, 255)  # of the cube of 216 colours
BARS = "▁▂▃▄▅▆▇█"
DIGITS = "0123456789"


@dataclasses.dataclass(frozen=True)
class Style:
    """What a terminal can show.

    Attributes:
        width: its columns, at least 20.
        colours: 0, 256 or 16,777,216.
        blocks: whether its encoding has block characters; otherwise strips are digits, 9 for 1.
    """

    width: int = 80
    colours: int = 0
    blocks: bool = True


def painted(text: str, side: str | None, size: float, style: Style) -> str:
    """Return a text on the colour of a side, ``"a"`` or ``"b"``: grey for size 0, full for 1; without either, as it is."""
    if not style.colours or side is None:
        return text
    colour = [round(low + (high - low) * size) for low, high in zip(_GREY, SIDES[side], strict=True)]
    return f"\x1b[{_code(38, (255, 255, 255), style)};{_code(48, colour, style)}m{text}{_RESET}"


def inked(text: str, colour: Sequence[int], style: Style) -> str:
    """Return a text in a colour, red, green and blue from 0 to 255; as it is without colours."""
    return f"\x1b[{_code(38, colour, style)}m{text}{_RESET}" if style.colours else text


def _code(kind: int, colour: Sequence[int], style: Style) -> str:
    """The parameters that choose a colour, for letters (38) or behind them (48)."""
    if style.colours > 256:
        return f"{kind};2;{colour[0]};{colour[1]};{colour[2]}"
    red, green, blue = (min(range(6), key=lambda place: abs(_LEVELS[place] - own)) for own in colour)
    return f"{kind};5;{16 + 36 * red + 6 * green + blue}"


def bar(share: float, style: Style) -> str:
    """Return a block, or a digit, for a share in [0, 1].

    Example:
        >>> bar(0.0, Style()), bar(1.0, Style()), bar(0.55, Style(blocks=False))
        ('▁', '█', '5')
    """
    steps = BARS if style.blocks else DIGITS
    return steps[min(int(min(max(share, 0.0), 1.0) * len(steps)), len(steps) - 1)]
