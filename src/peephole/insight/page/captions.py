"""What the page shows, in plain sentences made of its numbers."""

from __future__ import annotations

from collections.abc import Sequence

from peephole.insight.page.schema import Caption, PageData, PhraseItem, Push, Trust, Verdict, WordItem
from peephole.insight.page.wording import distinct, joined, listed, percent

_NOTABLE = 0.15  # of the largest score: what pushes less is not named
_SHORT = 6  # words of a phrase that is named
_CLOSE = 0.2  # between the two probabilities


def sentence_caption(verdict: Verdict | None, push: Push | None, words: Sequence[WordItem]) -> Caption:
    """Say which words pushed which way.

    Example:
        >>> word = {"text": "good", "before": "", "first": 0, "end": 1, "score": 2.0, "gap": False}
        >>> push = {"target": "positive", "against": "negative", "value": 2.0}
        >>> sentence_caption({"label": "positive", "probabilities": [("positive", 0.9), ("negative", 0.1)]}, push, [word])
        [0, ' pushes most towards positive. No word of weight pulls the other way.']
    """
    if verdict is None or push is None:
        return []
    caption: Caption = []
    shares = [share for _, share in verdict["probabilities"]]
    if len(shares) > 1 and shares[0] - shares[1] < _CLOSE:
        caption.append("It is a close call. ")
    scores = [(word["score"] or 0.0) * (not word["gap"]) for word in words]
    largest = max((abs(score) for score in scores), default=0.0)
    if not largest:
        return [*caption, "No word pushes either way."]
    order = distinct(sorted(range(len(scores)), key=lambda n: -abs(scores[n])), words)
    up = [n for n in order if scores[n] > _NOTABLE * largest][:3]
    down = [n for n in order if scores[n] < -_NOTABLE * largest][:3]
    for named, label in ((up, push["target"]), (down, push["against"])):
        if named:
            verb = ("push" if len(named) > 1 else "pushes") + " most towards"
            caption += [*listed(named), f" {verb} {label}. "]
    if not up or not down:
        caption.append(f"No word of weight pulls {'the other way' if up or down else 'anywhere'}.")
    return joined(caption)


def phrases_caption(phrases: Sequence[PhraseItem], push: Push | None, words: Sequence[WordItem]) -> Caption:
    """Say where words together say something else than each by itself."""
    pairs = [phrase for phrase in phrases if phrase["parts"] and phrase["end"] - phrase["first"] <= _SHORT]
    if push is None or not pairs:
        return []
    most = max(pairs, key=lambda phrase: abs(phrase["interaction"] or 0.0))
    score, more = most["score"] or 0.0, most["interaction"] or 0.0
    if not more:
        return ["No two neighbours say together what they do not say apart."]
    phrase: Caption = [most["first"]]
    for word in range(most["first"] + 1, most["end"]):
        phrase += [" ", word] if words[word]["before"] else [word]
    apart = f" push {_towards(score, push)} together; apart, added up, {_towards(score - more, push)}."
    return joined(["Words change each other most in “", *phrase, "”: they", apart])


def trust_caption(trust: Trust | None, push: Push | None) -> Caption:
    """Say what deleting the words in the order of their scores does, and what other orders do."""
    if trust is None or push is None or trust["area"] is None or trust["random"] is None:
        return []
    words = [
        f"Deleting words, those that push most towards {push['target']} first, lowers its probability by "
        f"{_points(trust['area'])} on average; deleting them at random, by {_points(trust['random'])}"
    ]
    if trust["greedy"] is not None:
        words.append(f"; in the best order that a search found, by {_points(trust['greedy'])}")
    words.append(".")
    if trust["normalised"] is not None:
        share = trust["normalised"]
        words.append(
            f" So the scores get {percent(share)} of the way from chance to that order."
            if share > 0
            else " So here the scores do no better than chance: do not trust them."
        )
    return ["".join(words)]


def notes(data: PageData, gap: int | None, hidden: int, reason: str) -> list[str]:
    """Say what is left out or summarised.

    Args:
        data: the document.
        gap: the column that stands for the middle of the text, or None.
        hidden: how many steps it stands for.
        reason: where there are no tracks, why.
    """
    found: list[str] = []
    if gap is not None:
        found.append(
            f"This text has {data['steps']:,} steps. Its first and last {gap:,} are drawn; the {hidden:,} between them were read "
            "like the others, and share one column, which shows their means (and the sum of their scores)."
        )
    if not data["tracks"]:
        return [*found, f"Gates, belt and gradients are not shown{reason}."]
    for some, units in sorted({(len(track["drawn"]), track["units"]) for track in data["tracks"]}):
        if some < units:
            found.append(
                f"Of {units:,} units in a layer and direction, {some:,} are drawn, evenly spaced in order of half-life, to keep "
                "this page small. Averages and sums are those of all units."
            )
    if data["verdict"] is not None and not any(track["gradient"] for track in data["tracks"]):
        found.append("Gradients are not on this page: there are no compiled kernels for this model here.")
    return found


def _points(fall: float) -> str:
    points = round(100 * fall)
    return f"{points} point" + ("" if points == 1 else "s")


def _towards(score: float, push: Push) -> str:
    return f"{abs(score):.2f} towards {push['target' if score >= 0 else 'against']}"
