"""A small classifier made by hand: it counts good and bad words, so that its answers are known."""

from __future__ import annotations

import dataclasses

import numpy as np

from peephole.classifier import Classifier, ModelConfig, Tokenizer

GOOD, BAD = "good fine great", "bad dull awful"


def word_counter() -> Classifier:
    """Says "positive" of a text that ends with a good word, "negative" of one that ends with a bad word."""
    tokenizer = Tokenizer.train([f"{GOOD} {BAD} the a film was"] * 3, kind="word", vocabulary=300)
    config = ModelConfig.default(
        vocabulary=tokenizer.vocabulary_size,
        labels=["negative", "positive"],
        cell="rnn",
        embedding=1,
        hidden_size=1,
        bidirectional=False,
        pooling=("last",),
        head=0,
    )
    config = config.replace(preprocessing=dataclasses.replace(config.preprocessing, tokenizer="word"))
    weights = {name: np.zeros(shape, np.float32) for name, shape in config.parameter_shapes().items()}
    for words, value in ((GOOD, 2.0), (BAD, -2.0)):
        for word in words.split():
            weights["embedding.weight"][tokenizer.encode(word)[0]] = value
    weights["recurrent.weight_ih_l0"][:] = 1.0
    weights["output.weight"][:] = [[-3.0], [3.0]]
    return Classifier(config, tokenizer, weights)
