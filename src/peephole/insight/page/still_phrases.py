"""The tree of phrases as a table: words at the bottom, and above them what they say together."""

from __future__ import annotations

from peephole.insight.ink import SIDES
from peephole.insight.page.digest import cut, said, side_towards
from peephole.insight.page.schema import PageData, PhraseItem
from peephole.markup import element, escaped, see_through

_MOST_WORDS = 24
_LABEL = 16  # characters of a word below the tree
_CELL = (
    "padding:1px 3px;border:1px solid rgba(128,130,136,.25);text-align:center;vertical-align:middle;"
    "font-size:.85em;line-height:1.25;"
)


def phrases_html(data: PageData) -> str:
    """Return the tree; nothing where there is none, and its sentence alone where it is too wide.

    Example:
        >>> phrases_html({"phrases": [], "push": None, "words": []})
        ''
    """
    phrases, push, words = data["phrases"], data["push"], data["words"]
    if not phrases or push is None or len(words) < 2:
        return ""
    caption = element(
        "p", escaped(said(data["captions"]["phrases"], words)), style="margin:.6em 0 .3em;max-width:46em"
    )
    if len(words) > _MOST_WORDS:
        return caption
    above = {part: phrase for phrase in phrases for part in phrase["parts"]}
    largest = max(abs(phrase["score"] or 0.0) for phrase in phrases) or 1.0

    def cell(place: int, phrase: PhraseItem) -> str:
        score = phrase["score"] or 0.0
        # A box reaches up to the phrase that joins it, so that the tree has no holes.
        tall = above[place]["level"] - phrase["level"] if place in above else 1
        colour = see_through(SIDES[side_towards(push, score)], 0.65 * abs(score) / largest)
        return element(
            "td",
            f"{score:+.2f}",
            style=f"{_CELL}background:{colour}",
            colspan=phrase["end"] - phrase["first"],
            rowspan=tall,
            align="center",  # where styles are stripped
        )

    top = max(phrase["level"] for phrase in phrases)
    rows: list[str] = []
    for level in range(top, -1, -1):
        # A cell begins in the row of its uppermost level.
        begun = [
            (phrase["first"], cell(place, phrase))
            for place, phrase in enumerate(phrases)
            if (above[place]["level"] - 1 if place in above else phrase["level"]) == level
        ]
        rows.append(_row([one for _, one in sorted(begun)]))
    rows.append(
        _row(
            [
                element(
                    "th",
                    element("bdi", escaped(cut(word["text"], _LABEL))),
                    style=f"{_CELL}border:none;font-weight:600",
                )
                for word in words
            ]
        )
    )
    style = "border-collapse:collapse;margin:.3em 0;border:none;font-size:inherit;color:inherit"
    grid = element("table", element("tbody", *rows), style=style)
    return caption + element("div", grid, style="overflow-x:auto;max-width:100%")


def _row(cells: list[str]) -> str:
    return element("tr", *cells, style="background:transparent;height:1.5em")
