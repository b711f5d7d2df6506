"""Estimators of texts small enough to be fitted in a blink, and one that scikit-learn's checks can be run on."""

from __future__ import annotations

from typing import Any

import numpy as np

from peephole.sklearn import TextClassifier

# What makes a fit take a blink: a network of a few hundred numbers, and few steps.
TINY: dict[str, Any] = {
    "embedding": 6,
    "hidden_size": 4,
    "head": 0,
    "epochs": 2,
    "vocabulary": 300,
    "adversarial": 0.0,
    "learning_rate": 0.03,
    "recipe": {"embeddings": "random", "average": 0.9},
}


class NumbersAsTexts(TextClassifier):
    """A `TextClassifier` of tables: each row is a text, and each number in it a word.

    scikit-learn's checks give an estimator tables of numbers. Everything but the texts is that of `TextClassifier`: parameters,
    labels, weights, fitting, answers, pickling.
    """

    def _texts(self, texts: Any, where: str) -> list[str]:
        from sklearn.utils.validation import (
            validate_data,
        )  # since scikit-learn 1.6, like the checks that need it

        table = validate_data(self, texts, reset=where.endswith(".fit"))
        return [" ".join(f"{column}x{value:.3f}" for column, value in enumerate(row)) for row in table]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array, tags.input_tags.string = True, False, False
        tags.classifier_tags.poor_score = True  # two passes of a network of four units
        return tags


def labelled(count: int = 60, seed: int = 0) -> tuple[list[str], list[str]]:
    """Return short texts and their labels, which one word decides."""
    chance = np.random.default_rng(seed)
    words = {"good": ("fine", "lovely", "great"), "bad": ("dull", "awful", "poor")}
    labels = [("good", "bad")[n % 2] for n in range(count)]
    texts = [
        f"the {chance.choice(['film', 'book', 'soup'])} number {n} was {chance.choice(words[label])}"
        for n, label in enumerate(labels)
    ]
    return texts, labels
