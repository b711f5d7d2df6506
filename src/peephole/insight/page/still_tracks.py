"""Gates × words as a table: the mean of each gate in numbers, and below it a picture with a line for each unit."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from peephole.insight.ink import GATE, SIDES
from peephole.insight.page.digest import cut, said
from peephole.insight.page.packing import Packed
from peephole.insight.page.schema import Numbers, PageData, TrackItem
from peephole.markup import Colour, element, escaped, picture, see_through

_MOST_TRACKS = 4
_FEW = 14  # columns whose words stand upright
_LABEL = 18  # characters of a word above a column
_SIGNED = {False: (148, 78, 172), True: (46, 142, 78)}  # below and above zero
_NAME = "padding:1px 10px 1px 0;border:none;text-align:left;font-weight:600;white-space:nowrap;vertical-align:middle;"
_HEAD = "border:none;font-weight:600;vertical-align:bottom;overflow-wrap:anywhere;line-height:1.15;"
_GRID = "border-collapse:collapse;margin:.3em 0;border:none;table-layout:fixed;font-size:.9em;color:inherit"


def tracks_html(data: PageData) -> str:
    """Return a table for each layer and direction, the first four.

    Example:
        >>> tracks_html({"tracks": []})
        ''
    """
    shown = data["tracks"][:_MOST_TRACKS]
    more = len(data["tracks"]) - len(shown)
    parts = [_track(data, track) for track in shown if data["tokens"]]
    if parts:
        parts.append(
            element("p", escaped(_KEY), style="margin:.4em 0;max-width:46em;opacity:.75;font-size:.92em")
        )
    if more:
        parts.append(element("p", f"… {more:,} more layers and directions."))
    return "".join(parts)


_KEY = (
    "Numbers: the mean of all units in percent, 0 shut and 100 open; “left at the end” is the share of what is on the "
    "conveyor at last. Pictures: a line for each unit, longest memory on top; gates from nothing, shut, to full colour, "
    "open; states green above zero, purple below, each unit by its own largest."
)


def _track(data: PageData, track: TrackItem) -> str:
    columns = len(data["tokens"])
    wide = 58 if columns <= _FEW else 26
    rows = [_words(data, upright=columns <= _FEW)]
    for gate in track["gates"]:
        name = f"{gate['role']} {gate['name']}" if gate["role"] != gate["name"] else gate["name"]
        rows.append(_numbers(name, gate["meaning"], gate["mean"], GATE, 1.0))
        rows.append(_picture(name, gate["values"], columns))
    rows.append(_picture(f"state {track['state']}", track["states"], columns, named=True))
    belt = track["belt"]
    if belt is not None:
        whole = sum(number or 0.0 for number in belt["left_size"]) + (belt["start_size"] or 0.0)
        shares: Numbers = [(number or 0.0) / whole if whole else 0.0 for number in belt["left_size"]]
        rows.append(
            _numbers(
                "left at the end",
                "of what is on the conveyor at last",
                shares,
                SIDES["a"],
                max(share or 0.0 for share in shares) or 1.0,
            )
        )
    grid = element("table", *rows, style=f"{_GRID};width:{128 + wide * columns}px")
    arrow = "←" if track["reverse"] else "→"
    head = element("p", element("b", escaped(f"{arrow} {track['title']}")), style="margin:.9em 0 .2em")
    notes = "".join(
        element(
            "p", escaped(said(track["notes"][figure], data["words"])), style="margin:.2em 0;max-width:46em"
        )
        for figure in ("gates", "belt", "gradient")
        if track["notes"].get(figure)
    )
    return head + notes + element("div", grid, style="overflow-x:auto;max-width:100%")


def _words(data: PageData, *, upright: bool) -> str:
    """The words above their columns; several columns for a word of several tokens."""
    turned = (
        "text-align:center;" if upright else "writing-mode:vertical-rl;text-align:right;white-space:nowrap;"
    )
    pad = "padding:1px 3px;" if upright else "padding:3px 2px;"
    cells = [element("th", style=f"{_NAME}width:128px")]
    cells += [
        element(
            "th",
            element("bdi", escaped("…" if gap else cut(text, _LABEL))),
            style=_HEAD + pad + turned,
            colspan=end - first,
            title=text if gap else "",
        )
        for text, gap, first, end in _places(data)
    ]
    return element("thead", element("tr", *cells, style="background:transparent"))


def _places(data: PageData) -> Iterator[tuple[str, bool, int, int]]:
    """(text, whether it stands for many, first column, column after the last) of what stands above the columns, without holes."""
    done = 0
    for word in data["words"]:
        if word["end"] <= done:
            continue
        if word["first"] > done:
            yield "", False, done, word["first"]
        yield word["text"], word["gap"], max(word["first"], done), word["end"]
        done = word["end"]
    if done < len(data["tokens"]):
        yield "", False, done, len(data["tokens"])


def _numbers(name: str, meaning: str, values: Numbers, colour: Colour, full: float) -> str:
    cells = [element("th", escaped(name), style=_NAME, scope="row", title=meaning)]
    for value in values:
        share = value or 0.0
        back = see_through(colour, 0.75 * share / full)
        cells.append(
            element(
                "td",
                f"{100 * share:.0f}",
                style=f"padding:1px;border:none;text-align:center;background:{back}",
            )
        )
    return element("tr", *cells, style="background:transparent")


def _picture(name: str, packed: Packed, columns: int, *, named: bool = False) -> str:
    """A row that holds a picture of the values: units down, columns across."""
    wide, units = packed["shape"]
    if not wide or not units:
        return ""
    levels = base64.b64decode(packed["data"])
    turned = b"".join(levels[unit::units] for unit in range(units))
    palette = _UNIT if packed["kind"] == "unit" else _SIGN
    style = "display:block;width:100%;height:64px;image-rendering:pixelated;margin:0 0 5px;max-width:none"
    image = element(
        "img", style=style, src=picture(turned, wide, palette), alt="", title=f"{name}: {units:,} units"
    )
    label = (
        escaped(name) if named else element("span", f"{units:,} units", style="font-weight:400;opacity:.75")
    )
    cells = (
        element("th", label, style=_NAME, scope="row"),
        element("td", image, style="padding:0;border:none;background:transparent", colspan=columns),
    )
    return element("tr", *cells, style="background:transparent")


_UNIT = [(GATE, level) for level in range(256)]
_SIGN = [(_SIGNED[level > 127], min(abs(level - 127) * 2, 255)) for level in range(255)]
