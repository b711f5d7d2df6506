"""Contextual decomposition through the stages of a classifier and its head, by hand and by the definition."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch

from peephole import cells, nn
from peephole.classifier import Classifier, Embedding, Linear, ModelConfig, Pooling, Recurrent
from peephole.classifier.rows import LinearWeights
from peephole.insight.explanations import Head, case_of_rows, decompose
from peephole.insight.explanations.cases import case_of_text
from support.decomposed import H, layer_of, rows, share
from support.small_models import random_weights, small_tokenizer
from support.tolerances import FLOAT32, FLOAT64


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_head_by_hand(activation: str) -> None:
    """One unit reads h of one step: β, the rest and a bias through the activation, the bias first."""
    layer = layer_of(cells.RNN())
    x = rows(steps=2)
    f = np.tanh if activation == "tanh" else lambda v: np.maximum(v, 0)
    weight = np.random.default_rng(4).normal(size=(1, H))
    hidden = LinearWeights(weight, np.array([0.3]), activation)
    head = Head(("last",), [hidden, LinearWeights(np.array([[2.0]]), np.array([0.7]), "none")])
    found = decompose(case_of_rows(layer, head, x, [1.0]), np.array([[0, 1]]))
    no_head = decompose(
        case_of_rows(layer, Head(("last",), [LinearWeights(weight, np.zeros(1), "none")]), x, [1.0]),
        np.array([[0, 1]]),
    )
    beta, gamma, bias = share(f, no_head.scores[0], no_head.rests[0], 0.3)
    np.testing.assert_allclose(
        [found.scores[0], found.rests[0], found.bases[0]], [2 * beta, 2 * gamma, 2 * bias + 0.7], **FLOAT64
    )


def test_one_unit_and_two_steps_by_hand() -> None:
    layer = nn.RNN(1, 1, dtype=torch.float64)
    numbers = {"weight_ih_l0": 0.5, "weight_hh_l0": 2.0, "bias_ih_l0": 0.1, "bias_hh_l0": 0.2}
    for name, number in numbers.items():
        torch.nn.init.constant_(getattr(layer, name), number)
    case = case_of_rows(
        layer, Head(("last",), [LinearWeights(np.ones((1, 1)), np.zeros(1), "none")]), [[1.0], [-3.0]], [1.0]
    )
    first, second = decompose(case, np.array([[0, 1], [1, 2]])).scores
    h = math.tanh(0.8)  # of which all is β for the first word: 0.5 · 1 and the bias
    whole = math.tanh(-1.5 + 2 * h + 0.3)
    assert first == pytest.approx(
        (math.tanh(2 * h + 0.3) - math.tanh(0.3) + whole - math.tanh(-1.2)) / 2, abs=1e-12
    )
    of_bias = math.tanh(0.3)  # the second word's, whose step it is
    of_input = (math.tanh(-1.2) - math.tanh(0.3) + whole - math.tanh(2 * h + 0.3)) / 2
    assert second == pytest.approx(of_input + of_bias, abs=1e-12)


STAGES = {
    "one layer": (Recurrent(5, bidirectional=True), Pooling(("last", "max", "mean"))),
    "linear between": (
        Linear(4, "relu", name="before"), Recurrent(5), Linear(6, "tanh", name="between"), Recurrent(4, "gru", name="second"),
        Linear(3, name="after"), Pooling(("max", "mean")),
    ),
    "linear alone after": (Recurrent(5, "peephole-lstm", num_layers=2), Linear(3, "relu", name="after"), Pooling(("mean",))),
}  # fmt: skip


@pytest.mark.parametrize("kind", STAGES)
def test_stages_of_a_classifier(kind: str) -> None:
    tokenizer = small_tokenizer()
    stages = (
        Embedding(tokenizer.vocabulary_size, 6),
        *STAGES[kind],
        Linear(4, "tanh", name="hidden"),
        Linear(3, name="output"),
    )
    config = ModelConfig(stages=stages, labels=("bad", "good", "odd"))
    classifier = Classifier(config, tokenizer, random_weights(config, seed=5))
    text = "a good film, not bad at all"
    ids, words = tokenizer.encode(text), tokenizer.words(text)
    spans = np.array([[0, len(ids)], *([word.first, word.end] for word in words)])
    case = case_of_text(classifier, ids, spans[1:], 1, 2)
    logits = classifier.logits([ids])[0]
    assert case.value == pytest.approx(logits[1] - logits[2], abs=1e-4)
    found = decompose(case, spans)
    assert found.deviation < FLOAT32["atol"]
    np.testing.assert_allclose(found.scores + found.rests + found.bases, case.value, **FLOAT32)
    np.testing.assert_allclose(found.rests[0], 0.0, **FLOAT32)


def shared(f: Any, parts: tuple[Any, Any, Any], rule: str) -> list[Any]:
    """What each of β, γ and bias adds to f, on average over the orders in which they come; f(0) is the bias's."""
    orders = [order for order in itertools.permutations(range(3)) if rule == "free" or order[0] == 2]
    shares = [0.0, 0.0, f(0.0 * parts[2])]
    for order in orders:
        so_far = 0.0 * parts[0]
        for k in order:
            shares[k] = shares[k] + (f(so_far + parts[k]) - f(so_far)) / len(orders)
            so_far = so_far + parts[k]
    return shares


@pytest.mark.parametrize("rule", ["first", "free"])
def test_every_stage_against_the_definition_of_the_rule(rule: Any) -> None:
    """Linear stages before, between, after and in the head, around plain recurrent layers, step by step in float64."""
    tokenizer = small_tokenizer()
    stages = (
        Embedding(tokenizer.vocabulary_size, 6), Linear(4, "tanh", name="before"), Recurrent(3, "rnn"),
        Linear(4, name="between"), Recurrent(3, "rnn", name="second"), Linear(3, "relu", name="after"),
        Pooling(("mean",)), Linear(4, "tanh", name="hidden"), Linear(3, name="output"),
    )  # fmt: skip
    config = ModelConfig(stages=stages, labels=("bad", "good", "odd"))
    weights = random_weights(config, seed=5)
    text = "a good film, not bad at all"
    ids, words = tokenizer.encode(text), tokenizer.words(text)
    spans = np.array([[0, len(ids)], [1, 3], *([word.first, word.end] for word in words)])
    case = case_of_text(Classifier(config, tokenizer, weights), ids, spans[2:], 1, 2)
    found = decompose(case, spans, rule=rule)
    w = {name: value.astype(np.float64) for name, value in weights.items()}

    def linear(name: str, parts: Any, f: Any = None) -> Any:
        b, g = parts[0] @ w[f"{name}.weight"].T, parts[1] @ w[f"{name}.weight"].T
        c = (parts[2] @ w[f"{name}.weight"].T if len(parts) == 3 else 0.0 * b) + w[f"{name}.bias"]
        return [b, g, c] if f is None else shared(f, (b, g, c), rule)

    def settled(parts: Any, inside: Any) -> Any:
        return parts[0] + inside * parts[2], parts[1] + (1 - inside) * parts[2]

    def layer(name: str, parts: Any, inside: Any) -> Any:
        u, v = (w[f"{name}.weight_{kind}_l0"].T for kind in ("ih", "hh"))
        bias = w[f"{name}.bias_ih_l0"] + w[f"{name}.bias_hh_l0"]
        h, result = (np.zeros(3), np.zeros(3)), []
        for t in range(len(ids)):
            pre = (parts[0][t] @ u + h[0] @ v, parts[1][t] @ u + h[1] @ v, bias)
            h = settled(shared(np.tanh, pre, rule), inside[t])
            result.append(h)
        return tuple(np.array([one[k] for one in result]) for k in range(2))

    def relu(x: Any) -> Any:
        return np.maximum(x, 0)

    for k, (first, end) in enumerate(spans.tolist()):
        inside = np.array([[float(first <= t < end)] for t in range(len(ids))])
        x = w["embedding.weight"][ids]
        parts = settled(linear("before", (inside * x, (1 - inside) * x), np.tanh), inside)
        parts = settled(linear("between", layer("recurrent", parts, inside)), inside)
        parts = settled(linear("after", layer("second", parts, inside), relu), inside)
        pooled = tuple(part.mean(axis=0) for part in parts)
        beta, gamma, bias = linear("output", linear("hidden", pooled, np.tanh))
        for got, part in ((found.scores, beta), (found.rests, gamma), (found.bases, bias)):
            np.testing.assert_allclose(got[k], part[1] - part[2], **FLOAT32)
