"""A network that begins with the tokens and vectors of its teacher."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from peephole.classifier import Classifier, ModelConfig, load
from peephole.errors import OptionError
from peephole.training import train
from peephole.training.inherited import SPREAD, inherited_vectors
from peephole.training.machine import Machine
from peephole.training.prepare import prepare
from support.models import word_counter
from support.tolerances import FLOAT32


@pytest.fixture
def teacher(tmp_path):
    """A model of random numbers, with five features for a token."""
    counter = word_counter()
    config = ModelConfig.default(
        vocabulary=counter.tokenizer.vocabulary_size,
        labels=["negative", "positive"],
        embedding=5,
        hidden_size=3,
    )
    config = config.replace(preprocessing=counter.config.preprocessing)
    chance = np.random.default_rng(5)
    weights = {
        name: chance.standard_normal(shape).astype(np.float32)
        for name, shape in config.parameter_shapes().items()
    }
    return Classifier(config, counter.tokenizer, weights).save(tmp_path / "teacher")


def test_vectors_are_the_principal_components(teacher) -> None:
    classifier = load(teacher)
    given = classifier.weights["embedding.weight"]
    _, _, axes = np.linalg.svd(given - given.mean(0), full_matrices=False)
    width = 2
    found = inherited_vectors(classifier, width)
    expected = (given - given.mean(0)) @ axes[:width].T
    expected *= SPREAD / expected.std()
    signs = np.sign((found * expected).sum(0))  # an axis may point either way
    np.testing.assert_allclose(found, expected * signs, atol=1e-5)


def test_as_many_features_as_the_teacher_keep_all_distances(teacher) -> None:
    classifier = load(teacher)
    given = classifier.weights["embedding.weight"].astype(np.float64)
    found = inherited_vectors(classifier, given.shape[1] + 3)
    assert not found[:, given.shape[1] :].any()
    ours, theirs = (np.linalg.norm(m[:, None] - m[None], axis=-1) for m in (found[:40], given[:40]))
    there = theirs > 0
    ratio = ours[there] / theirs[there]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)


def test_the_run_takes_the_teacher_s_tokens_and_starts_from_its_vectors(
    request_for, listener, teacher, tiny
) -> None:
    recipe = dataclasses.replace(tiny, embeddings="teacher", vocabulary=None)
    request = request_for(teachers=(teacher,), recipe=recipe)
    data = prepare(request, listener(), Machine())
    theirs = load(teacher)
    assert data.tokenizer.to_json() == theirs.tokenizer.to_json()
    assert data.tokenizer.vocabulary_size == theirs.tokenizer.vocabulary_size
    assert data.vectors is not None
    torch.testing.assert_close(
        torch.from_numpy(data.vectors),
        torch.from_numpy(inherited_vectors(theirs, recipe.embedding)),
        **FLOAT32,
    )
    result = train(request, progress=listener())
    assert load(result.output).tokenizer.to_json() == theirs.tokenizer.to_json()


def test_other_tokens_than_the_teacher_s_are_refused(request_for, listener, teacher, tiny) -> None:
    recipe = dataclasses.replace(tiny, embeddings="teacher", vocabulary=700, lowercase=False)
    with pytest.raises(OptionError, match=r"vocabulary: the teacher has 300; got 700"):
        prepare(request_for(teachers=(teacher,), recipe=recipe), listener(), Machine())
    with pytest.raises(OptionError, match="needs a teacher"):
        request_for(recipe=dataclasses.replace(tiny, embeddings="teacher"))
