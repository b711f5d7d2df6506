"""Every setting against learning by heart reaches the training: turned off, the gradients or the weights are others."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from peephole.nn import Recurrent
from peephole.training.batches import gather
from peephole.training.corpus import Corpus
from peephole.training.learner import Learner
from peephole.training.machine import Machine
from peephole.training.network import make_config, make_network
from peephole.training.objective import add_gradients
from peephole.training.recipe import Recipe
from peephole.training.state import State

OFF = {
    "word_dropout": 0.0,
    "embedding_dropout": 0.0,
    "layer_dropout": 0.0,
    "recurrent_dropout": 0.0,
    "pool_dropout": 0.0,
    "head_dropout": 0.0,
    "label_smoothing": 0.0,
    "adversarial": 0.0,
    "virtual_adversarial": 0.0,
    "entropy": 0.0,
    "average": 0.0,
    "evaluate": "raw",
    "weight_decay": 0.0,
    "layers": 2,
}


def batch_of():
    """Six texts of two classes, long enough that something is dropped in each, the last without a label."""
    chance = np.random.default_rng(0)
    texts = [chance.integers(3, 40, 20).astype(np.int32) for _ in range(6)]
    targets = chance.dirichlet([1, 1], 6).astype(np.float32)
    corpus = dataclasses.replace(Corpus.from_texts(texts, [0, 1, 0, 1, 1, -1]), targets=targets)
    return gather(corpus, np.arange(6))


def learner_after_a_step(recipe, targets: bool = False) -> tuple[Learner, dict[str, torch.Tensor]]:
    learner = Learner(
        make_network(make_config(recipe, 40, ("bad", "good")), recipe), recipe, Machine(), State()
    )
    batch = batch_of() if targets else dataclasses.replace(batch_of(), targets=None)
    torch.manual_seed(3)
    add_gradients(learner, batch, None, recipe, Machine(), noisy=True)
    gradients = {name: weight.grad.clone() for name, weight in learner.parameters.items()}
    learner.step(0.01)
    return learner, gradients


@pytest.mark.parametrize(
    ("name", "on"),
    [
        ("word_dropout", 0.3),
        ("embedding_dropout", 0.3),
        ("layer_dropout", 0.3),
        ("recurrent_dropout", 0.3),
        ("pool_dropout", 0.3),
        ("head_dropout", 0.3),
        ("label_smoothing", 0.2),
        ("adversarial", 1.0),
        ("virtual_adversarial", 1.0),
        ("entropy", 1.0),
    ],
)
def test_a_setting_changes_the_gradients(tiny, name, on) -> None:
    off = dataclasses.replace(tiny, **OFF)
    _, without = learner_after_a_step(off)
    _, again = learner_after_a_step(off)
    _, with_it = learner_after_a_step(dataclasses.replace(off, **{name: on}))
    assert all(torch.equal(gradient, again[key]) for key, gradient in without.items())
    changed = [not torch.equal(gradient, with_it[key]) for key, gradient in without.items()]
    assert any(changed)
    assert all(torch.isfinite(gradient).all() for gradient in with_it.values())


@pytest.mark.parametrize(("name", "on"), [("distillation", 0.2), ("distillation_temperature", 3.0)])
def test_settings_of_teachers_change_the_gradients(tiny, name, on) -> None:
    off = dataclasses.replace(tiny, **OFF)
    _, without = learner_after_a_step(off, targets=True)
    _, with_it = learner_after_a_step(dataclasses.replace(off, **{name: on}), targets=True)
    assert not torch.equal(without["output.weight"], with_it["output.weight"])


def test_the_distances_scale_what_they_should(tiny) -> None:
    on = dataclasses.replace(tiny, **OFF | {"adversarial": 1.0, "virtual_adversarial": 1.0})
    _, first = learner_after_a_step(on)
    for name in ("adversarial", "virtual_distance"):
        _, other = learner_after_a_step(dataclasses.replace(on, **{name: 2.5}))
        assert not torch.equal(first["output.weight"], other["output.weight"]), name


def test_weight_decay_and_averaging_act_on_the_weights(tiny) -> None:
    off = dataclasses.replace(tiny, **OFF)
    plain, _ = learner_after_a_step(off)
    decayed, _ = learner_after_a_step(dataclasses.replace(off, weight_decay=1.0))
    averaged, _ = learner_after_a_step(dataclasses.replace(off, average=0.9, evaluate="average"))
    first = make_network(make_config(off, 40, ("bad", "good")), off)
    for name, weight in plain.parameters.items():
        start = first.get_parameter(name)
        # AdamW pulls by learning rate · decay before it steps.
        torch.testing.assert_close(decayed.parameters[name], weight - 0.01 * start, rtol=0, atol=1e-6)
        # Of a first step the average keeps one part in eleven of the start (`decay_at`).
        expected = start / 11 + weight * 10 / 11
        torch.testing.assert_close(averaged.candidate[name], expected.detach(), rtol=0, atol=1e-6)
        assert torch.equal(plain.candidate[name], weight)


@pytest.mark.parametrize("init", ["orthogonal", "identity", "chrono"])
def test_the_first_weights_are_those_of_the_recipe(init) -> None:
    recipe = Recipe(cell="gru", embedding=6, hidden_size=5, head=0, max_length=50, head_tokens=10, init=init)
    layer = make_network(make_config(recipe, 40, ("bad", "good")), recipe).get_submodule("recurrent")
    assert isinstance(layer, Recurrent)
    assert layer.init == init
    matrices = torch.stack([matrix for weights in layer.all_weights for matrix in weights[1].chunk(3)])
    squares = matrices @ matrices.transpose(1, 2)
    assert torch.allclose(squares, torch.eye(5), atol=1e-5) == (init != "chrono")
    assert torch.equal(matrices, torch.eye(5).expand(6, 5, 5)) == (init == "identity")
    keep = torch.stack([(weights[2] + weights[3]).chunk(3)[1] for weights in layer.all_weights])
    assert bool((keep > 0).all()) == (init == "chrono")
    assert keep.exp().max() < 49


@pytest.mark.parametrize(("init", "forget"), [("orthogonal", 1.0), ("identity", 1.0), ("chrono", None)])
def test_forget_gates_begin_open(init, forget) -> None:
    recipe = Recipe(embedding=6, hidden_size=5, head=0, init=init)
    layer = make_network(make_config(recipe, 40, ("bad", "good")), recipe).get_submodule("recurrent")
    for weights in layer.all_weights:
        f = (weights[2] + weights[3]).chunk(4)[1]
        assert bool((f >= 0).all())
        assert forget is None or bool((f == forget).all())
