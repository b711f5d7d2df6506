"""What a terminal and a notebook read off the document of a page alike."""

from __future__ import annotations

from collections.abc import Sequence

from peephole.insight.page.schema import Caption, Numbers, PageData, Push, WordItem
from peephole.insight.visible import fitted


def word_mean(numbers: Numbers, word: WordItem) -> float:
    """Return the mean of a word's columns."""
    own = numbers[word["first"] : word["end"]]
    return sum(number or 0.0 for number in own) / max(len(own), 1)


def largest_score(data: PageData) -> float:
    """Return the size of the largest score of a word; 1 where there is none."""
    return max((abs(word["score"] or 0.0) for word in data["words"] if not word["gap"]), default=0.0) or 1.0


def side_of(data: PageData, label: str) -> str | None:
    """Return the side of a label, ``"a"`` or ``"b"``; None for one that the words do not push towards."""
    push = data["push"]
    if push is None or label not in (push["target"], push["against"]):
        return None
    return side_towards(push, 1.0 if label == push["target"] else -1.0)


def side_towards(push: Push, score: float) -> str:
    """Return the side that a score pushes towards.

    Example:
        >>> side_towards({"up": "a"}, -1.0)
        'b'
    """
    return push["up"] if score > 0 else "b" if push["up"] == "a" else "a"


def said(caption: Caption, words: Sequence[WordItem]) -> str:
    """Return a sentence as text, its words in quotation marks."""
    parts = [part if isinstance(part, str) else f"“{fitted(words[part]['text'], 40)}”" for part in caption]
    return "".join(parts).replace("““", "“").replace("””", "”").replace("” “", " ").replace("”“", "")


def cut(text: str, most: int) -> str:
    """Return a text, its end as ``…`` where it has more than `most` characters.

    Example:
        >>> cut("extraordinarily", 8)
        'extraor…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"
