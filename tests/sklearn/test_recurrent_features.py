"""`RecurrentFeatures` gives what the classifier's head is given, in the order of its names."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

import peephole
from peephole.classifier import ModelConfig, Tokenizer
from peephole.classifier.features import pooled_features
from peephole.classifier.model import Classifier
from peephole.classifier.stages import Embedding, Linear, Pooling
from peephole.errors import ModelError, OptionError, TextTypeError
from peephole.sklearn import RecurrentFeatures

TEXTS = ["A fine film.", "", "Dull, and far too long; but the music is lovely."]


def test_the_head_makes_the_models_own_logits_of_them() -> None:
    model = peephole.load()
    features = RecurrentFeatures().fit_transform(TEXTS)
    assert features.dtype == np.float32
    expected = model.logits(model.tokenizer.encode_batch(TEXTS))
    np.testing.assert_allclose(model.forward.finish(features), expected, rtol=0, atol=1e-6)
    assert not features[1].any()


def test_names_say_what_a_feature_is() -> None:
    model = peephole.load()
    transformer = RecurrentFeatures(model=model, pooling=("mean", "last")).fit()
    names = transformer.get_feature_names_out()
    assert len(names) == transformer.n_features_out_ == len(set(names))
    column = {name: index for index, name in enumerate(names)}
    width = sum(name.startswith("mean_forward_") for name in names)
    assert names[:2].tolist() == ["mean_forward_0", "mean_forward_1"]
    assert names[width] == "mean_reverse_0"
    # One token: its mean is its last state, in both directions.
    one = transformer.transform(["good"])
    for direction in ("forward", "reverse"):
        mean, last = (
            one[0, [column[f"{kind}_{direction}_{unit}"] for unit in range(width)]]
            for kind in ("mean", "last")
        )
        np.testing.assert_allclose(mean, last, rtol=0, atol=1e-6)


def test_a_text_has_its_features_whatever_stands_beside_it() -> None:
    together = RecurrentFeatures().transform(TEXTS * 50)
    np.testing.assert_allclose(together[99:102], RecurrentFeatures().transform(TEXTS), rtol=0, atol=1e-5)


def test_it_is_cloned_and_works_without_fit() -> None:
    transformer = clone(RecurrentFeatures(pooling=["max"]))
    assert np.array_equal(transformer.transform(TEXTS), transformer.fit(TEXTS).transform(TEXTS))
    assert transformer.transform([]).shape == (0, transformer.n_features_out_)


def test_a_table_of_pandas_has_the_names() -> None:
    pytest.importorskip("pandas")
    table = RecurrentFeatures(pooling=("mean",)).set_output(transform="pandas").fit_transform(TEXTS)
    assert list(table.columns[:1]) == ["mean_forward_0"]


def test_what_cannot_be_had_is_refused() -> None:
    with pytest.raises(
        OptionError, match=r"pooling: must be of 'max', 'mean', 'last'; got 'men' \(did you mean 'mean'"
    ):
        RecurrentFeatures(pooling=("men",)).fit()
    with pytest.raises(OptionError, match="each once"):
        RecurrentFeatures(pooling=()).fit()
    with pytest.raises(ModelError, match="no such model"):
        RecurrentFeatures(model="nowhere").fit()
    with pytest.raises(TextTypeError, match=r"RecurrentFeatures\.transform: X\[0\]: must be a str"):
        RecurrentFeatures().transform([3])


def test_a_model_without_a_recurrent_layer_has_features_of_its_own() -> None:
    tokenizer = Tokenizer.train(["a good film", "a bad film"], vocabulary=270)
    stages = (Embedding(tokenizer.vocabulary_size, 5), Pooling(("mean",)), Linear(2, "none", "output"))
    config = ModelConfig(stages, ("bad", "good"))
    chance = np.random.default_rng(0)
    weights = {name: chance.normal(size=shape) for name, shape in config.parameter_shapes().items()}
    model = Classifier(config, tokenizer, weights)
    transformer = RecurrentFeatures(model=model).fit()
    assert transformer.get_feature_names_out().tolist() == [f"mean_{unit}" for unit in range(5)]
    (ids,) = tokenizer.encode_batch(["a good film"])
    expected = weights["embedding.weight"][ids].mean(axis=0)
    np.testing.assert_allclose(transformer.transform(["a good film"])[0], expected, rtol=0, atol=1e-6)
    with pytest.raises(OptionError, match="'last' needs a model whose last layer"):
        pooled_features(model, TEXTS, ("last",))
