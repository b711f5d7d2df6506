"""The variants of `recipes.py`: the default recipe, and one change at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STORAGES = ("float16", "int8")  # variants that are not trained: the default's model, stored otherwise


@dataclass(frozen=True)
class Variant:
    """One change of the default.

    Args:
        title: what it is, for the table.
        changes: settings of the recipe.
        needs: options of this program that it cannot do without; ``unlabelled``, ``teacher`` and ``language_model``
            are handed on.
    """

    title: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


VARIANTS = {
    "default": Variant("the default"),
    "float16": Variant("its matrices in float16"),
    "int8": Variant("its matrices in int8"),
    "no-adversary": Variant("no adversarial training", {"adversarial": 0.0}),
    "random-vectors": Variant("vectors start at random, not from the corpus", {"embeddings": "random"}),
    "no-word-dropout": Variant("no word dropout", {"word_dropout": 0.0}),
    "no-embedding-dropout": Variant("no dropout of features for a whole text", {"embedding_dropout": 0.0}),
    "virtual": Variant(
        "virtual adversarial training, unlabelled texts", {"virtual_adversarial": 1.0}, ("unlabelled",)
    ),
    "mixed": Variant(
        "the mixed objective, unlabelled texts",
        {"virtual_adversarial": 1.0, "entropy": 1.0},
        ("unlabelled",),
    ),
    "raw-weights": Variant("no averaging of weights", {"evaluate": "raw"}),
    "no-smoothing": Variant("no label smoothing", {"label_smoothing": 0.0}),
    "teacher": Variant("a teacher, unlabelled texts", {}, ("teacher", "unlabelled")),
    "language-model": Variant("start from a language model", {}, ("language_model",)),
    "virtual-labelled": Variant("virtual adversarial training, labels alone", {"virtual_adversarial": 1.0}),
    "bf16": Variant("recurrent layers in bfloat16", {"precision": "bf16"}),
}
