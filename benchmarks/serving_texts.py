"""Texts as long as reviews, and what the library answers to them; for `serving.py`."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from random import Random
from typing import Any

from peephole.classifier import Classifier
from peephole.reading import read
from peephole.reading.sample import sample_reviews

_WORDS, _SPREAD = 180, 0.72  # of the reviews of IMDB: the median, and the deviation of the logarithm
_MOST_WORDS = 2000


def review_texts(data: Path | None, count: int) -> list[str]:
    """Return `count` texts: the first of a file, or synthetic reviews put together to the lengths of real ones."""
    if data is not None:
        return [record.text for record in itertools.islice(read([data], labels="absent"), count)]
    random = Random(0)
    sentences = itertools.cycle([record.text for record in sample_reviews("train", 2000, 0)])
    texts: list[str] = []
    for _ in range(count):
        wanted = min(_MOST_WORDS, random.lognormvariate(math.log(_WORDS), _SPREAD))
        parts: list[str] = []
        while sum(len(part.split()) for part in parts) < wanted:
            parts.append(next(sentences))
        texts.append(" ".join(parts))
    return texts


def answers(classifier: Classifier, texts: list[str]) -> list[dict[str, float]]:
    """Return for each text the probability of each label, as the library gives it."""
    return [dict(found.probabilities) for found in classifier.predict(texts)]


def described(classifier: Classifier, texts: list[str]) -> dict[str, Any]:
    """Return how many texts there are, and how long."""
    lengths = sorted(map(len, classifier.tokenizer.encode_batch(texts)))
    return {
        "count": len(texts),
        "tokens": sum(lengths),
        "median_tokens": lengths[len(lengths) // 2],
        "longest_tokens": lengths[-1],
    }
