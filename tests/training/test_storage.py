"""A run that stores its model in int8: the scores are those of what it wrote."""

from __future__ import annotations

import dataclasses

import pytest

from peephole.classifier import load
from peephole.classifier.storage import Int8Rows
from peephole.evaluation import evaluate
from peephole.training import Recipe, train
from peephole.training.prepare import read_parts


def test_the_scores_are_those_of_the_numbers_that_were_written(request_for, tiny) -> None:
    request = request_for(recipe=dataclasses.replace(tiny, epochs=2, storage="int8"))
    result = train(request)
    classifier = load(result.output)
    assert classifier.config.storage == "int8"
    assert isinstance(classifier.tensors["embedding.weight"], Int8Rows)
    texts = read_parts(request).development
    labels = [classifier.labels.index(record.label) for record in texts]
    again = evaluate(classifier.predict_proba(record.text for record in texts), labels, classifier.labels)
    assert again.accuracy == result.metrics["accuracy"]
    assert again.log_loss == pytest.approx(result.metrics["log_loss"], abs=1e-6)


def test_a_recipe_knows_the_storages() -> None:
    assert Recipe().storage == "float32"
    with pytest.raises(ValueError, match=r"storage: must be one of 'float32', 'float16', 'int8'; got 'int4'"):
        Recipe(storage="int4")
