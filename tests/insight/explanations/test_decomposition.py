"""Contextual decomposition of networks: sums in float64, the published formulas, layers, directions, pooling and heads."""

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
from peephole.equations import Cell
from peephole.insight.explanations import Case, Head, case_of_rows, decompose
from peephole.insight.explanations import decomposition as module
from peephole.insight.explanations.cases import case_of_text
from support.cases import CELLS
from support.small_models import random_weights, small_tokenizer
from support.tolerances import FLOAT32, FLOAT64

D, H, T = 3, 4, 7
SPANS = np.array([[0, T], [0, 1], [T - 1, T], [2, 5], [1, T], [3, 3], [4, 5]])
POOLINGS = [("last",), ("mean",), ("max",), ("max", "last", "mean")]


def head_of(width: int, seed: int = 0, activation: str = "relu") -> Head:
    rng = np.random.default_rng(seed)
    return Head(
        ("last", "max", "mean"),
        [
            LinearWeights(rng.normal(size=(5, 3 * width)), rng.normal(size=5), activation),
            LinearWeights(rng.normal(size=(2, 5)), rng.normal(size=2), "none"),
        ],
    )


def plain(width: int, statistics: tuple[str, ...] = ("last",)) -> Head:
    """A head without biases: the number is a fixed sum of what is pooled."""
    weight = np.random.default_rng(3).normal(size=(1, len(statistics) * width))
    return Head(statistics, [LinearWeights(weight, np.zeros(1), "none")])


def layer_of(cell: Cell, seed: int = 0, **options: Any) -> Any:
    torch.manual_seed(seed)
    layer = nn.Recurrent(cell, D, H, dtype=torch.float64, **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return layer


def rows(seed: int = 1, steps: int = T) -> Any:
    return np.random.default_rng(seed).normal(size=(steps, D))


@pytest.mark.parametrize("rule", ["first", "free"])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_parts_add_up_to_every_state_and_to_the_value(cell: Cell, rule: Any) -> None:
    for layers, both, bias in itertools.product((1, 2), (False, True), (True, False)):
        layer = layer_of(cell, num_layers=layers, bidirectional=both, bias=bias)
        case = case_of_rows(layer, head_of(H * (1 + both)), rows(), [1.0, -1.0])
        found = decompose(case, SPANS, rule=rule)
        assert found.deviation < 1e-10  # β + γ is the state, at every step, in every track
        np.testing.assert_allclose(found.scores + found.rests + found.bases, case.value, rtol=0, atol=1e-10)
        assert abs(found.rests[0]) < 1e-10  # the whole text leaves no rest
        assert abs(found.scores[5]) < 1e-10  # and no step gives nothing
        assert np.ptp(found.scores) > 1e-2


@pytest.mark.parametrize("statistics", POOLINGS, ids=str)
def test_each_way_of_pooling(statistics: tuple[str, ...]) -> None:
    layer = layer_of(cells.LSTM(), bidirectional=True)
    case = case_of_rows(layer, plain(2 * H, statistics), rows(), [2.0])
    found = decompose(case, SPANS)
    np.testing.assert_allclose(found.scores + found.rests, case.value, **FLOAT64)
    np.testing.assert_allclose(found.scores[0], case.value, **FLOAT64)


# ---- the published formulas, written out by hand


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def share(f: Any, b: Any, g: Any, c: Any) -> tuple[Any, Any, Any]:
    """L(β), L(γ), L(bias), the bias first; insight: ½[s(β + c) − s(c) + s(β + γ + c) − s(γ + c)]."""
    return (
        0.5 * (f(b + c) - f(c) + f(b + g + c) - f(g + c)),
        0.5 * (f(g + c) - f(c) + f(b + g + c) - f(b + c)),
        f(c),
    )


def weights_of(layer: Any, number: int = 0) -> dict[str, Any]:
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_ch")
    found = {name: getattr(layer, f"{name}_l{number}", None) for name in names}
    return {name: None if value is None else value.detach().numpy() for name, value in found.items()}


def published_lstm(w: dict[str, Any], x_b: Any, x_g: Any, inside: Any, peephole: str | None = None) -> Any:
    """Murdoch, Liu & Yu 2018 for an LSTM; with diagonal peepholes, whose output gate is taken as it is: β and γ of h `[T, H]`."""
    blocks = {gate: slice(k * H, (k + 1) * H) for k, gate in enumerate("ifgo")}
    h_b = h_g = c_b = c_g = np.zeros(H)
    result: list[tuple[Any, Any]] = []
    for t in range(len(x_b)):

        def lanes(gate: str, t: int = t, h_b: Any = h_b, h_g: Any = h_g) -> tuple[Any, Any, Any]:
            u, v, at = w["weight_ih"], w["weight_hh"], blocks[gate]
            return (
                u[at] @ x_b[t] + v[at] @ h_b,
                u[at] @ x_g[t] + v[at] @ h_g,
                w["bias_ih"][at] + w["bias_hh"][at],
            )

        (i_b, i_g, i_c), (f_b, f_g, f_c) = lanes("i"), lanes("f")
        if peephole:
            p_i, p_f, p_o = w["weight_ch"]
            i_b, i_g, f_b, f_g = i_b + p_i * c_b, i_g + p_i * c_g, f_b + p_f * c_b, f_g + p_f * c_g
        Li, Lf, Lg = share(sigmoid, i_b, i_g, i_c), share(sigmoid, f_b, f_g, f_c), share(np.tanh, *lanes("g"))
        f, g, c_before = sum(Lf), sum(Lg), c_b + c_g
        new_b = (Lf[0] + Lf[2]) * c_b + Li[0] * (Lg[0] + Lg[2]) + Li[2] * Lg[0] + inside[t] * Li[2] * Lg[2]
        new_g = f * c_g + Lf[1] * c_b + Li[1] * g + (Li[0] + Li[2]) * Lg[1] + (1 - inside[t]) * Li[2] * Lg[2]
        c_b, c_g = new_b, new_g
        o = sum(lanes("o"))
        if peephole:
            o = o + p_o * (c_b + c_g if peephole == "new" else c_before)
        shown = share(np.tanh, c_b, c_g, 0.0)
        h_b, h_g = sigmoid(o) * shown[0], sigmoid(o) * shown[1]
        result.append((h_b, h_g))
    return np.array([one[0] for one in result]), np.array([one[1] for one in result])


def published_gru(w: dict[str, Any], x_b: Any, x_g: Any, inside: Any) -> Any:
    """A GRU that resets after the product: β and γ of h `[T, H]`."""
    blocks = {gate: slice(k * H, (k + 1) * H) for k, gate in enumerate("rzn")}
    h_b = h_g = np.zeros(H)
    result: list[tuple[Any, Any]] = []
    for t in range(len(x_b)):
        u, v, b_i, b_h = w["weight_ih"], w["weight_hh"], w["bias_ih"], w["bias_hh"]
        (r, z), n = (
            [
                share(sigmoid, u[at] @ x_b[t] + v[at] @ h_b, u[at] @ x_g[t] + v[at] @ h_g, b_i[at] + b_h[at])
                for at in (blocks["r"], blocks["z"])
            ],
            blocks["n"],
        )
        q_b, q_g, b_hn = v[n] @ h_b, v[n] @ h_g, b_h[n]
        q = q_b + q_g + b_hn
        seen_b = (r[0] + r[2]) * q_b + r[0] * b_hn
        seen_g = r[1] * q + (r[0] + r[2]) * q_g
        Ln = share(np.tanh, u[n] @ x_b[t] + seen_b, u[n] @ x_g[t] + seen_g, b_i[n] + r[2] * b_hn)
        zz, nn_ = sum(z), sum(Ln)
        new_b = (
            (z[0] + z[2]) * h_b + (1 - z[2]) * Ln[0] - z[0] * (Ln[0] + Ln[2]) + inside[t] * (1 - z[2]) * Ln[2]
        )
        new_g = (
            zz * h_g
            + z[1] * h_b
            + (1 - z[2]) * Ln[1]
            - z[1] * nn_
            - z[0] * Ln[1]
            + (1 - inside[t]) * (1 - z[2]) * Ln[2]
        )
        h_b, h_g = new_b, new_g
        result.append((h_b, h_g))
    return np.array([one[0] for one in result]), np.array([one[1] for one in result])


PUBLISHED: list[tuple[Cell, Any]] = [
    (cells.LSTM(), published_lstm),
    (cells.PeepholeLSTM(), lambda *given: published_lstm(*given, peephole="new")),
    (
        cells.PeepholeLSTM(output_peephole="previous"),
        lambda *given: published_lstm(*given, peephole="previous"),
    ),
    (cells.GRU(), published_gru),
]


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(
    ("cell", "published"), PUBLISHED, ids=lambda given: repr(given) if isinstance(given, Cell) else ""
)
def test_against_the_published_formulas(cell: Cell, published: Any, layers: int) -> None:
    layer = layer_of(cell, num_layers=layers)
    x = rows()
    for statistics in (("last",), ("mean",)):
        head = plain(H, statistics)
        found = decompose(case_of_rows(layer, head, x, [1.0]), SPANS)
        for k, (first, end) in enumerate(SPANS.tolist()):
            inside = np.array([float(first <= t < end) for t in range(T)])
            beta, gamma = inside[:, None] * x, (1 - inside)[:, None] * x
            for number in range(layers):
                beta, gamma = published(weights_of(layer, number), beta, gamma, inside)
            pooled = (
                (beta[-1], gamma[-1]) if statistics == ("last",) else (beta.mean(axis=0), gamma.mean(axis=0))
            )
            assert found.scores[k] == pytest.approx(head.head[0].weight[0] @ pooled[0], abs=1e-10)
            assert found.rests[k] == pytest.approx(head.head[0].weight[0] @ pooled[1], abs=1e-10)


def test_a_reverse_direction_reads_from_the_end() -> None:
    layer = layer_of(cells.LSTM(), bidirectional=True)
    head, x = plain(2 * H), rows()
    found = decompose(case_of_rows(layer, head, x, [1.0]), SPANS)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    back = {name: getattr(layer, f"{name}_l0_reverse").detach().numpy() for name in names}
    for k, (first, end) in enumerate(SPANS.tolist()):
        inside = np.array([float(first <= t < end) for t in range(T)])
        parts = inside[:, None] * x, (1 - inside)[:, None] * x
        forward = published_lstm(weights_of(layer), *parts, inside)[0][-1]
        reverse = published_lstm(back, parts[0][::-1], parts[1][::-1], inside[::-1])[0][-1]
        assert found.scores[k] == pytest.approx(
            head.head[0].weight[0] @ np.append(forward, reverse), abs=1e-10
        )


def test_two_layers_in_both_directions() -> None:
    """What comes of a phrase is in the first layer's outputs before it as well as after it; the second layer reads it there."""
    layer = layer_of(cells.LSTM(), num_layers=2, bidirectional=True)
    head, x = plain(2 * H, ("last", "mean")), rows()
    found = decompose(case_of_rows(layer, head, x, [1.0]), SPANS)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    for k, (first, end) in enumerate(SPANS.tolist()):
        inside = np.array([float(first <= t < end) for t in range(T)])
        beta, gamma = inside[:, None] * x, (1 - inside)[:, None] * x
        ends = np.zeros(0)
        for number in range(2):
            back = {name: getattr(layer, f"{name}_l{number}_reverse").detach().numpy() for name in names}
            forward = published_lstm(weights_of(layer, number), beta, gamma, inside)
            reverse = published_lstm(back, beta[::-1], gamma[::-1], inside[::-1])
            beta, gamma = (
                np.concatenate([one, other[::-1]], axis=1)
                for one, other in zip(forward, reverse, strict=True)
            )
            ends = np.append(forward[0][-1], reverse[0][-1])
        pooled = np.concatenate([ends, beta.mean(axis=0)])
        assert found.scores[k] == pytest.approx(head.head[0].weight[0] @ pooled, abs=1e-10)


def test_a_maximum_goes_with_the_step_that_won_it() -> None:
    layer = layer_of(cells.LSTM())
    head, x = plain(H, ("max",)), rows()
    found = decompose(case_of_rows(layer, head, x, [1.0]), SPANS)
    h = layer(torch.from_numpy(x)[:, None])[0].detach().numpy()[:, 0]
    winners = h.argmax(axis=0)
    assert len(set(winners.tolist())) > 1
    for k, (first, end) in enumerate(SPANS.tolist()):
        inside = np.array([float(first <= t < end) for t in range(T)])
        beta, _ = published_lstm(weights_of(layer), inside[:, None] * x, (1 - inside)[:, None] * x, inside)
        expected = head.head[0].weight[0] @ beta[winners, np.arange(H)]
        assert found.scores[k] == pytest.approx(expected, abs=1e-10)


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


# ---- what must make no difference


def test_phrases_do_not_know_of_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = layer_of(cells.GRU(), num_layers=2, bidirectional=True)
    case = case_of_rows(layer, head_of(2 * H), rows(), [1.0, -1.0])
    spans = np.array([(first, end) for first in range(T) for end in range(first, T + 1)])
    together = decompose(case, spans)
    order = np.random.default_rng(0).permutation(len(spans))
    np.testing.assert_allclose(decompose(case, spans[order]).scores, together.scores[order], **FLOAT64)
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 3 * T * 2 * H)  # three phrases at a time
    np.testing.assert_allclose(decompose(case, spans).scores, together.scores, **FLOAT64)
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 1)
    np.testing.assert_allclose(decompose(case, spans).scores, together.scores, **FLOAT64)
    assert decompose(case, spans[:0]).scores.shape == (0,)


@pytest.mark.parametrize("t", [0, 3, T - 1])
@pytest.mark.parametrize("track", ["layer0.forward", "layer0.reverse", "layer1.forward", "layer1.reverse"])
def test_the_deviation_is_that_of_the_worst_step_of_all_tracks(track: str, t: int) -> None:
    case = case_of_rows(
        layer_of(cells.LSTM(), num_layers=2, bidirectional=True), head_of(2 * H), rows(), [1.0, -1.0]
    )
    case.passage.runs[track].saved["c"][t] += 0.5  # a state that is not what the equations make of the others
    assert decompose(case, SPANS).deviation == pytest.approx(0.5, abs=1e-10)


def test_a_layer_of_torch_with_a_projection() -> None:
    torch.manual_seed(0)
    layer = torch.nn.LSTM(D, H, num_layers=2, proj_size=2, bidirectional=True, dtype=torch.float64)
    case = case_of_rows(layer, head_of(4), rows(), [1.0, -1.0])
    found = decompose(case, SPANS)
    assert found.deviation < 1e-10
    np.testing.assert_allclose(found.scores + found.rests + found.bases, case.value, **FLOAT64)
    assert abs(found.rests[0]) < 1e-10


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


def test_a_case_of_rows_is_what_the_layer_and_the_head_give() -> None:
    layer = layer_of(cells.LSTM(), num_layers=2, bidirectional=True)
    head, x = head_of(2 * H, activation="tanh"), rows()
    case: Case = case_of_rows(layer, head, x, [0.5, -2.0])
    outputs, (h, _) = layer(torch.from_numpy(x)[:, None])
    y = outputs[:, 0].detach().numpy()
    last = np.append(h[-2, 0].detach().numpy(), h[-1, 0].detach().numpy())
    pooled = np.concatenate([last, y.max(axis=0), y.mean(axis=0)])
    hidden = np.tanh(head.head[0].weight @ pooled + head.head[0].bias)
    assert case.value == pytest.approx(
        np.array([0.5, -2.0]) @ (head.head[1].weight @ hidden + head.head[1].bias), abs=1e-10
    )
    assert case.number(case.outputs_of([np.arange(T)]))[0] == pytest.approx(case.value, abs=1e-10)
