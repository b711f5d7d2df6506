"""Small classifiers with random weights, for tests of what surrounds a trained one."""

from __future__ import annotations

from typing import Any

import numpy as np

from peephole.classifier import Classifier, ModelConfig, Preprocessing, Tokenizer

TEXTS = [
    "A good film, not bad at all!",
    "it's the worst film I have ever seen; don't go",
    "Good acting, bad story. The end was good.",
    "",
    "wasn't it nice? It was NOT.",
    "on the whole a very very long and tiring evening with a good end" * 3,
]


def small_tokenizer(kind: Any = "bpe", **options: Any) -> Tokenizer:
    """A tokenizer of the texts above."""
    return Tokenizer.train(TEXTS * 2, kind=kind, vocabulary=320, **options)


def random_weights(config: ModelConfig, seed: int = 0, scale: float = 0.5) -> dict[str, Any]:
    """Normal weights by name, float32."""
    rng = np.random.default_rng(seed)
    shapes = config.parameter_shapes()
    return {name: rng.normal(0, scale, shape).astype(np.float32) for name, shape in shapes.items()}


def small_classifier(kind: Any = "bpe", seed: int = 0, **options: Any) -> Classifier:
    """A classifier whose answers differ from text to text; `options` go to `ModelConfig.default`."""
    tokenizer = small_tokenizer(kind)
    sizes: dict[str, Any] = {"labels": ["bad", "good", "odd"], "embedding": 6, "hidden_size": 5, "head": 4}
    config = ModelConfig.default(
        vocabulary=tokenizer.vocabulary_size, preprocessing=Preprocessing(tokenizer=kind), **(sizes | options)
    )
    return Classifier(config, tokenizer, random_weights(config, seed))
