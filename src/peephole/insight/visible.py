"""Text that may be shown anywhere: what would act, turn or pile up is made visible instead."""

from __future__ import annotations

import unicodedata

_MARKS = {
    0x061C: "ALM", 0x200B: "ZWSP", 0x200E: "LRM", 0x200F: "RLM",
    0x202A: "LRE", 0x202B: "RLE", 0x202C: "PDF", 0x202D: "LRO", 0x202E: "RLO",
    0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI",
    0x2028: "LSEP", 0x2029: "PSEP", 0xFEFF: "BOM",
}  # fmt: skip
_MOST_ON_ONE = 4  # combining marks on one letter: Vietnamese and Hebrew need three


def visible(text: str, most: int | None = None) -> str:
    r"""Return a text in which nothing acts: controls and marks that turn the reading direction are written out.

    Letters of every script stay, and the joiners that scripts and emoji need. Controls become their symbols (``␛``), white space
    a space, marks of direction their names in ⟨⟩, half a surrogate pair and what is no character ``�``; of many marks on one
    letter, four stay.

    Args:
        text: any text.
        most: characters that are kept; of a longer text, its beginning with ``…``. None: all.

    Example:
        >>> visible("not\x1b[31m \u202edab\u202c")
        'not␛[31m ⟨RLO⟩dab⟨PDF⟩'
        >>> visible("extraordinarily", 8)
        'extraor…'
    """
    if most is not None and len(text) > most:
        text = text[: most - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    piled = 0
    for mark in text:
        piled = piled + 1 if unicodedata.category(mark) in ("Mn", "Me") else 0
        if piled <= _MOST_ON_ONE:
            shown.append(_shown(mark))
    return "".join(shown)


def _shown(mark: str) -> str:
    code = ord(mark)
    if code in _MARKS:
        return f"⟨{_MARKS[code]}⟩"
    if mark in "\t\n\r\x0b\x0c\x85" or unicodedata.category(mark) == "Zs":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if (
        0x80 <= code <= 0x9F
        or 0xD800 <= code <= 0xDFFF
        or code & 0xFFFE == 0xFFFE
        or 0xFDD0 <= code <= 0xFDEF
    ):
        return "�"
    return mark


def cells(text: str) -> int:
    """Return how many columns of a terminal a visible text takes: two for wide letters and emoji, none for marks on others.

    Example:
        >>> cells("good"), cells("映画"), cells("e\u0301")
        (4, 4, 1)
    """
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(mark: str) -> int:
    if unicodedata.category(mark) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(mark) in ("W", "F") else 1


def fitted(text: str, room: int) -> str:
    """Return a visible text, cut with ``…`` where it takes more than `room` columns, at least 1.

    Example:
        >>> fitted("extraordinarily", 8), fitted("映画", 3)
        ('extraor…', '映…')
    """
    if cells(text) <= room:
        return text
    kept = ""
    for mark in text:
        if cells(kept) + _cells(mark) > room - 1:
            break
        kept += mark
    return kept + "…"


def is_mirrored(text: str) -> bool:
    """Return whether a text has letters of a script that is written from right to left, whose order a terminal may turn.

    Example:
        >>> is_mirrored("good"), is_mirrored("فيلم")
        (False, True)
    """
    return not text.isascii() and any(unicodedata.bidirectional(mark) in ("R", "AL", "AN") for mark in text)
