"""Settings that depend on the size of the corpus: what the recipe leaves open is chosen here.

Each rule is a function of two counts, the training texts and their words, and the comment beside it says why it
has its form. The constants were set on the development splits of three public corpora (5 thousand questions,
48 thousand tweets, 25 thousand film reviews) and on the built-in sample; none was fitted to one of them alone.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from peephole.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class CorpusSize:
    """How large the training part of a corpus is.

    Args:
        texts: training texts, at least 1.
        words: their words, separated by white space.
    """

    texts: int
    words: int


def vocabulary_for(size: CorpusSize) -> int:
    """Return the number of tokens to know: 16,000 for a corpus of reviews, fewer for a smaller one.

    Distinct words grow about as the square root of the words (Heaps' law), and a token seen a few times has a
    vector that was hardly trained.

    Example:
        >>> [vocabulary_for(CorpusSize(1, words)) for words in (1_000, 50_000, 900_000, 5_200_000)]
        [1000, 2200, 9500, 16000]
    """
    return min(16_000, max(1_000, 100 * round(math.sqrt(size.words) / 10)))


def batch_rows_for(size: CorpusSize) -> int:
    """Return the most texts in a batch: 16 to 64, so that a small corpus still gives many steps a pass.

    Example:
        >>> [batch_rows_for(CorpusSize(texts, 0)) for texts in (300, 5_000, 48_000)]
        [16, 33, 64]
    """
    return min(64, max(16, size.texts // 150))


def epochs_for(steps_an_epoch: int) -> int:
    """Return the passes: three, or as many as 1,500 steps need, at most thirty.

    The one-cycle schedule needs room to rise and fall; below about a thousand steps the network has not left
    the guess of the commonest class on some corpora.

    Args:
        steps_an_epoch: optimiser steps of one pass, at least 1.

    Example:
        >>> [epochs_for(steps) for steps in (700, 150, 10)]
        [3, 10, 30]
    """
    return min(30, max(3, math.ceil(1_500 / steps_an_epoch)))


def resolve_sizes(recipe: Recipe, size: CorpusSize) -> Recipe:
    """Fill in what the recipe leaves open, except `epochs`, which needs the batches.

    Example:
        >>> recipe = resolve_sizes(Recipe(), CorpusSize(texts=5_000, words=50_000))
        >>> recipe.vocabulary, recipe.batch_rows, recipe.batch_tokens
        (2200, 33, 8000)
    """
    return dataclasses.replace(
        recipe,
        vocabulary=vocabulary_for(size) if recipe.vocabulary is None else recipe.vocabulary,
        batch_rows=batch_rows_for(size) if recipe.batch_rows is None else recipe.batch_rows,
        batch_tokens=8_000 if recipe.batch_tokens is None else recipe.batch_tokens,  # 32 texts of 250 tokens
    )
