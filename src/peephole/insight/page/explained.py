"""The parts of a page that come from an explanation: scores of words, phrases, and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

from peephole.insight.explanations import Explanation, methods
from peephole.insight.page.columns import Place
from peephole.insight.page.packing import short, shorts
from peephole.insight.page.schema import Curve, PhraseItem, Push, Trust
from peephole.insight.visible import visible


def push_of(explanation: Explanation) -> Push:
    """Return what the scores of the words are."""
    labels = explanation.text.labels
    summaries = {method.name: method.summary for method in methods()}
    return {
        "method": explanation.method,
        "meaning": summaries[explanation.method],
        "target": visible(explanation.target),
        "against": visible(explanation.against),
        "value": short(explanation.value),
        "base": short(explanation.base),
        "gap": short(explanation.gap),
        "note": explanation.note,
        "up": "b" if len(labels) == 2 and explanation.target == labels[0] else "a",
    }


def phrases_of(explanation: Explanation, places: Sequence[Place]) -> list[PhraseItem]:
    """Return the phrases of the tree, each after its parts, the whole text last; none for a text whose words share a column."""
    if explanation.phrases is None or len(places) != len(explanation.text.words):
        return []
    found: list[PhraseItem] = []
    positions: dict[int, int] = {}
    for one in explanation.phrases.walk():
        parts = [positions[id(part)] for part in one.parts]
        positions[id(one)] = len(found)
        level = 1 + max((found[part]["level"] for part in parts), default=-1)
        score, joined = short(one.score), short(one.interaction)
        found.append(
            {
                "first": one.first,
                "end": one.end,
                "score": score,
                "interaction": joined,
                "parts": parts,
                "level": level,
            }
        )
    return found


def trust_of(explanation: Explanation) -> Trust | None:
    """Return how the answer falls when words are deleted; None where that was not measured."""
    found = explanation.faithfulness
    if found is None:
        return None
    curves: list[Curve] = [
        {"name": "scores", "values": shorts(found.curve)},
        {"name": "random", "values": shorts(found.random_curve)},
    ]
    if found.greedy_curve:
        curves.append({"name": "greedy", "values": shorts(found.greedy_curve)})
    return {
        "area": short(found.area),
        "random": short(found.random),
        "greedy": short(found.greedy),
        "normalised": short(found.normalised),
        "comprehensiveness": short(found.comprehensiveness),
        "sufficiency": short(found.sufficiency),
        "deleted": shorts(found.deleted),
        "curves": curves,
        "units": found.units,
    }
