"""An explanation for a terminal: words shaded by what they push, and under them a strip for each gate.

It is drawn from the same document as the page (`peephole.insight.page.schema`), whose texts are made visible: nothing in them
acts on a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from peephole.insight.ink import BARS, GATE, Style, bar, inked, painted
from peephole.insight.page.digest import largest_score, said, side_of, side_towards, word_mean
from peephole.insight.page.schema import Numbers, PageData, TrackItem, WordItem
from peephole.insight.page.wording import percent
from peephole.insight.visible import cells, fitted, is_mirrored

_NARROW = 40  # columns: below, words stand under each other
_MOST_TRACKS = 2
_FAINT = 0.15  # of the largest push: what is below is not shaded


def terminal_text(data: PageData, style: Style) -> str:
    """Return what a terminal shows of a text: the verdict, the words with their pushes and gates, the sentences of the figures.

    Without colours, what pushes is shown by strips of its own. In a narrow terminal, and in a text with letters that are written
    from right to left, whose order a terminal may turn, words stand under each other.

    Args:
        data: from `page_data`.
        style: of the terminal.
    """
    lines = [*_verdict(data, style), ""]
    if data["words"]:
        stacked = style.width < _NARROW or any(is_mirrored(word["text"]) for word in data["words"])
        lines += [
            *(_stacked(data, style) if stacked else _rows(data, style)),
            *_key(data, style, stacked),
            "",
        ]
    for sentence in _sentences(data):
        lines += [*_wrapped(sentence, style.width)]
    return "\n".join(lines).rstrip() + "\n"


def table_text(data: PageData) -> str:
    """Return the same as a table with tabs: a line for each label with its probability, an empty one, then a line for each word.

    Numbers of gates are means over units and over the word's steps.
    """
    lines = [
        f"{label}\t{share:.4f}"
        for label, share in (data["verdict"] or {"probabilities": []})["probabilities"]
    ]
    push, columns = data["push"], [*_columns(data, data["tracks"])]
    head = ["word", *([f"towards {push['target']}"] if push else []), *(name for name, _ in columns)]
    lines += ["", "\t".join(head)] if data["words"] else []
    for word in data["words"]:
        score = [f"{word['score'] or 0.0:+.4f}"] if push else []
        lines.append(
            "\t".join([word["text"], *score, *(f"{word_mean(numbers, word):.4f}" for _, numbers in columns)])
        )
    lines += ["", *(sentence for sentence in _sentences(data))]
    return "\n".join(lines).rstrip() + "\n"


def _verdict(data: PageData, style: Style) -> Iterator[str]:
    if data["verdict"] is None:
        yield data["title"]
        return
    (label, share), *others = data["verdict"]["probabilities"]
    rest = ", ".join(f"{other} {percent(own)}" for other, own in others[:5])
    head = f"{label}  {percent(share)}"
    side = side_of(data, label)
    shown = painted(f" {head} ", side, 1.0, style) if side and style.colours else head
    yield shown + (f"   {rest}" if rest else "")


def _rows(data: PageData, style: Style) -> Iterator[str]:
    """Words side by side, as many as fit, each line of them with its strips."""
    strips = [*_push_strips(data, style), *_columns(data, _shown(data), gates_only=True)]
    margin = max([2, *(cells(name) + 2 for name, _ in strips)])
    room = max(style.width - margin, 8)
    for line in _lines(data["words"], room):
        yield (" " * margin + "".join(_spaced(data, word, room, style) for word in line)).rstrip()
        for name, numbers in strips:
            bars = "".join(
                _gap(word) + bar(word_mean(numbers, word), style) * _width(word, room) for word in line
            )
            yield name.ljust(margin) + inked(bars, GATE, style)
        yield ""


def _stacked(data: PageData, style: Style) -> Iterator[str]:
    """A line for each word: its push, a block for each gate, and last the word, so that nothing stands behind it."""
    columns = [numbers for _, numbers in _columns(data, _shown(data), gates_only=True)]
    for word in data["words"]:
        score = f"{word['score'] or 0.0:+6.2f} " if data["push"] else ""
        bars = "".join(bar(word_mean(numbers, word), style) for numbers in columns)
        text = fitted(word["text"], max(style.width - len(score) - len(bars) - 1, 4))
        yield f"{score}{bars} {_shaded(data, word, text, style)}"


def _lines(words: Sequence[WordItem], room: int) -> Iterator[list[WordItem]]:
    line: list[WordItem] = []
    taken = 0
    for word in words:
        size = len(_gap(word)) + _width(word, room)
        if line and (taken + size > room or "\n" in word["before"]):
            yield line
            line, taken = [], 0
        line.append(word if line else {**word, "before": ""})
        taken += size if len(line) > 1 else _width(word, room)
    if line:
        yield line


def _spaced(data: PageData, word: WordItem, room: int, style: Style) -> str:
    return _gap(word) + _shaded(data, word, fitted(word["text"], room), style)


def _gap(word: WordItem) -> str:
    return word["before"].strip("\n")


def _width(word: WordItem, room: int) -> int:
    return cells(fitted(word["text"], room))


def _shown(data: PageData) -> list[TrackItem]:
    """The tracks that have strips: of a deep network those of the last layer."""
    tracks = data["tracks"]
    if len(tracks) <= _MOST_TRACKS:
        return tracks
    last = tracks[-1]["name"].partition(".")[0]
    return [track for track in tracks if track["name"].partition(".")[0] == last]


def _columns(
    data: PageData, tracks: Sequence[TrackItem], *, gates_only: bool = False
) -> Iterator[tuple[str, Numbers]]:
    for track in tracks:
        layer = (
            f"{track['name'].partition('.')[0]} "
            if len(data["tracks"]) > _MOST_TRACKS and not gates_only
            else ""
        )
        arrow = (layer + ("← " if track["reverse"] else "→ ")) if len(data["tracks"]) > 1 else ""
        for gate in track["gates"]:
            yield f"{arrow}{gate['role']}", gate["mean"]
        if not gates_only and track["belt"] is not None:
            yield f"{arrow}put on", track["belt"]["put_size"]
            yield f"{arrow}left", track["belt"]["left_size"]


def _push_strips(data: PageData, style: Style) -> list[tuple[str, Numbers]]:
    """Without colours: what pushes each way, as a share of the largest push."""
    push, words = data["push"], data["words"]
    if push is None or style.colours:
        return []
    largest = largest_score(data)
    up: Numbers = [0.0] * len(data["tokens"])
    down: Numbers = [0.0] * len(data["tokens"])
    for word in words:
        for column in range(word["first"], word["end"]):
            score = (word["score"] or 0.0) / largest
            up[column], down[column] = max(score, 0.0), max(-score, 0.0)
    return [(fitted(push["target"], 14), up), (fitted(push["against"], 14), down)]


def _key(data: PageData, style: Style, stacked: bool) -> Iterator[str]:
    push = data["push"]
    if push is not None and style.colours:
        sides = ((push["up"], push["target"]), ("b" if push["up"] == "a" else "a", push["against"]))
        verb = "pushes towards" if style.width >= _NARROW else "towards"
        names = [fitted(label, style.width - len(verb) - 4) for _, label in sides]
        shown = [
            f"{painted('  ', side, 1.0, style)} {verb} {name}"
            for (side, _), name in zip(sides, names, strict=True)
        ]
        fits = sum(cells(name) + len(verb) + 4 for name in names) + 3 <= style.width
        yield from ["   ".join(shown)] if fits else shown
    names = [name for name, _ in _columns(data, _shown(data), gates_only=True)]
    if names:
        low, high = (BARS[0], BARS[-1]) if style.blocks else ("0", "9")
        order = f"{', '.join(names)}; " if stacked else ""
        yield from _wrapped(f"{order}{low} shut, {high} open: the mean of all units.", style.width)


def _sentences(data: PageData) -> Iterator[str]:
    arrows = len(data["tracks"]) > 1
    captions = [("", data["captions"].get(figure, [])) for figure in ("sentence", "phrases")]
    for track in data["tracks"]:
        arrow = ("← " if track["reverse"] else "→ ") if arrows else ""
        captions += [(arrow, track["notes"].get(figure, [])) for figure in ("gates", "belt")]
    captions.append(("", data["captions"].get("trust", [])))
    for mark, caption in captions:
        if caption:
            yield mark + said(caption, data["words"])
    if not data["tracks"]:
        yield from data["notes"]


def _wrapped(sentence: str, width: int) -> Iterator[str]:
    line = ""
    for part in sentence.replace(" %", "\u00a0%").split(" "):
        part = part.replace("\u00a0%", " %")
        while cells(part) > width:  # it fits nowhere: it is cut where the line ends
            head = fitted(part, width - (cells(line) + 1 if line else 0)).removesuffix("…")
            yield f"{line} {head}".strip()
            line, part = "", part[len(head) :]
        if line and cells(line) + 1 + cells(part) > width:
            yield line
            line = part
        else:
            line = f"{line} {part}" if line else part
    yield line


def _shaded(data: PageData, word: WordItem, text: str, style: Style) -> str:
    push, score = data["push"], word["score"] or 0.0
    size = min(abs(score) / largest_score(data), 1.0)
    if push is None or word["gap"] or size < _FAINT:
        return text
    return painted(text, side_towards(push, score), size, style)
