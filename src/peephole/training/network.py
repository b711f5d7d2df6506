"""The network of a run: its config from the recipe, and its first weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from peephole.classifier.config import ModelConfig
from peephole.classifier.preprocessing import Preprocessing
from peephole.classifier.tokenizer import Tokenizer
from peephole.nn.classifier import ClassifierModule
from peephole.training.embeddings import corpus_embeddings
from peephole.training.prepare import Prepared
from peephole.training.progress import Progress
from peephole.training.recipe import Recipe
from peephole.training.word_vectors import read_word_vectors


def make_config(recipe: Recipe, vocabulary: int, labels: tuple[str, ...]) -> ModelConfig:
    """Return the config of the network that a recipe describes.

    Raises:
        OptionError: the sizes or the cell's options cannot be had; all of them are listed.

    Example:
        >>> make_config(Recipe(head=0), 500, ("bad", "good")).stages[-1].kind
        'linear'
    """
    return ModelConfig.default(
        vocabulary=vocabulary,
        labels=labels,
        cell=recipe.cell,
        cell_options=recipe.cell_options,
        embedding=recipe.embedding,
        hidden_size=recipe.hidden_size,
        num_layers=recipe.layers,
        bidirectional=recipe.bidirectional,
        pooling=cast("Any", recipe.pooling),
        head=recipe.head,
        word_dropout=recipe.word_dropout,
        embedding_dropout=recipe.embedding_dropout,
        layer_dropout=recipe.layer_dropout if recipe.layers > 1 else 0.0,
        recurrent_dropout=recipe.recurrent_dropout,
        pooling_dropout=recipe.pool_dropout,
        head_dropout=recipe.head_dropout,
        preprocessing=Preprocessing(
            "word" if recipe.tokenizer == "word" else "bpe",
            recipe.lowercase,
            recipe.head_tokens,
            recipe.max_length - recipe.head_tokens,
        ),
    )


def make_network(config: ModelConfig, recipe: Recipe) -> ClassifierModule:
    """Return the network with its first weights, which are a function of the seed."""
    torch.manual_seed(recipe.seed)
    chrono_length = recipe.max_length if recipe.init == "chrono" else None
    return ClassifierModule(config, init=recipe.init, chrono_length=chrono_length)


def start_vectors(
    network: ClassifierModule, data: Prepared, word_vectors: Path | None, progress: Progress
) -> None:
    """Set the vectors of the tokens to what the recipe or a file of word vectors gives.

    Args:
        network: its embedding is changed in place.
        data: the training texts, the tokenizer and the recipe.
        word_vectors: a file of word vectors, or None.
        progress: hears what is done.

    Raises:
        OptionError, DataError: the file cannot be used.
    """
    recipe, weight = data.recipe, network.get_parameter(f"{network.config.stages[0].name}.weight")
    vectors: NDArray[np.float32] = weight.detach().numpy().copy()
    if recipe.embeddings == "corpus":
        progress.note("vectors of tokens from their neighbours in the training texts …")
        vectors = corpus_embeddings(data.whole, len(vectors), recipe.embedding, seed=recipe.seed)
    if data.vectors is not None:
        vectors = data.vectors
    if word_vectors is not None:
        words = words_of(data.tokenizer)
        read = read_word_vectors(word_vectors, words, recipe.embedding, lowercase=recipe.lowercase)
        vectors[read.found] = read.vectors[read.found]
        known = sum(word is not None for word in words)
        progress.note(f"{int(read.found.sum()):,} of {known:,} words found in {word_vectors}")
    with torch.no_grad():
        weight.copy_(torch.from_numpy(vectors))


def words_of(tokenizer: Tokenizer) -> list[str | None]:
    """Return the word that each token stands for; None where it is part of one, or a special token.

    Example:
        >>> words = words_of(Tokenizer.train(["good film", "good book"], vocabulary=280))
        >>> "good" in words, words[0]
        (True, None)
    """
    texts = tokenizer.token_texts
    if tokenizer.kind == "word":
        return [None] * 3 + list(texts[3:])
    # A byte-pair token begins a word where it begins with a space; punctuation is a word by itself.
    return [None] * 3 + [
        text[1:] if text[:1] == " " and text[1:] else text if len(text) == 1 and not text.isalnum() else None
        for text in texts[3:]
    ]
