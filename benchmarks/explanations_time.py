"""How long each method takes, for `explanations.py`: a 60-word text, on one thread; and tracing a text of 400 words."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from peephole import trace
from peephole.classifier import Classifier
from peephole.insight.explanations import methods
from peephole.insight.explanations.explain import explain
from peephole.ops import limit_threads

SIXTY = (
    "This film is not nearly as bad as the critics would have you believe, and although the plot drags a little in the "
    "middle, the acting of the two leads is a joy to watch; I laughed, I cried, and I will certainly see it again with my "
    "friends when it comes out on video next year."
)


def times(model: Classifier, repeats: int = 9) -> dict[str, Any]:
    """Median milliseconds of each method's scores, then with faithfulness, and with the tree of phrases; and of a trace."""
    result: dict[str, Any] = {
        "words": len(model.tokenizer.words(SIXTY)),
        "tokens": len(model.tokenizer.encode(SIXTY)),
    }
    with limit_threads(1):
        for each in methods():
            result[each.name] = {
                "scores": median(
                    lambda name=each.name: explain(model, SIXTY, method=name, faithfulness=False), repeats
                ),
                "with_faithfulness": median(
                    lambda name=each.name: explain(model, SIXTY, method=name), repeats
                ),
            }
        text = " ".join([SIXTY] * 7)
        text = text[: model.tokenizer.words(text)[399].stop]
        result["trace_of_400_words"] = median(lambda: trace(model, text), repeats)
        result["with_phrases"] = median(
            lambda: explain(model, SIXTY, faithfulness=False, phrases=True), repeats
        )
    return result


def median(call: Callable[[], object], repeats: int) -> float:
    """Milliseconds."""
    taken: list[float] = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(1e3 * (time.perf_counter() - start))
    return float(np.median(taken))
