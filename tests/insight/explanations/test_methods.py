"""Integrated gradients, leaving out, Shapley values and the conveyor: sums, numbers worked by hand, and direct re-runs."""

from __future__ import annotations

import dataclasses
import itertools
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from peephole import cells, nn
from peephole.classifier import Classifier, Embedding, Linear, ModelConfig, Pooling, Recurrent
from peephole.classifier.rows import LinearWeights
from peephole.equations import Cell, Step, sigmoid, tanh
from peephole.insight import belts, trace
from peephole.insight.explanations import Case, Head, attribute, case_of_rows, decompose, methods
from peephole.insight.explanations import case as case_module
from peephole.insight.explanations import integrated as integrated_module
from peephole.insight.explanations import leave_out as leave_out_module
from peephole.insight.explanations import shapley as shapley_module
from peephole.insight.explanations.cases import case_of_text
from peephole.insight.explanations.conveyed import conveyed
from peephole.insight.explanations.integrated import integrated_gradients
from peephole.insight.explanations.leave_out import leave_out
from peephole.insight.explanations.shapley import shapley
from support.cases import CELLS
from support.small_models import random_weights, small_classifier, small_tokenizer
from support.tolerances import FLOAT32, FLOAT64

D, H, T = 3, 4, 6


def layer_of(cell: Cell, std: float = 0.7, **options: Any) -> Any:
    torch.manual_seed(4)
    layer = nn.Recurrent(cell, D, H, dtype=torch.float64, **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return layer


def head_of(
    width: int, activation: str = "relu", statistics: tuple[str, ...] = ("last", "max", "mean")
) -> Head:
    rng = np.random.default_rng(0)
    first = LinearWeights(rng.normal(size=(5, len(statistics) * width)), rng.normal(size=5), activation)
    return Head(statistics, [first, LinearWeights(rng.normal(size=(2, 5)), rng.normal(size=2), "none")])


def rows(steps: int = T) -> Any:
    return np.random.default_rng(1).normal(size=(steps, D))


def text_case(text: str = "A good film, not bad at all, it was nice!", **options: Any) -> Case:
    model = small_classifier(**options)
    ids, words = model.tokenizer.encode(text), model.tokenizer.words(text)
    return case_of_text(model, ids, np.array([[word.first, word.end] for word in words]), 1, 0)


def counting(weigh: Callable[[Sequence[int]], float], words: int) -> Case:
    """A case whose number is any function of the words that are there, each of which has one token."""
    base = text_case()
    return Case(
        base.network, base.reader, base.rows[:words], np.stack([np.arange(words), np.arange(words) + 1], axis=1), np.ones(1),
        lambda selections: np.array([[weigh(one.tolist())] for one in selections]),
        base.differentiate, lambda outputs: outputs[:, 0],
    )  # fmt: skip


def test_every_method_scores_every_word_and_keeps_its_promise() -> None:
    case = text_case("A good film, unbelievably nice and not bad!")
    assert np.ptp(case.spans[:, 1] - case.spans[:, 0]) > 0  # words of one token and of several
    for method in methods():
        found = attribute(case, method.name)
        assert found.scores.shape == (len(case.spans),)
        assert found.scores.dtype == np.float64
        assert np.ptp(found.scores) > 1e-3
        assert found.value == pytest.approx(case.value, abs=1e-4)
        assert (found.gap is not None) == method.sums
        if found.gap is not None:
            assert found.base is not None
            assert found.base + found.scores.sum() + found.gap == pytest.approx(found.value, abs=1e-12)
            assert abs(found.gap) <= 0.01 * abs(found.value - found.base) + FLOAT32["atol"]


def test_words_of_a_long_text_are_decomposed_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each group is a phrase from its first word's first token to its last word's last one; its words share what it gives."""
    monkeypatch.setattr(sys.modules[methods.__module__], "_ROWS", 1)
    case = text_case("A good film, not bad at all, it was the worst evening! " * 3)
    groups = np.array_split(np.arange(len(case.spans)), 20)
    assert len({len(group) for group in groups}) > 1
    found = attribute(case, "decomposition")
    whole = decompose(case, np.array([[case.spans[g[0], 0], case.spans[g[-1], 1]] for g in groups]))
    for group, score in zip(groups, whole.scores, strict=True):
        np.testing.assert_allclose(found.scores[group], score / len(group), **FLOAT32)
    assert found.base == pytest.approx(whole.bases[0])
    assert found.deviation == whole.deviation > 0


def test_rows_are_run_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many selections together as have five rows; a longer one alone; all of them, once and in their order."""
    monkeypatch.setattr(case_module, "_ROWS_AT_ONCE", 5)
    calls: list[list[int]] = []

    def run_again(selections: Sequence[Any]) -> Any:
        calls.append([len(one) for one in selections])
        return np.array([[float(len(one))] for one in selections])

    case = dataclasses.replace(text_case(), run_again=run_again, weights=np.ones(1))
    for lengths, portions in (
        ([6, 2, 3, 1, 4, 5, 1], [[6], [2, 3], [1, 4], [5], [1]]),
        ([1, 9, 0], [[1], [9], [0]]),
        ([], []),
    ):
        calls.clear()
        found = case.outputs_of([np.arange(length) for length in lengths])
        assert calls == portions
        assert found[:, 0].tolist() == lengths


# ---- integrated gradients


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_integrated_gradients_are_complete(cell: Cell) -> None:
    layer = layer_of(cell, num_layers=2, bidirectional=True, std=0.4)
    case = case_of_rows(layer, head_of(2 * H, "tanh", ("last", "mean")), rows(), [1.0, -1.0])
    found = integrated_gradients(case, tolerance=1e-9, most_points=256)
    nothing = case_of_rows(layer, case.reader, np.zeros((T, D)), [1.0, -1.0])  # type: ignore[arg-type]
    assert found.base == pytest.approx(nothing.value, abs=1e-10)
    assert found.gap is not None
    if cell != cells.RNN("relu"):  # whose gradient jumps
        assert abs(found.gap) < 1e-8 * abs(found.value - nothing.value) + 1e-12
    assert found.base + found.scores.sum() + found.gap == pytest.approx(case.value, abs=1e-10)


def test_integrated_gradients_by_hand() -> None:
    """One step: tanh(w · x + b) changes along w · x alone, which the elements share in proportion."""
    layer = nn.RNN(2, 1, bias=False, dtype=torch.float64)
    torch.nn.init.constant_(layer.weight_hh_l0, 0.0)
    layer.weight_ih_l0.data[:] = torch.tensor([[0.5, -2.0]])
    head = Head(("last",), [LinearWeights(np.array([[3.0]]), np.array([0.25]), "none")])
    case = case_of_rows(layer, head, [[1.0, 0.4]], [1.0])
    found = integrated_gradients(case, tolerance=1e-12)
    assert (found.base, found.scores[0]) == (0.25, pytest.approx(3 * math.tanh(-0.3), abs=1e-12))
    start = np.array([[0.0, 0.4]])
    moved = integrated_gradients(case, baseline=start, tolerance=1e-12)
    assert moved.scores[0] == pytest.approx(3 * (math.tanh(-0.3) - math.tanh(-0.8)), abs=1e-12)
    assert "given vectors" in moved.note


def test_points_are_added_until_the_gap_is_small() -> None:
    case = text_case(hidden_size=8)
    coarse = integrated_gradients(case, tolerance=1e9)
    fine = integrated_gradients(case, tolerance=1e-4)
    assert "16 points" in coarse.note
    assert fine.gap is not None
    assert coarse.gap is not None
    assert fine.base is not None
    assert abs(fine.gap) <= 1e-4 * abs(fine.value - fine.base) or "left out" in fine.note
    stuck = integrated_gradients(case, tolerance=1e-12, most_points=20)
    assert "20 points" in stuck.note
    assert "left out" in stuck.note


def test_the_points_of_a_steep_step_double_until_it_is_integrated() -> None:
    """tanh(40 a) changes near 0 alone, where 16 points see too little of it; what it changes is tolerated, not what it is."""
    layer: Any = nn.RNN(1, 1, bias=False, dtype=torch.float64)
    torch.nn.init.constant_(layer.weight_ih_l0, 40.0)
    head = Head(("last",), [LinearWeights(np.array([[3.0]]), np.array([1000.0]), "none")])
    case = case_of_rows(layer, head, [[1.0]], [1.0])
    found = integrated_gradients(case, tolerance=1e-4)
    assert found.note in {f"{points} points from vectors of zeros" for points in (32, 64, 128, 256)}
    assert found.scores[0] == pytest.approx(3 * math.tanh(40), abs=3e-4)
    assert found.base == 1000.0
    assert found.gap is not None
    assert found.gap == pytest.approx(3 * math.tanh(40) - found.scores[0], abs=FLOAT64["atol"])


def test_a_long_text_has_fewer_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrated_module, "_TOKENS", 1)
    assert integrated_gradients(text_case(), tolerance=1e-12).note.startswith("4 points")
    monkeypatch.setattr(integrated_module, "_TOKENS", 10 * text_case().steps)
    assert integrated_gradients(text_case(), tolerance=1e-12).note.startswith("10 points")


# ---- leaving out


def test_leaving_out_is_what_the_text_without_the_word_gives() -> None:
    text = "A good film, unbelievably nice and not bad!"
    model = small_classifier()
    case = text_case(text)
    assert np.ptp(case.spans[:, 1] - case.spans[:, 0]) > 0
    found = leave_out(case)
    ids = model.tokenizer.encode(text)
    whole = model.logits([ids])[0]
    for word, score in zip(model.tokenizer.words(text), found.scores, strict=True):
        rest = model.logits([np.delete(ids, np.arange(word.first, word.end))])[0]
        assert score == pytest.approx((whole[1] - whole[0]) - (rest[1] - rest[0]), abs=FLOAT32["atol"])
    assert found.base is None
    assert found.gap is None


def test_words_of_a_long_text_are_left_out_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    case = counting(lambda words: float(sum(2.0**word for word in words)), 5)
    np.testing.assert_allclose(leave_out(case).scores, [1, 2, 4, 8, 16], **FLOAT64)
    monkeypatch.setattr(leave_out_module, "_TOKENS", 2 * 5)
    found = leave_out(case)
    np.testing.assert_allclose(found.scores, [7 / 3] * 3 + [12.0] * 2, **FLOAT64)
    assert "2 groups" in found.note


# ---- Shapley values


def exact(weigh: Callable[[Sequence[int]], float], words: int) -> Any:
    """By the definition: the mean over all orders of adding words."""
    scores = np.zeros(words)
    orders = list(itertools.permutations(range(words)))
    for order in orders:
        for k, word in enumerate(order):
            scores[word] += (weigh(sorted(order[: k + 1])) - weigh(sorted(order[:k]))) / len(orders)
    return scores


def test_shapley_values_of_a_sum_are_its_terms() -> None:
    found = shapley(counting(lambda words: 5.0 + sum(2.0**word for word in words), 6), orders=3)
    np.testing.assert_allclose(found.scores, [1, 2, 4, 8, 16, 32], **FLOAT64)
    assert (found.base, found.gap) == (5.0, pytest.approx(0.0, abs=1e-12))


def test_words_that_say_the_same_share_their_worth() -> None:
    """*good* twice: leaving one out changes nothing; together they are worth everything."""
    either = counting(lambda words: float(0 in words or 2 in words), 3)
    np.testing.assert_allclose(leave_out(either).scores, 0.0, **FLOAT64)
    found = shapley(either, orders=2)  # one order and its reverse share exactly
    np.testing.assert_allclose(found.scores, [0.5, 0.0, 0.5], **FLOAT64)


def test_sampled_shapley_values_approach_the_exact_ones() -> None:
    def weigh(words: Sequence[int]) -> float:
        return math.tanh(sum((-0.7) ** word for word in words)) + (1 in words) * (3 in words)

    found = shapley(counting(weigh, 5), orders=4000)
    np.testing.assert_allclose(found.scores, exact(weigh, 5), rtol=0, atol=0.03)
    assert found.base is not None
    assert found.base + found.scores.sum() == pytest.approx(found.value, abs=1e-12)


def test_shapley_orders_are_fixed_by_the_seed_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    case = text_case()
    assert np.array_equal(shapley(case).scores, shapley(case).scores)
    assert not np.array_equal(shapley(case).scores, shapley(case, seed=1).scores)
    assert shapley(case).note.startswith("32 orders")
    monkeypatch.setattr(shapley_module, "_TOKENS", 1)
    assert shapley(case).note.startswith("4 orders")
    monkeypatch.setattr(shapley_module, "MOST_PAIRS", 1)
    monkeypatch.setattr(shapley_module, "_LEAST_UNITS", 2)
    grouped = shapley(case)
    assert "2 groups" in grouped.note
    assert len(set(grouped.scores.tolist())) == 2
    assert grouped.gap == pytest.approx(0.0, abs=1e-6)


def test_the_standard_error_by_hand() -> None:
    """Of two words that say the same, whichever goes last is worth 1: four orders give each 0, 1, 0, 1, whose mean is off by
    √(⅓ / 4)."""
    found = shapley(counting(lambda words: float(len(words) > 0), 2), orders=4)
    np.testing.assert_allclose(found.scores, [0.5, 0.5], **FLOAT64)
    assert found.note == f"4 orders of deleting; standard error of a score {math.sqrt(1 / 12):.2g} at most"


def test_as_many_orders_are_drawn_as_the_tokens_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order of six words runs about 6 · 6 / 2 tokens, so ten of them take 180."""
    monkeypatch.setattr(shapley_module, "_TOKENS", 180)
    assert shapley(counting(lambda words: float(len(words)), 6)).note.startswith("10 orders")


# ---- the conveyor


@pytest.mark.parametrize("activation", ["relu", "tanh", "none"])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_what_the_conveyor_gives_adds_up(cell: Cell, activation: str) -> None:
    for layers, both in itertools.product((1, 2), (False, True)):
        layer = layer_of(cell, num_layers=layers, bidirectional=both)
        case = case_of_rows(layer, head_of(H * (1 + both), activation), rows(), [1.0, -1.0])
        found = conveyed(case)
        assert found.base is not None
        assert found.base + found.scores.sum() == pytest.approx(case.value, abs=1e-10)
        assert abs(found.gap or 0.0) < 1e-10


def test_with_a_final_state_it_is_what_is_left_of_each_write() -> None:
    layer = layer_of(cells.GRU(), bidirectional=True)
    weight = np.random.default_rng(5).normal(size=(1, 2 * H))
    case = case_of_rows(
        layer, Head(("last",), [LinearWeights(weight, np.array([0.5]), "none")]), rows(), [1.0]
    )
    found = conveyed(case)
    left = np.concatenate([belt.left for belt in belts(trace(layer, rows())).values()], axis=1)
    np.testing.assert_allclose(found.scores, left @ weight[0], **FLOAT64)
    assert found.base == 0.5


def test_an_lstm_shows_its_conveyor_in_proportion() -> None:
    layer = layer_of(cells.LSTM())
    weight = np.random.default_rng(5).normal(size=(1, H))
    case = case_of_rows(layer, Head(("last",), [LinearWeights(weight, np.zeros(1), "none")]), rows(), [1.0])
    values = trace(layer, rows())
    c, o = values["layer0.forward.c"][-1], values["layer0.forward.o"][-1]
    expected = belts(values)["layer0.forward"].left @ (weight[0] * o * np.tanh(c) / c)
    np.testing.assert_allclose(conveyed(case).scores, expected, **FLOAT64)


def test_the_conveyor_behind_a_projection() -> None:
    torch.manual_seed(0)
    layer = torch.nn.LSTM(D, H, proj_size=2, bidirectional=True, dtype=torch.float64)
    case = case_of_rows(layer, head_of(4), rows(), [1.0, -1.0])
    found = conveyed(case)
    assert found.base is not None
    assert found.base + found.scores.sum() == pytest.approx(case.value, abs=1e-10)


@pytest.mark.parametrize("activation", ["relu", "tanh", "none"])
def test_the_conveyor_behind_a_linear_stage(activation: Any) -> None:
    """What the biases of a stage between the layer and the pooling give is nobody's, and is in the base."""
    tokenizer = small_tokenizer()
    config = ModelConfig(
        stages=(
            Embedding(tokenizer.vocabulary_size, 6), Linear(4, "tanh", name="before"), Recurrent(5, bidirectional=True),
            Linear(4, activation, name="after"), Pooling(("max", "mean")), Linear(3, name="output"),
        ),
        labels=("bad", "good", "odd"),
    )  # fmt: skip
    model = Classifier(config, tokenizer, random_weights(config, seed=5))
    ids, words = tokenizer.encode("a good film, not bad"), tokenizer.words("a good film, not bad")
    case = case_of_text(model, ids, np.array([[word.first, word.end] for word in words]), 1, 0)
    found = conveyed(case)
    assert found.base is not None
    assert abs(found.base) > 0.01
    assert found.base + found.scores.sum() == pytest.approx(case.value, abs=FLOAT32["atol"])


def test_a_plain_rnn_says_that_it_keeps_nothing() -> None:
    layer = layer_of(cells.RNN())
    case = case_of_rows(
        layer, Head(("last",), [LinearWeights(np.ones((1, H)), np.zeros(1), "none")]), rows(), [1.0]
    )
    found = conveyed(case)
    np.testing.assert_allclose(found.scores[:-1], 0.0, **FLOAT64)
    assert found.scores[-1] == pytest.approx(case.value, abs=1e-10)
    assert "keeps no state" in found.note


class Shifted(Cell):
    """Shows sigmoid(c), which is ½ for an empty conveyor."""

    gates, states = ("f", "g"), ("h", "c")

    def step(self, pre, prev):
        f = sigmoid(pre.f)
        c = f * prev.c + tanh(pre.g)
        return Step(h=sigmoid(c), c=c, f=f)


def test_what_an_empty_conveyor_shows_is_nobodys() -> None:
    layer = layer_of(Shifted(), bias=False)
    case = case_of_rows(
        layer, Head(("last",), [LinearWeights(np.ones((1, H)), np.zeros(1), "none")]), np.zeros((1, D)), [1.0]
    )
    found = conveyed(case)
    assert found.base == pytest.approx(H / 2, abs=1e-10)  # half of every unit
    np.testing.assert_allclose(found.scores, 0.0, **FLOAT64)
    moved = case_of_rows(layer, case.reader, rows(), [1.0])  # type: ignore[arg-type]
    assert conveyed(moved).base == pytest.approx(H / 2, abs=1e-10)
    assert conveyed(moved).scores.sum() + H / 2 == pytest.approx(moved.value, abs=1e-10)


@pytest.mark.parametrize("method", [method.name for method in methods()])
@pytest.mark.parametrize("statistic", ["last", "max", "mean"])
def test_of_no_steps_there_is_the_base_alone(method: str, statistic: str) -> None:
    layer = layer_of(cells.LSTM(), bidirectional=True)
    case = case_of_rows(layer, head_of(2 * H, "tanh", (statistic,)), rows()[:0], [1.0, -1.0])
    found = attribute(case, method)
    assert found.scores.shape == (0,)
    assert found.value == pytest.approx(case.value)
    assert found.base in (None, pytest.approx(case.value))
