"""HTML that is safe to show anywhere: escaped texts, and elements that carry their own style.

Notebooks show what is made here. Some of them strip scripts and style sheets (GitHub strips inline styles too), so an element
has the look of its own in a ``style`` attribute, and what it says in its text: without any style a table is still a table.
Ink is the notebook's own, and colours are laid over its ground, so that one output is legible in light and in dark.
"""

from __future__ import annotations

import base64
import html
import struct
import zlib
from collections.abc import Iterable, Sequence

Colour = tuple[int, int, int]

_VOID = {"img", "br", "hr"}
# A notebook's own style sheet stripes rows, centres tables and sets numbers to the right: each is taken back where it would act.
_TABLE = "border-collapse:collapse;margin:0;border:none;table-layout:auto;font-size:inherit;color:inherit"
_CELL = "padding:2px 8px;border:none;background:transparent;vertical-align:baseline;line-height:1.4;"


def escaped(text: str) -> str:
    """Return `text` for HTML, inside an element or a quoted attribute.

    Characters that HTML forbids or that would reach beyond their place (controls, lone surrogates, marks that
    turn the reading direction) become ``�``.

    >>> escaped('<b onclick="x">&')
    '&lt;b onclick=&quot;x&quot;&gt;&amp;'
    """
    return html.escape("".join("�" if _forbidden(mark) else mark for mark in text), quote=True)


def element(name: str, *parts: str, style: str = "", **attributes: str | int) -> str:
    """Return an element.

    Args:
        name: of the element.
        parts: what it holds, as HTML: texts go through `escaped` before.
        style: of its own, as CSS.
        attributes: by name; their values are escaped here. ``class_`` and the like lose the underscore.

    Example:
        >>> element("td", escaped("a < b"), style="color:red", colspan=2, title='"')
        '<td style="color:red" colspan="2" title="&quot;">a &lt; b</td>'
    """
    own = {"style": style} if style else {}
    given = {key.rstrip("_").replace("_", "-"): str(value) for key, value in attributes.items()}
    shown = "".join(f' {key}="{escaped(value)}"' for key, value in (own | given).items())
    return f"<{name}{shown}>" if name in _VOID else f"<{name}{shown}>{''.join(parts)}</{name}>"


def table(
    rows: Iterable[Sequence[str]], *, head: Sequence[str] = (), align: str = "", style: str = ""
) -> str:
    """Return a table.

    Args:
        rows: of cells, as HTML; the first cell of a row names it. A cell that begins with ``<td`` or ``<th`` is taken as it is.
        head: a row of names above, as HTML.
        align: for each column ``<`` or ``>``; by default ``<``.
        style: of the table, added to the plain look.

    Example:
        >>> table([["good", "1"]], head=["word", "score"]).count("<th ")
        3
    """
    columns = align + "<" * 100

    def cell(name: str, part: str, place: int, extra: str, **scope: str) -> str:
        if part.startswith(("<td", "<th")):
            return part
        side = "right" if columns[place] == ">" else "left"
        return element(name, part, style=f"{_CELL}text-align:{side};{extra}", **scope)

    lines: list[str] = []
    if head:
        names = (
            cell("th", part, place, "font-weight:600;opacity:.7", scope="col")
            for place, part in enumerate(head)
        )
        lines.append(element("thead", _row(names)))
    body = (
        _row(
            cell("td", part, place, "") if place else cell("th", part, 0, "font-weight:600", scope="row")
            for place, part in enumerate(row)
        )
        for row in rows
    )
    return element("table", *lines, element("tbody", *body), style=f"{_TABLE};{style}")


def _row(cells: Iterable[str]) -> str:
    return element("tr", *cells, style="background:transparent")


def see_through(colour: Colour, share: float) -> str:
    """Return a colour in CSS that lets the ground through: nothing of it for a share of 0, all of it for 1.

    Example:
        >>> see_through((52, 144, 152), 0.25)
        'rgba(52,144,152,.25)'
    """
    opacity = f"{min(max(share, 0.0), 1.0):.2f}".removeprefix("0")
    return f"rgba({colour[0]},{colour[1]},{colour[2]},{opacity})"


def picture(levels: bytes, width: int, palette: Sequence[tuple[Colour, int]]) -> str:
    """Return a picture as the address of an image that holds it: a PNG, one pixel a byte, which lets the ground through.

    Args:
        levels: rows of pixels, from the top, each the position of its colour in the palette.
        width: pixels of a row, at least 1.
        palette: up to 256 colours, each with its opacity from 0 to 255.

    Example:
        >>> picture(bytes([0, 1]), 2, [((0, 0, 0), 0), ((0, 0, 0), 255)])[:30]
        'data:image/png;base64,iVBORw0K'
    """
    height = len(levels) // width
    rows = b"".join(b"\0" + levels[row * width : (row + 1) * width] for row in range(height))
    colours = bytes(part for colour, _ in palette for part in colour)
    opacities = bytes(opacity for _, opacity in palette)
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", colours),
        (b"tRNS", opacities),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    ]
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
    whole = b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
    return f"data:image/png;base64,{base64.b64encode(whole).decode('ascii')}"


def _forbidden(mark: str) -> bool:
    code = ord(mark)
    return (
        (code < 0x20 and mark not in "\t\n")
        or 0x7F <= code <= 0x9F
        or 0xD800 <= code <= 0xDFFF
        or 0x202A <= code <= 0x202E
        or 0x2066 <= code <= 0x2069
        or code & 0xFFFE == 0xFFFE
    )


def more(count: int, what: str) -> list[str]:
    """Return a paragraph that says how many are not shown; none where all are.

    >>> more(1200, "words")[0].endswith("… 1,200 more words</p>"), more(0, "words")
    (True, [])
    """
    return [element("p", f"… {count:,} more {what}", style="margin:.2em 0;opacity:.75")] if count > 0 else []
