"""`Explanation`: what an answer is, word by word, and how far that can be trusted."""

from __future__ import annotations

import dataclasses
from typing import Any

from peephole.insight.explanations.case import Numbers
from peephole.insight.explanations.faithfulness import Faithfulness
from peephole.insight.explanations.phrases import Phrase
from peephole.insight.trace import TracedText


@dataclasses.dataclass(frozen=True, eq=False)
class Explanation:
    """Why a classifier answers as it does.

    Where the method promises a sum, ``base + scores.sum() + gap == value``.

    Attributes:
        text: the text, its words and the answer.
        method: the name of the method that was used; of `methods`.
        target: the label that is explained.
        against: the strongest of the others, with which it is compared.
        value: the logit of `target` less that of `against`, before the temperature.
        base: what that is without any word, as the method sees it; None where the method has no such thing.
        scores: `[W]` float64, how much each of `text.words` speaks for `target`, or, where negative, against it.
        gap: what base and scores leave out of the value; None where the method promises no sum.
        deviation: how far an identity that the method rests on is off, at most; None where there is no other than the sum.
        note: what a reader has to know; may be empty.
        faithfulness: how the answer changes when the highest words are deleted; None where it was not asked for, the text has no
            word, or is too long.
        phrases: the tree of phrases; None where it was not asked for, or the text has no word or more than 100.
    """

    text: TracedText
    method: str
    target: str
    against: str
    value: float
    base: float | None
    scores: Numbers
    gap: float | None
    deviation: float | None
    note: str
    faithfulness: Faithfulness | None = None
    phrases: Phrase | None = None

    def top(self, count: int = 10) -> list[tuple[str, float]]:
        """Return the words with the largest scores, whichever sign they have, each with its score."""
        order = (-abs(self.scores)).argsort(kind="stable")[:count]
        return [(self.text.words[k].text, float(self.scores[k])) for k in order.tolist()]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as what JSON has: dicts, lists, text, numbers, None."""
        words = [
            {"text": word.text, "start": word.start, "stop": word.stop, "score": score}
            for word, score in zip(self.text.words, self.scores.tolist(), strict=True)
        ]
        probabilities = dict(zip(self.text.labels, self.text.probabilities.tolist(), strict=True))
        return {
            "text": self.text.text,
            "label": self.text.label,
            "probabilities": probabilities,
            "method": self.method,
            "target": self.target,
            "against": self.against,
            "value": self.value,
            "base": self.base,
            "gap": self.gap,
            "deviation": self.deviation,
            "note": self.note,
            "words": words,
            "faithfulness": None if self.faithfulness is None else self.faithfulness.to_dict(),
            "phrases": None if self.phrases is None else self.phrases.to_dict(),
        }

    def _repr_html_(self) -> str:
        """What a notebook shows: the words, the phrases and how far they can be trusted."""
        from peephole.insight.page import still  # which is made of explanations

        return still(None, self)

    def __repr__(self) -> str:
        words = ", ".join(f"{word!r} {score:+.2f}" for word, score in self.top(5))
        return (
            f"Explanation({self.target!r} over {self.against!r} by {self.value:.2f}, {self.method}: {words})"
        )
