"""The forward pass against the textbook's equations in plain loops: one text, one step, one direction at a time."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import numpy as np
import pytest

from peephole.classifier import (
    Dropout,
    Embedding,
    Linear,
    ModelConfig,
    Pooling,
    Recurrent,
    Stage,
)
from peephole.classifier import forward as forward_module
from peephole.classifier.forward import Forward
from peephole.classifier.rows import Plan
from peephole.errors import ModelError, OptionError
from peephole.ops import Sequences
from support.small_models import random_weights

LENGTHS = [3, 0, 7, 1, 7, 20, 2, 0]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def lstm_step(w: Any, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    i, f, g, o = np.split(w["weight_ih"] @ x + w["bias_ih"] + w["weight_hh"] @ h + w["bias_hh"], 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(w: Any, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    xr, xz, xn = np.split(w["weight_ih"] @ x + w["bias_ih"], 3)
    hr, hz, hn = np.split(w["weight_hh"] @ h + w["bias_hh"], 3)
    z = sigmoid(xz + hz)
    n = np.tanh(xn + sigmoid(xr + hr) * hn)
    return (1 - z) * n + z * h, c


def expected_logits(config: ModelConfig, weights: dict[str, Any], ids: Any) -> Any:
    """Logits of one text, in float64, following the stages of the standard stack."""
    weights = {name: value.astype(np.float64) for name, value in weights.items()}
    stage = next(stage for stage in config.stages if isinstance(stage, Recurrent))
    pooling = next(stage for stage in config.stages if isinstance(stage, Pooling))
    step = {"lstm": lstm_step, "gru": gru_step}[stage.cell]
    rows = [weights["embedding.weight"][token] for token in ids]
    finals: list[Any] = []
    for layer in range(stage.num_layers):
        sides, finals = [], []
        for suffix in ["", "_reverse"][: stage.directions]:
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            own = {name: weights[f"recurrent.{name}_l{layer}{suffix}"] for name in names}
            h = c = np.zeros(stage.hidden_size)
            outputs = []
            for x in rows[::-1] if suffix else rows:
                h, c = step(own, x, h, c)
                outputs.append(h)
            sides.append(outputs[::-1] if suffix else outputs)
            finals.append(h)
        rows = [np.concatenate(parts) for parts in zip(*sides, strict=True)]
    width = stage.directions * stage.hidden_size
    statistics = {
        "max": np.max(rows, axis=0) if rows else np.zeros(width),
        "mean": np.mean(rows, axis=0) if rows else np.zeros(width),
        "last": np.concatenate(finals),
    }
    x = np.concatenate([statistics[name] for name in pooling.statistics])
    if "hidden.weight" in weights:
        x = np.maximum(weights["hidden.weight"] @ x + weights["hidden.bias"], 0)
    return weights["output.weight"] @ x + weights["output.bias"]


def texts_of(lengths: list[int], vocabulary: int = 30) -> list[Any]:
    rng = np.random.default_rng(5)
    return [rng.integers(3, vocabulary, length).astype(np.int32) for length in lengths]


def make(**options: Any) -> ModelConfig:
    return ModelConfig.default(
        **{
            "vocabulary": 30,
            "labels": ["a", "b", "c"],
            "embedding": 6,
            "hidden_size": 5,
            "head": 24,
            **options,
        }
    )


POOLINGS = [("max",), ("mean",), ("last",), ("last", "max", "mean")]


@pytest.mark.parametrize("pooling", POOLINGS, ids="+".join)
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_logits_follow_the_equations(cell: str, num_layers: int, bidirectional: bool, pooling: Any):
    config = make(cell=cell, num_layers=num_layers, bidirectional=bidirectional, pooling=pooling)
    weights = random_weights(config)
    texts = texts_of(LENGTHS)
    expected = np.array([expected_logits(config, weights, ids) for ids in texts])
    assert np.ptp(expected, axis=0).min() > 0.05  # the texts differ, so an answer to another text is seen
    for row_limit in (None, 8, 1):  # one block for all; a few steps at a time; one step of one text at a time
        actual = Forward(config, weights, row_limit=row_limit).logits(texts)
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-6)


def test_no_hidden_stage():
    config = make(head=0)
    weights = random_weights(config)
    texts = texts_of(LENGTHS)
    expected = [expected_logits(config, weights, ids) for ids in texts]
    np.testing.assert_allclose(Forward(config, weights).logits(texts), expected, rtol=0, atol=2e-6)


def test_each_text_alone_or_in_any_company_has_the_same_logits():
    config = make(num_layers=2, pooling=("max", "mean", "last"))
    forward = Forward(config, random_weights(config))
    texts = texts_of(LENGTHS * 40)
    together = forward.logits(texts)
    for order in (range(len(texts) - 1, -1, -1), np.random.default_rng(1).permutation(len(texts)).tolist()):
        shuffled = forward.logits([texts[n] for n in order])
        np.testing.assert_allclose(shuffled, together[list(order)], rtol=0, atol=1e-6)
    alone = np.concatenate([forward.logits([ids]) for ids in texts[:16]])
    np.testing.assert_allclose(alone, together[:16], rtol=0, atol=1e-6)


def test_a_text_without_tokens_pools_to_zeros():
    config = make(pooling=("max", "mean", "last"))
    weights = random_weights(config)
    empty = np.zeros(0, np.int32)
    head = np.maximum(weights["hidden.bias"], 0)
    expected = weights["output.weight"] @ head + weights["output.bias"]
    forward = Forward(config, weights)
    np.testing.assert_allclose(forward.logits([empty, empty]), [expected, expected], rtol=0, atol=1e-6)
    assert forward.logits([]).shape == (0, 3)


def test_maximum_below_zero_is_not_taken_for_padding():
    """With the output of a relu cell's negative twin: all real steps are below zero, and the maximum with them."""
    config = make(cell="rnn", bidirectional=False, pooling=("max",), head=0, embedding=1, hidden_size=1)
    weights = {name: np.zeros(shape, np.float32) for name, shape in config.parameter_shapes().items()}
    weights["recurrent.bias_ih_l0"][:] = -2.0
    weights["output.weight"][:] = 1.0
    logits = Forward(config, weights).logits(texts_of([1, 5, 2]))
    np.testing.assert_allclose(logits, np.full((3, 3), np.tanh(-2.0)), rtol=0, atol=1e-6)


def linear(w: Any, name: str, x: Any) -> Any:
    return w[f"{name}.weight"] @ x + w[f"{name}.bias"]


STACKS: dict[str, tuple[Stage, ...]] = {
    "no recurrent stage": (Embedding(30, 6), Pooling(("mean", "max")), Linear(3, name="output")),
    "linear on rows": (
        Embedding(30, 6),
        Linear(4, "tanh", "narrow"),
        Dropout(0.5, "word"),
        Pooling(("max",)),
        Linear(3, name="output"),
    ),
}


@pytest.mark.parametrize("row_limit", [None, 3])
def test_other_stacks(row_limit: int | None):
    texts = texts_of([3, 7, 1, 20])
    plain = ModelConfig(STACKS["no recurrent stage"], ("a", "b", "c"))
    w = random_weights(plain)
    rows = [w["embedding.weight"][ids] for ids in texts]
    expected = [linear(w, "output", np.concatenate([r.mean(0), r.max(0)])) for r in rows]
    np.testing.assert_allclose(
        Forward(plain, w, row_limit=row_limit).logits(texts), expected, rtol=0, atol=2e-6
    )

    narrow = ModelConfig(STACKS["linear on rows"], ("a", "b", "c"))
    w = random_weights(narrow)
    rows = [np.tanh(w["embedding.weight"][ids] @ w["narrow.weight"].T + w["narrow.bias"]) for ids in texts]
    expected = [linear(w, "output", r.max(0)) for r in rows]
    np.testing.assert_allclose(
        Forward(narrow, w, row_limit=row_limit).logits(texts), expected, rtol=0, atol=2e-6
    )


DIRECTIONS = list(itertools.product([True, False], repeat=2))


@pytest.mark.parametrize(("lower", "upper"), DIRECTIONS)
def test_two_recurrent_stages_in_any_directions(lower: bool, upper: bool):
    """Two stages are the second run on the rows of the first: each alone is checked against the equations above."""
    stages: tuple[Stage, ...] = (
        Embedding(30, 6),
        Recurrent(5, "gru", bidirectional=lower, name="lower"),
        Linear(7, name="between"),
        Recurrent(3, "lstm", bidirectional=upper, name="upper"),
        Dropout(0.1, "variational"),
        Pooling(("last", "max")),
        Linear(3, name="output"),
    )
    config = ModelConfig(stages, ("a", "b", "c"))
    weights = random_weights(config)
    texts = texts_of(LENGTHS)
    whole = Forward(config, weights, row_limit=10_000).logits(texts)
    for row_limit in (1, 7, 20):
        np.testing.assert_allclose(
            Forward(config, weights, row_limit=row_limit).logits(texts), whole, rtol=0, atol=1e-6
        )
    assert np.ptp(whole, axis=0).min() > 0.05


@pytest.mark.parametrize("row_limit", [None, 50])
def test_the_mean_of_a_long_text_keeps_its_digits(row_limit: int | None):
    config = ModelConfig((Embedding(3, 2), Pooling(("mean",)), Linear(2, name="output")), ("a", "b"))
    weights = {
        "embedding.weight": np.array([[0.1234567, 0.7], [0.3141592, 0.1], [0, 0]], np.float32),
        "output.weight": np.eye(2, dtype=np.float32),
        "output.bias": np.zeros(2, np.float32),
    }
    ids = np.tile(np.array([0, 1], np.int32), 1_000_000)
    logits = Forward(config, weights, row_limit=row_limit).logits([ids])
    np.testing.assert_allclose(
        logits, [[0.21880795, 0.4]], rtol=0, atol=1e-7
    )  # a float32 sum of the steps is off by 1e-3


def test_a_batch_in_any_order_is_pooled_in_its_order():
    config = make(pooling=("max", "mean", "last"))
    forward = Forward(config, random_weights(config))
    texts = texts_of(LENGTHS)
    expected = np.concatenate([forward.pooled_batch([ids], forward.statistics) for ids in texts])
    np.testing.assert_allclose(forward.pooled_batch(texts, forward.statistics), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("limit", [1, 4, 5, 6, 7, 100])
def test_blocks_hold_as_many_rows_as_allowed_or_one_step(limit: int):
    batch = Sequences.from_lengths([5, 3, 0, 3, 1])
    plan = Plan.of(batch, limit)
    assert np.concatenate([block.batch_sizes for block in plan.blocks]).tolist() == batch.batch_sizes.tolist()
    bounds = [0, *(block.rows.stop for block in plan.blocks)]
    assert [block.rows.start for block in plan.blocks] == bounds[:-1]
    assert bounds[-1] == plan.rows == batch.rows == 12
    sizes = [block.rows.stop - block.rows.start for block in plan.blocks]
    assert all(
        size <= limit or len(block.batch_sizes) == 1 for size, block in zip(sizes, plan.blocks, strict=True)
    )
    for index, block in enumerate(plan.blocks[1:]):
        assert sizes[index] + block.batch_sizes[0] > limit  # the next step would not have fitted


def test_batches_hold_texts_of_like_length_and_few_rows():
    config = make()
    forward = Forward(config, random_weights(config), row_limit=50)
    lengths = [*range(0, 40), 90, *range(39, -1, -1), *([0] * 600)]
    batches = list(forward.batches(lengths))
    assert sorted(n for batch in batches for n in batch) == list(range(len(lengths)))
    assert [lengths[n] for batch in batches for n in batch] == sorted(lengths, reverse=True)
    assert all(sum(lengths[n] for n in batch) <= 50 or len(batch) == 1 for batch in batches)
    assert max(map(len, batches)) == 256


def test_ids_out_of_range_are_refused():
    config = make()
    forward = Forward(config, random_weights(config))
    for bad in (-1, 30):
        with pytest.raises(OptionError, match=r"logits: texts\[1\]: ids must be from 0 to 29; got"):
            forward.logits([np.array([3], np.int32), np.array([4, bad], np.int32)])


def test_weights_so_large_that_logits_are_not_finite_are_refused():
    config = make()
    weights = random_weights(config)
    weights["output.weight"][:] = 3e38
    weights["hidden.bias"][:] = 1e10
    with pytest.raises(ModelError, match="logits: must be finite; got NaN or infinite"):
        Forward(config, weights).logits(texts_of([3]))


@pytest.mark.parametrize("long", [0, 2])
def test_batches_beside_each_other_have_the_bits_of_one_after_the_other(monkeypatch, long: int):
    config = ModelConfig.default(vocabulary=60, labels=["a", "b"], embedding=9, hidden_size=7)
    weights = random_weights(config)
    lengths = [*[300] * long, *(3 + n % 29 for n in range(150))]
    texts = [np.arange(length, dtype=np.int32) % 60 for length in lengths]
    monkeypatch.setattr(forward_module, "_BLOCK_NUMBERS", 100 * (9 + 14))
    found: dict[str, Any] = {}
    workers: dict[str, list[int]] = {}
    real = Forward.pooled_batch

    def pooled(self: Forward, own: Any, statistics: Any) -> Any:
        workers.setdefault(threading.current_thread().name, []).append(max(map(len, own)))
        return real(self, own, statistics)

    monkeypatch.setattr(Forward, "pooled_batch", pooled)
    here = threading.current_thread().name
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        workers.clear()
        found[threads] = Forward(config, weights).logits(texts)
        if threads == "1":
            assert set(workers) == {here}
        else:  # long texts run alone, the others beside each other
            assert workers.pop(here, []) == [300] * long
            assert sum(map(len, workers.values())) > 3
            assert max(max(each) for each in workers.values()) < 100
    np.testing.assert_array_equal(found["1"], found["3"])


def test_fewer_batches_than_threads_share_the_threads(monkeypatch):
    config = ModelConfig.default(vocabulary=60, labels=["a", "b"], embedding=9, hidden_size=7)
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    names: set[str] = set()
    real = Forward.pooled_batch

    def pooled(self: Forward, own: Any, statistics: Any) -> Any:
        names.add(threading.current_thread().name)
        return real(self, own, statistics)

    monkeypatch.setattr(Forward, "pooled_batch", pooled)
    Forward(config, random_weights(config), row_limit=100).logits([np.arange(30, dtype=np.int32)] * 9)
    assert names == {threading.current_thread().name}


def test_a_batch_that_fails_beside_others_fails_the_call(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    config = ModelConfig.default(vocabulary=60, labels=["a", "b"], embedding=9, hidden_size=7)
    weights = {
        name: np.full_like(value, 3e38) if name.startswith("output") else value
        for name, value in random_weights(config).items()
    }
    with pytest.raises(ModelError, match="logits: must be finite"):
        Forward(config, weights, row_limit=20).logits([np.arange(20, dtype=np.int32)] * 9)


def test_a_block_is_bounded_whatever_the_number_of_threads(monkeypatch):
    config = ModelConfig.default(vocabulary=60, labels=["a", "b"], embedding=128, hidden_size=192)
    weights = random_weights(config)
    rows: set[int] = set()
    for threads in ("1", "2", "64"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        rows.add(Forward(config, weights).row_limit)
    assert rows == {(32 << 20) // (4 * (128 + 2 * 192))}
