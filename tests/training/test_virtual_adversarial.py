"""Virtual adversarial training and entropy, against linear networks whose answers can be worked out by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from peephole.training.adversarial import adversarial_step
from peephole.training.batches import Batch, gather, with_labels
from peephole.training.corpus import Corpus
from peephole.training.learner import Learner
from peephole.training.losses import divergence, entropy, label_loss
from peephole.training.machine import Machine
from peephole.training.network import make_config, make_network
from peephole.training.objective import add_gradients
from peephole.training.state import State
from peephole.training.virtual_adversarial import Noise, frozen, virtual_loss, virtual_step
from support.tolerances import EXACT, FLOAT32

QUIET = {"word_dropout": 0.0, "embedding_dropout": 0.0, "pool_dropout": 0.0, "head_dropout": 0.0}
LOUD = {"word_dropout": 0.3, "embedding_dropout": 0.4, "pool_dropout": 0.4, "head_dropout": 0.4}


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_divergence_by_hand() -> None:
    reference, logits = torch.tensor([[math.log(3.0), 0.0]]), torch.zeros(1, 2)
    expected = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert divergence(logits, reference).item() == pytest.approx(expected, rel=1e-6)
    two = divergence(torch.zeros(2, 2), torch.cat([reference, torch.zeros(1, 2)]))
    assert two.item() == pytest.approx(expected / 2, rel=1e-6)


def test_the_entropy_and_its_gradient_by_hand() -> None:
    """With p = σ(a), H = −p ln p − (1 − p) ln(1 − p), so dH/da = −a p (1 − p)."""
    logits = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]], requires_grad=True)
    value = entropy(logits)
    first = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert value.item() == pytest.approx((first + math.log(2)) / 2, rel=1e-6)
    (gradient,) = torch.autograd.grad(value, logits)
    slope = -math.log(3) * 0.75 * 0.25 / 2
    torch.testing.assert_close(gradient, torch.tensor([[slope, -slope], [0.0, 0.0]]), **FLOAT32)


TEXT = torch.tensor([0, 1, 0, 1, 1, 2])  # text 3 has no tokens


def linear(weight: torch.Tensor):
    """A network that adds up the vectors of each text and multiplies."""
    return lambda rows: rows.new_zeros(4, 3).index_add(0, TEXT, rows) @ weight


def curvature(weight: torch.Tensor, logits: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """H d of the divergence, worked out: the Fisher matrix of a softmax, diag(p) − p pᵀ, between the weights."""
    moved = direction.new_zeros(4, 3).index_add(0, TEXT, direction) @ weight
    p = logits.softmax(1)
    return ((p * moved - p * (p * moved).sum(1, keepdim=True)) @ weight.T)[TEXT]


def test_between_two_classes_the_step_is_the_top_eigenvector() -> None:
    """There the Fisher matrix has rank one: every token must move along ±(w₀ − w₁), equally far in each text."""
    vectors, weight = random(6, 3), random(3, 2, seed=1)
    torch.manual_seed(0)
    step = virtual_step(linear(weight), linear(weight)(vectors), vectors, TEXT, 4, 2.0)
    top = (weight[:, 0] - weight[:, 1]).expand(6, 3)
    for n in range(3):
        rows = n == TEXT
        assert step[rows].norm().item() == pytest.approx(2.0 * vectors.std().item(), rel=1e-4)
        cosine = torch.cosine_similarity(step[rows].flatten(), top[rows].flatten(), dim=0)
        assert abs(cosine.item()) == pytest.approx(1.0, abs=1e-4)
    assert not step.requires_grad


def test_among_three_classes_the_step_is_one_of_the_power_method() -> None:
    vectors, weight = random(6, 3), random(3, 3, seed=1)
    logits = linear(weight)(vectors)
    torch.manual_seed(5)
    step = virtual_step(linear(weight), logits, vectors, TEXT, 4, 1.0)
    torch.manual_seed(5)
    expected = curvature(weight, logits, adversarial_step(torch.randn(6, 3), vectors, TEXT, 4, 1.0))
    for n in range(3):
        rows = n == TEXT
        cosine = torch.cosine_similarity(step[rows].flatten(), expected[rows].flatten(), dim=0)
        # The trial step is a tenth of a standard deviation long, not infinitely short.
        assert cosine.item() == pytest.approx(1.0, abs=0.02)


def test_the_step_changes_the_answer_more_than_chance_does() -> None:
    vectors, weight = random(6, 3), random(3, 3, seed=1)
    classify = linear(weight)
    logits = classify(vectors)
    step = virtual_step(classify, logits, vectors, TEXT, 4, 0.5)
    found = divergence(classify(vectors + step), logits)
    by_chance = [
        divergence(classify(vectors + adversarial_step(random(6, 3, seed=n), vectors, TEXT, 4, 0.5)), logits)
        for n in range(20)
    ]
    assert found > sum(by_chance) / 20


def test_no_step_where_nothing_depends_on_the_vectors() -> None:
    vectors = random(6, 3)
    step = virtual_step(linear(torch.zeros(3, 2)), torch.zeros(4, 2), vectors, TEXT, 4, 1.0)
    assert torch.equal(step, torch.zeros(6, 3))
    for rows in (0, 1):
        none = virtual_step(
            lambda v: torch.zeros(1, 2), torch.zeros(1, 2), vectors[:rows], TEXT[:rows], 1, 1.0
        )
        assert torch.equal(none, torch.zeros(rows, 3))


def test_frozen_parameters_thaw_as_they_were() -> None:
    first, second = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2), requires_grad=False)
    with frozen([first, second]):
        assert not first.requires_grad
        assert not second.requires_grad
    assert first.requires_grad
    assert not second.requires_grad


def test_the_labelled_part_of_a_batch() -> None:
    texts = [np.arange(10 * n, 10 * n + length, dtype=np.int32) for n, length in enumerate((2, 5, 0, 3, 4))]
    targets = np.arange(10, dtype=np.float32).reshape(5, 2)
    corpus = dataclasses.replace(Corpus.from_texts(texts, [0, -1, 1, 1, -1]), targets=targets)
    whole = gather(corpus, np.array([4, 3, 1, 0, 2]))
    part, rows = with_labels(whole)
    assert part.labels.tolist() == [1, 0, 1]
    assert part.rows.tolist() == [3, 0, 2]
    assert [part.ids[part.sequences.rows_of(n)].tolist() for n in range(3)] == [[30, 31, 32], [0, 1], []]
    assert np.array_equal(part.ids, whole.ids[rows])
    assert part.targets.tolist() == [[6, 7], [0, 1], [4, 5]]


def small_batch() -> Batch:
    """Two labelled texts of the tokens 10 to 19, two unlabelled ones of 20 to 29, one of them long."""
    chance = np.random.default_rng(0)
    texts = [
        chance.integers(10 + 10 * (n > 1), 20 + 10 * (n > 1), length) for n, length in enumerate((4, 7, 3, 9))
    ]
    return gather(
        Corpus.from_texts([t.astype(np.int32) for t in texts], [0, 1, -1, -1]), np.array([2, 0, 3, 1])
    )


def learner_of(recipe) -> Learner:
    network = make_network(make_config(recipe, 40, ("bad", "good")), recipe)
    for name, weight in network.named_parameters():
        with torch.no_grad():  # far from guessing, or nothing has a slope
            weight.mul_(5.0 if name.startswith("embedding") else 3.0)
    return Learner(network, recipe, Machine(), State())


def gradients(recipe, batch: Batch, *, noisy: bool = True) -> dict[str, torch.Tensor]:
    learner = learner_of(recipe)
    torch.manual_seed(11)
    add_gradients(learner, batch, None, recipe, Machine(), noisy=noisy)
    return {name: weight.grad for name, weight in learner.parameters.items()}


@pytest.fixture
def mixed(tiny):
    return dataclasses.replace(
        tiny, **QUIET, adversarial=2.0, virtual_adversarial=0.7, virtual_distance=1.5, entropy=0.4
    )


def test_the_mixed_objective_is_the_sum_of_its_terms(mixed) -> None:
    batch = small_batch()
    network = learner_of(mixed).model
    ids, labels, sequences = torch.from_numpy(batch.ids), torch.from_numpy(batch.labels), batch.sequences
    text, known = torch.from_numpy(sequences.row_batch), labels >= 0

    def targets(logits: torch.Tensor) -> torch.Tensor:
        return label_loss(logits[known], labels[known], None, mixed.label_smoothing)

    vectors = network.embed(ids, sequences)
    logits = network.classify(vectors, sequences)
    (slope,) = torch.autograd.grad(targets(logits), vectors, retain_graph=True)
    spread = vectors.detach()[known[text]].std()
    step = torch.zeros_like(slope)
    for n in range(4):
        rows = text == n
        if known[n]:
            step[rows] = 2.0 * spread * slope[rows] / slope[rows].norm()
    torch.manual_seed(13)  # the third stream of the step that begins with 11
    virtual = virtual_step(
        lambda rows: network.classify(rows, sequences), logits.detach(), vectors.detach(), text, 4, 1.5
    )
    loss = targets(logits) + targets(network.classify(network.embed(ids, sequences) + step, sequences))
    loss = loss + 0.4 * entropy(logits)
    moved = network.classify(network.embed(ids, sequences) + virtual, sequences)
    p = logits.detach().softmax(1)
    loss = loss + 0.7 * (p * (p.log() - moved.log_softmax(1))).sum(1).mean()
    network.zero_grad()
    loss.backward()
    for name, found in gradients(mixed, batch).items():
        expected = network.get_parameter(name).grad
        assert (found - expected).norm() < 2e-4 * expected.norm(), name


def test_texts_without_a_label_meet_no_plain_adversary(mixed) -> None:
    recipe = dataclasses.replace(mixed, virtual_adversarial=0.0, entropy=0.0)
    found = gradients(recipe, small_batch())["embedding.weight"]
    assert (found[20:30] == 0).all()
    assert found[10:20].abs().sum() > 0
    for term in ("virtual_adversarial", "entropy"):
        found = gradients(dataclasses.replace(recipe, **{term: 1.0}), small_batch())["embedding.weight"]
        assert found[20:30].abs().sum() > 0, term


def test_nothing_but_targets_before_the_noise_sets_in(mixed) -> None:
    plain = dataclasses.replace(mixed, adversarial=0.0, virtual_adversarial=0.0, entropy=0.0)
    for name, found in gradients(mixed, small_batch(), noisy=False).items():
        torch.testing.assert_close(found, gradients(plain, small_batch())[name], **EXACT)


def test_all_passes_share_their_dropout_masks(mixed) -> None:
    """At a vanishing distance the answers then agree; with other masks they would be far apart."""
    recipe = dataclasses.replace(mixed, **LOUD, virtual_distance=1e-6)
    model, batch = learner_of(recipe).model, small_batch()
    torch.manual_seed(3)
    noise = Noise()
    noise.before_the_vectors()
    vectors = model.embed(torch.from_numpy(batch.ids), batch.sequences)
    noise.behind_the_vectors()
    logits = model.classify(vectors, batch.sequences)
    loss = virtual_loss(model, batch, vectors.detach(), logits.detach(), noise, recipe, Machine())
    assert loss.item() < 1e-6
    other = model(torch.from_numpy(batch.ids), batch.sequences)
    assert divergence(other, logits).item() > 1e-3


def test_a_batch_without_labels_or_without_tokens(mixed) -> None:
    texts = [np.array([20, 21, 22], dtype=np.int32), np.array([], dtype=np.int32)]
    corpus = Corpus.from_texts(texts, [-1, -1])
    found = gradients(mixed, gather(corpus, np.array([0, 1])))
    assert found["embedding.weight"][20:23].abs().sum() > 0
    for weight in gradients(mixed, gather(corpus, np.array([1]))).values():
        assert weight is None or torch.isfinite(weight).all()
