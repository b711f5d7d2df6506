"""Gradients and memory of networks simple enough to be known by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import peephole.nn as ours
from peephole.classifier import Classifier, ModelConfig, Tokenizer
from peephole.insight import highway, trace
from peephole.nn.classifier import ClassifierModule
from peephole.ops.library import library
from peephole.studies.measures import (
    median_curve,
    memory_of_classifier,
    memory_of_layer,
    rounded,
    survival_half_life,
)

pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)


def still(layer: Any, **biases: float) -> Any:
    """A layer whose gates are constants: no weights, and these biases."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        for k, gate in enumerate(layer.cell.gates):
            layer.bias_ih_l0.view(len(layer.cell.gates), -1)[k] = biases.get(gate, 0.0)
    return layer


def test_gates_that_stand_still_keep_what_they_keep() -> None:
    sigmoid = 1 / (1 + math.exp(-1.5))
    layers = [
        still(ours.LSTM(2, 3), f=1.5, g=1.0),
        still(ours.PeepholeLSTM(2, 3), f=1.5, g=1.0),
        still(ours.GRU(2, 3), z=1.5, n=1.0),
    ]
    for layer in layers:
        found = memory_of_layer(layer, np.zeros((6, 4, 2)), [6, 6, 5, 3], np.ones((1, 3)))
        assert found.survival == pytest.approx([sigmoid**k for k in range(6)], rel=1e-3)
        assert survival_half_life(found.survival) == pytest.approx(
            math.log(0.5) / math.log(sigmoid), rel=1e-3
        )
        assert found.memory_half_lives == pytest.approx([math.log(0.5) / math.log(sigmoid)] * 3, rel=1e-3)


def test_a_plain_network_multiplies_by_its_slope_and_has_no_memory_of_its_own() -> None:
    layer = still(ours.RNN(1, 1))
    with torch.no_grad():
        layer.weight_hh_l0.fill_(0.8)
        layer.bias_ih_l0.fill_(0.3)
    h, slopes = 0.0, []
    for _ in range(5):
        h = math.tanh(0.8 * h + 0.3)
        slopes.append(0.8 * (1 - h * h))
    expected = [math.prod(slopes[5 - k :]) for k in range(5)]
    found = memory_of_layer(layer, np.zeros((5, 2, 1)), [5, 5], np.array([[-2.0]]))
    assert found.survival == pytest.approx(expected, rel=1e-3)
    assert found.survival_in_h == found.survival
    assert found.memory_half_lives == []


def test_the_gradient_is_that_of_the_two_best_outputs() -> None:
    # Two units that decay unlike each other: which outputs are compared decides which is seen.
    layer = still(ours.GRU(1, 2), n=1.0)
    with torch.no_grad():
        layer.bias_ih_l0[2], layer.bias_ih_l0[3] = 2.0, -2.0  # z of the two units
    keep = [1 / (1 + math.exp(-2)), 1 / (1 + math.exp(2))]
    x = np.zeros((4, 1, 1))
    # The second output is lowest; best and next best differ in the first unit alone, or in the second alone.
    for unit in (0, 1):
        readout = np.array([[1.0, 1.0], [-9.0, -9.0], [1.0, 1.0]])
        readout[2, unit] += 0.5
        found = memory_of_layer(layer, x, [4], readout)
        assert found.survival == pytest.approx([keep[unit] ** k for k in range(4)], rel=1e-3)
        lives = [math.log(0.5) / math.log(keep[unit]) for unit in (1, 0)]  # the shortest first
        assert found.memory_half_lives == pytest.approx(lives, rel=1e-3)


def test_an_lstm_hands_gradients_on_in_its_cell() -> None:
    torch.manual_seed(1)
    layer = ours.LSTM(2, 8, init="orthogonal", forget_bias=3.0)
    found = memory_of_layer(
        layer, np.random.default_rng(0).normal(size=(30, 16, 2)), [30] * 16, np.ones((1, 8))
    )
    assert found.survival[20] is not None
    assert found.survival_in_h[20] is not None
    assert found.survival[1] > 0.8
    assert found.survival_in_h[1] < 0.5


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return ["a good film and a long one", "a bad film", "not good, not bad, but long", "film"]


def made(texts: list[str], **options: Any) -> Classifier:
    tokenizer = Tokenizer.train(texts, vocabulary=280)
    config = ModelConfig.default(
        vocabulary=tokenizer.vocabulary_size,
        labels=["bad", "good", "so so"],
        embedding=6,
        hidden_size=5,
        **options,
    )
    torch.manual_seed(3)
    return Classifier(config, tokenizer, ClassifierModule(config).export())


def test_a_classifier_that_reads_the_last_state_alone(texts: list[str]) -> None:
    classifier = made(texts, bidirectional=False, pooling=("last",), cell="gru")
    found = memory_of_classifier(classifier, texts)
    direct = highway(trace(classifier, texts)).tracks["layer0.forward"].survival  # the margin's own gradient
    assert found.survival == pytest.approx(direct.median.tolist(), rel=1e-3)
    assert len(found.memory_half_lives) == 5


def test_a_classifier_that_pools_in_both_directions(texts: list[str]) -> None:
    found = memory_of_classifier(made(texts, pooling=("max", "mean"), num_layers=2), texts)
    longest = max(len(ids) for ids in made(texts).tokenizer.encode_batch(texts))
    assert len(found.survival) == longest
    assert found.survival[0] == 1.0
    assert found.survival[5] < 1.0  # what pooling adds on the way is not counted
    assert len(found.memory_half_lives) == 2 * 2 * 5


def test_what_all_ways_of_pooling_read_is_put_at_the_last_step(texts: list[str]) -> None:
    """A mean over T steps hands each a Tth, the whole once more: as if the last state alone were read by both weights."""
    tokenizer = Tokenizer.train(texts, vocabulary=280)
    sizes: dict[str, Any] = {
        "vocabulary": tokenizer.vocabulary_size,
        "labels": ["bad", "good"],
        "embedding": 6,
        "hidden_size": 5,
        "head": 0,
        "bidirectional": False,
    }
    both = ModelConfig.default(pooling=("mean", "last"), **sizes)
    torch.manual_seed(3)
    weights = ClassifierModule(both).export()
    alone = dict(weights)
    alone["output.weight"] = weights["output.weight"][:, :5] + weights["output.weight"][:, 5:]
    last = Classifier(ModelConfig.default(pooling=("last",), **sizes), tokenizer, alone)
    found = memory_of_classifier(Classifier(both, tokenizer, weights), texts)
    assert found.survival == pytest.approx(memory_of_classifier(last, texts).survival, rel=2e-3)


def test_numbers_and_curves() -> None:
    assert rounded([1 / 3, math.nan, math.inf, 0.0]) == [0.3333, None, None, 0.0]
    assert median_curve([]) == []
    assert median_curve([[1.0, 0.2, None], [1.0, 0.4, 0.1]]) == [1.0, 0.3, None]
    assert median_curve([[1.0], [1.0], [1.0, 0.5]]) == [1.0]  # one of three is too few
    assert median_curve([[1.0], [1.0, 0.5]]) == [1.0, 0.5]  # half of them are enough
    assert median_curve([[1.0, 0.1], [1.0, 0.2], [1.0, 0.9]]) == [1.0, 0.2]
    assert survival_half_life([1.0, 2**-0.5, 0.5]) == pytest.approx(2.0, rel=1e-3)
    assert survival_half_life([1.0, 1.0]) is None
    assert survival_half_life([]) is None
