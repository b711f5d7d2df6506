"""Tokens and their vectors from a teacher: the one that learns begins with what the teacher knows of each token."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peephole.classifier import Classifier
from peephole.classifier.storage import dense
from peephole.errors import OptionError
from peephole.training.recipe import Recipe, clashes, settings
from peephole.training.teachers import Teacher

SPREAD = 0.2  # standard deviation of the vectors' entries, about what the network's first weights expect

Floats = NDArray[np.float32]


def adopt_tokens(recipe: Recipe, teacher: Teacher) -> Recipe:
    """Return the recipe with a teacher's kind of tokens and their number.

    Raises:
        OptionError: a setting was given that is neither its default nor the teacher's; all of them are listed.
    """
    theirs = teacher.classifier.tokenizer
    # A tokenizer of few words knows fewer than the recipe's least number, which is the most that were asked for.
    least = int(settings()["vocabulary"].low or 0)
    wanted: dict[str, Any] = {
        "tokenizer": theirs.kind,
        "lowercase": theirs.lowercase,
        "vocabulary": max(theirs.vocabulary_size, least),
    }
    problems = clashes(recipe, wanted, "the teacher")
    if problems:
        raise OptionError(
            "\n  ".join([f"train: embeddings='teacher' takes the tokens of {teacher.path}", *problems]),
            hint="leave these settings out: they are the teacher's",
        )
    return dataclasses.replace(recipe, **wanted)


def inherited_vectors(teacher: Classifier, width: int) -> Floats:
    """Return a teacher's vectors of tokens, turned so that as few features as there are keep the most.

    Returns:
        Vectors `[V, width]`, float32: the principal components of the teacher's, all scaled alike to a standard deviation of
        0.2; features beyond the teacher's own are zero.

    Example:
        >>> import peephole
        >>> inherited_vectors(peephole.load(), 8).shape
        (16000, 8)
    """
    given = dense(teacher.tensors[f"{teacher.config.stages[0].name}.weight"])
    centred = given.astype(np.float64) - given.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    kept = min(width, axes.shape[1])
    chosen = axes[:, ::-1][:, :kept]
    # An axis may point either way: the same on every machine.
    chosen = chosen * np.where(chosen[np.abs(chosen).argmax(axis=0), np.arange(kept)] < 0, -1, 1)
    vectors = np.zeros((len(given), width), np.float32)
    vectors[:, :kept] = centred @ chosen
    return vectors * np.float32(SPREAD / max(float(vectors[:, :kept].std()), 1e-6))
