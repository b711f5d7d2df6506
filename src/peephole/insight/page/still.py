"""The page as a still: what it shows of a text without any script or style sheet, for the output of a notebook."""

from __future__ import annotations

import re
from collections.abc import Iterator

from peephole.insight.explanations import Explanation
from peephole.insight.ink import SIDES
from peephole.insight.page.data import page_data
from peephole.insight.page.digest import cut, largest_score, side_of, side_towards
from peephole.insight.page.limits import STILL, STILL_TEXT
from peephole.insight.page.schema import Caption, PageData, Push, WordItem
from peephole.insight.page.still_phrases import phrases_html
from peephole.insight.page.still_tracks import tracks_html
from peephole.insight.page.wording import percent
from peephole.insight.trace import Trace
from peephole.markup import element, escaped, see_through, table

_MOST_LABELS = 6
_TOP_WORDS = 8
_LONGEST = 40  # characters of a word beside the text
_STRONGEST = 0.6  # opacity of the largest push: ink stays readable on it in light and dark
_STRONG = 0.5  # of the largest push: bold where styles are stripped
_TEXT = (
    "max-width:46em;margin:.6em 0;font-size:1.1em;line-height:1.9;white-space:pre-wrap;overflow-wrap:anywhere"
)
_SOFT = "margin:.4em 0;max-width:46em;opacity:.75;font-size:.92em"
_WORD = "font-weight:inherit;border-radius:3px;padding:1px 2px"
_GREY = (128, 130, 136)


def still(
    trace: Trace | None = None, explanation: Explanation | None = None, *, title: str | None = None
) -> str:
    """Return what a notebook shows of a trace, of an explanation, or of both for one text.

    Whatever the length of the text, it takes some 150 KB at most; what is left out is said.

    Args:
        trace: of one text, or of one sequence of a layer.
        explanation: of the same text.
        title: above it; by default, the verdict.

    Raises:
        OptionError: as `page_data`.

    Example:
        >>> import peephole
        >>> shown = still(peephole.trace(peephole.load(), "Not bad at all."))
        >>> "<script" in shown, "<style" in shown, len(shown) < 60_000
        (False, False, True)
    """
    limits = STILL_TEXT if trace is None else STILL
    return still_html(page_data(trace, explanation, title=title, limits=limits))


def still_html(data: PageData) -> str:
    """Return the document of a page as HTML that a notebook shows as it is.

    Args:
        data: from `page_data`.
    """
    parts = [*_verdict(data), *_text(data), *_top_words(data)]
    parts += [phrases_html(data), _trust(data), tracks_html(data)]
    parts += [element("p", escaped(note), style=_SOFT) for note in _notes(data)]
    return element("div", *parts, style="max-width:64em;line-height:1.45")


def caption_html(caption: Caption, words: list[WordItem]) -> str:
    """Return a sentence; its words stand out."""
    shown = "".join(
        escaped(part) if isinstance(part, str) else element("b", element("bdi", escaped(_named(words[part]))))
        for part in caption
    )
    return element("p", shown, style="margin:.4em 0;max-width:46em") if shown else ""


def _named(word: WordItem) -> str:
    """A word in a sentence: a mark by itself, which is hard to see there, in quotation marks."""
    text = cut(word["text"], _LONGEST)
    return text if any(mark.isalnum() for mark in text) else f"“{text}”"


def _verdict(data: PageData) -> Iterator[str]:
    verdict, model = data["verdict"], data["model"]
    facts = ""
    if model is not None:
        both = ", reading both ways" if model["directions"] > 1 else ""
        layers = f", {model['layers']} layers" if model["layers"] > 1 else ""
        facts = f"{model['cell']}, {model['units']:,} units{layers}{both}; "
    read = f"{data['words_total']:,} words" if verdict else f"{data['steps']:,} steps"
    if data["words_total" if verdict else "steps"] == 1:
        read = read.removesuffix("s")
    title = escaped(data["title"])
    yield element(
        "p", element("b", title, style="font-size:1.35em"), " ", _soft(f"{facts}{read}"), style="margin:0"
    )
    if verdict is None:
        return
    shown = verdict["probabilities"][:_MOST_LABELS]
    rest = len(verdict["probabilities"]) - len(shown)
    yield element("div", *(_bar(data, label, share) for label, share in shown), style=_CHANCES)
    names = [f"{element('bdi', escaped(label))} {escaped(percent(share))}" for label, share in shown]
    more = [f"… {rest:,} more"] if rest else []
    yield element("p", " · ".join([*names, *more]), style="margin:.1em 0 .4em;opacity:.75;font-size:.92em")


_CHANCES = "display:flex;height:7px;max-width:46em;margin:.4em 0 .1em;border-radius:3px;overflow:hidden"


def _bar(data: PageData, label: str, share: float) -> str:
    side = side_of(data, label)
    colour = see_through(SIDES[side], 0.9) if side else see_through(_GREY, 0.3 + 0.7 * share)
    return element("span", style=f"flex:{max(share, 1e-4):.4f} 0 1px;background:{colour};margin-right:1px")


def _soft(text: str) -> str:
    return element("span", escaped(text), style="opacity:.75;font-size:.92em")


def _text(data: PageData) -> Iterator[str]:
    push, words = data["push"], data["words"]
    if data["verdict"] is None or not words:
        return
    largest = largest_score(data)
    shown = "".join(escaped(word["before"]) + _word(word, push, largest) for word in words)
    yield element("p", shown, style=_TEXT, dir="auto")
    if push is not None:
        other = side_towards(push, -1.0)
        key = (
            _sample(push["up"], "+", f"pushes towards {push['target']}"),
            _sample(other, "−", f"pushes towards {push['against']}"),
        )
        yield element("p", "   ".join(key), style=_SOFT)
    yield caption_html(data["captions"].get("sentence", []), words)


def _word(word: WordItem, push: Push | None, largest: float) -> str:
    text = escaped(word["text"])
    if word["gap"]:
        return element("i", text, style="opacity:.75")
    score = word["score"] or 0.0
    size = min(abs(score) / largest, 1.0)
    if push is None or size < 0.02:
        return element("bdi", text)
    colour = SIDES[side_towards(push, score)]
    kind = "solid" if score > 0 else "dashed"
    edge = f";border-bottom:2px {kind} {see_through(colour, 0.35 + 0.65 * size)}" if size > 0.12 else ""
    style = f"{_WORD};background:{see_through(colour, _STRONGEST * size)}{edge}"
    return element("b" if size > _STRONG else "bdi", text, style=style, title=f"{score:+.2f}")


def _sample(side: str, sign: str, meaning: str) -> str:
    style = f"{_WORD};padding:1px 8px;background:{see_through(SIDES[side], _STRONGEST)}"
    return f"{element('span', sign, style=style)} {element('bdi', escaped(meaning))}"


def _top_words(data: PageData) -> Iterator[str]:
    """A table of the words that push most: it says in numbers what the colours say."""
    push = data["push"]
    if push is None:
        return
    largest = largest_score(data)
    words = [word for word in data["words"] if word["score"] and not word["gap"]]
    top = sorted(words, key=lambda word: -abs(word["score"] or 0.0))[:_TOP_WORDS]
    if not top:
        return
    rows = [
        (
            element("bdi", escaped(cut(word["text"], _LONGEST))),
            f"{word['score'] or 0.0:+.2f}",
            _push_bar(push, word["score"] or 0.0, largest),
            element("bdi", escaped(push["target" if (word["score"] or 0.0) > 0 else "against"])),
        )
        for word in top
    ]
    more = len(words) - len(top)
    yield table(rows, head=("word", "logits", "", "towards"), align="<><<")
    method = f"Scores: {push['method']}: {push['meaning']}."
    note = f" {push['note'][0].upper()}{push['note'][1:]}." if push["note"] else ""
    yield element("p", escaped((f"… {more:,} more. " if more else "") + method + note), style=_SOFT)


def _push_bar(push: Push, score: float, largest: float) -> str:
    colour = see_through(SIDES[side_towards(push, score)], 0.85)
    width = max(round(120 * min(abs(score) / largest, 1.0)), 1)
    return element(
        "span",
        style=f"display:inline-block;height:.7em;width:{width}px;background:{colour};border-radius:2px",
    )


def _trust(data: PageData) -> str:
    """The sentence about deleted words, and the curves of the target's probability."""
    trust, push = data["trust"], data["push"]
    said = caption_html(data["captions"].get("trust", []), data["words"])
    if trust is None or push is None or len(trust["deleted"]) < 2 or not said:
        return said
    ways = {"scores": ("by score", f'stroke="rgb{SIDES[push["up"]]}" stroke-width="2"')}
    ways["random"] = ("at random", 'stroke="currentColor" stroke-opacity=".45" stroke-width="1.5"')
    ways["greedy"] = ("best order found", 'stroke="currentColor" stroke-dasharray="4 3" stroke-width="1.5"')
    lines: list[str] = []
    keys: list[str] = []
    for curve in trust["curves"]:
        name, ink = ways[curve["name"]]
        pairs = zip(trust["deleted"], curve["values"], strict=True)
        path = " ".join(f"{30 + 250 * (x or 0.0):.1f},{8 + 84 * (1 - (y or 0.0)):.1f}" for x, y in pairs)
        lines.append(f'<polyline fill="none" {ink} points="{path}"/>')
        keys.append(f'<svg width="26" height="8"><line x1="0" x2="24" y1="4" y2="4" {ink}/></svg> {name}')
    axis = 'stroke="currentColor" stroke-opacity=".3"'
    letters = 'font-size="10" fill="currentColor" fill-opacity=".75"'
    frame = (
        f'<line x1="30" x2="280" y1="8" y2="8" {axis}/><line x1="30" x2="280" y1="92" y2="92" {axis}/>'
        f'<text x="26" y="12" text-anchor="end" {letters}>1</text><text x="26" y="95" text-anchor="end" {letters}>0</text>'
        f'<text x="30" y="106" {letters}>all words</text><text x="280" y="106" text-anchor="end" {letters}>none</text>'
    )
    label = escaped(f"Probability of {push['target']} as words are deleted")
    drawing = f'<svg width="290" height="112" role="img" aria-label="{label}">{frame}{"".join(lines)}</svg>'
    head = element("p", f"{label}: {' · '.join(keys)}", style=_SOFT)
    return said + head + element("div", drawing)


def _notes(data: PageData) -> list[str]:
    """What is left out, but for what nobody asked for: an explanation alone has no gates."""
    return [
        note for note in data["notes"] if data["tracks"] or not re.match("Gates, belt and gradients", note)
    ]
