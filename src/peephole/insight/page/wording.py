"""How sentences about a text are put together."""

from __future__ import annotations

from collections.abc import Sequence

from peephole.insight.page.schema import Caption, WordItem


def percent(share: float) -> str:
    """Write a share as a whole percentage; what is not quite nothing or all is not written as such.

    Example:
        >>> percent(0.314), percent(0.0004), percent(0.9996)
        ('31 %', 'under 1 %', 'over 99 %')
    """
    if 0 < share < 0.005:
        return "under 1 %"
    if 0.995 <= share < 1:
        return "over 99 %"
    return f"{100 * share:.0f} %"


def listed(words: Sequence[int]) -> Caption:
    """Write words one after the other: ``a, b and c``.

    Example:
        >>> listed([4, 2, 7])
        [4, ', ', 2, ' and ', 7]
    """
    caption: Caption = []
    for place, word in enumerate(words):
        if place:
            caption.append(("", ", ", " and ")[joint(place, len(words))])
        caption.append(word)
    return caption


def joint(place: int, count: int) -> int:
    """Return what stands before an item of a list: 0, nothing, the first; 2, "and", the last; 1, a comma, the others."""
    return 0 if place == 0 else 2 if place == count - 1 else 1


def distinct(order: Sequence[int], words: Sequence[WordItem]) -> list[int]:
    """Return, of words that are spelt alike, the first."""
    seen: dict[str, int] = {}
    for n in order:
        seen.setdefault(words[n]["text"].lower(), n)
    return list(seen.values())


def word_at(column: int, words: Sequence[WordItem]) -> str | int:
    """Return the word that has a column; where none has, what to call the step."""
    found = [n for n, word in enumerate(words) if word["first"] <= column < word["end"]]
    return found[0] if found else f"step {column + 1}"


def joined(caption: Caption) -> Caption:
    """Return a caption with neighbouring texts as one, and no space at its end."""
    result: Caption = []
    for part in caption:
        last = result[-1] if result else None
        if isinstance(part, str) and isinstance(last, str):
            result[-1] = last + part
        else:
            result.append(part)
    if result and isinstance(result[-1], str):
        result[-1] = result[-1].rstrip()
    return result
