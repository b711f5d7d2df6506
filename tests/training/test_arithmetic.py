"""Schedule, average, loss, class weights and the adversarial step, against numbers worked by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from peephole.training.adversarial import adversarial_step
from peephole.training.average import decay_at, update_average
from peephole.training.chance import guessing_advice, is_guessing
from peephole.training.losses import label_loss
from peephole.training.schedule import OneCycle
from peephole.training.targets import class_weights


def test_one_cycle_by_hand() -> None:
    cycle = OneCycle(peak=0.01, steps=1000, warmup=0.2)
    assert cycle.rate(0) == pytest.approx(0.0005)
    assert cycle.rate(100) == pytest.approx(0.01 * (0.05 + 0.95 * 0.5))
    assert cycle.rate(200) == pytest.approx(0.01)
    assert cycle.rate(600) == pytest.approx(0.01 * (0.001 + 0.999 * 0.5))
    assert cycle.rate(1000) == pytest.approx(0.01 * 0.001)
    assert cycle.rate(5000) == cycle.rate(1000)
    assert cycle.warmup_steps == 200
    rates = [cycle.rate(step) for step in range(1001)]
    assert max(rates) == rates[200]
    assert all(a < b for a, b in itertools.pairwise(rates[:201]))
    assert all(a > b for a, b in itertools.pairwise(rates[200:]))


def test_one_cycle_without_a_rise() -> None:
    assert OneCycle(peak=1.0, steps=10, warmup=0.0).rate(0) == pytest.approx(1.0)


def test_average_by_hand() -> None:
    average = [torch.tensor([1.0])]
    update_average(average, [torch.tensor([3.0])], step=1, decay=0.9)
    assert average[0].item() == pytest.approx(1 / 11 * 1 + 10 / 11 * 3)
    update_average(average, [torch.tensor([0.0])], step=10_000, decay=0.9)
    assert average[0].item() == pytest.approx(0.9 * (1 / 11 + 30 / 11))
    assert decay_at(90, 0.995) == 0.9


def test_the_average_of_constant_weights_is_constant() -> None:
    average = [torch.full((3,), 2.0)]
    for step in range(1, 50):
        update_average(average, [torch.full((3,), 2.0)], step, 0.995)
    assert torch.equal(average[0], torch.full((3,), 2.0))


def test_loss_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0, 0.0]])
    log_z = math.log(math.exp(2) + 2)
    plain = log_z - 2
    smooth = 0.9 * plain + 0.1 * (3 * log_z - 2) / 3
    assert label_loss(logits, torch.tensor([0]), None, 0.0).item() == pytest.approx(plain, rel=1e-6)
    assert label_loss(logits, torch.tensor([0]), None, 0.1).item() == pytest.approx(smooth, rel=1e-6)


def test_class_weights_give_every_class_the_same_share() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [2])
    weights = class_weights(labels, 3, "balanced")
    assert weights.tolist() == pytest.approx([10 / 18, 10 / 9, 10 / 3])
    assert [float(weights[c]) * (labels == c).sum() for c in range(3)] == pytest.approx([10 / 3] * 3)
    assert class_weights(labels, 3, "none") is None
    logits = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))
    every = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels), reduction="none")
    by_class = torch.stack([every[torch.from_numpy(labels) == c].mean() for c in range(3)])
    assert label_loss(logits, torch.from_numpy(labels), weights, 0.0).item() == pytest.approx(
        by_class.mean().item()
    )


def test_the_adversarial_step_has_the_same_length_for_every_text() -> None:
    generator = torch.Generator().manual_seed(0)
    gradient, vectors = torch.randn(7, 4, generator=generator), torch.randn(7, 4, generator=generator)
    text = torch.tensor([0, 2, 0, 2, 0, 2, 2])  # text 1 has no tokens
    step = adversarial_step(gradient, vectors, text, 3, 2.5)
    for n in (0, 2):
        rows = text == n
        assert step[rows].norm().item() == pytest.approx(2.5 * vectors.std().item(), rel=1e-5)
        cosine = torch.nn.functional.cosine_similarity(step[rows].flatten(), gradient[rows].flatten(), dim=0)
        assert cosine.item() == pytest.approx(1.0, abs=1e-6)  # uphill


def test_the_adversarial_step_raises_the_loss() -> None:
    torch.manual_seed(0)
    weight = torch.randn(3, 2)
    vectors = torch.randn(6, 3, requires_grad=True)
    text = torch.tensor([0, 0, 1, 1, 2, 2])
    labels = torch.tensor([0, 1, 0])

    def loss(rows: torch.Tensor) -> torch.Tensor:
        return label_loss(torch.zeros(3, 3).index_add(0, text, rows) @ weight, labels, None, 0.05)

    before = loss(vectors)
    before.backward()
    step = adversarial_step(vectors.grad, vectors.detach(), text, 3, 0.5)
    assert loss(vectors.detach() + step) > before
    assert not step.requires_grad


def test_the_adversarial_step_of_nothing_is_nothing() -> None:
    assert torch.equal(
        adversarial_step(torch.zeros(4, 2), torch.eye(4)[:, :2], torch.zeros(4).long(), 1, 3.0),
        torch.zeros(4, 2),
    )
    assert adversarial_step(torch.zeros(0, 2), torch.zeros(0, 2), torch.zeros(0).long(), 3, 3.0).shape == (
        0,
        2,
    )
    assert torch.equal(
        adversarial_step(torch.ones(1, 2), torch.ones(1, 2), torch.zeros(1).long(), 1, 3.0), torch.zeros(1, 2)
    )


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.9, 0.1], [0.4, 0.3, 0.2, 0.1]], ids=str)
def test_guessers_are_found_whatever_they_prefer(shares) -> None:
    random = np.random.default_rng(0)
    labels = random.choice(len(shares), 2_000, p=shares)
    assert is_guessing(np.zeros(2_000, dtype=np.int64), labels)
    found = sum(is_guessing(random.choice(len(shares), 2_000, p=shares), labels) for _ in range(200))
    assert found > 180  # two standard errors: 97.7 in 100


def test_who_reads_is_not_taken_for_a_guesser() -> None:
    random = np.random.default_rng(0)
    labels = random.choice(2, 2_000, p=[0.9, 0.1])
    right = random.random(2_000) < 0.3
    assert not is_guessing(np.where(right, labels, 0), labels)  # finds three in ten of the rare class
    assert not is_guessing(np.array([0, 0]), np.array([0, 0]))  # one class alone: nobody can tell


def test_the_advice_tells_learning_by_heart_from_not_learning() -> None:
    counts = np.array([900, 100])
    assert "although the training texts are being learnt" in guessing_advice(0.1, 0.325, counts, 3e-3)
    advice = guessing_advice(0.33, 0.325, counts, 3e-3)  # the entropy of 9 : 1 is 0.325
    assert "that of a guesser (0.325)" in advice
    assert "the rarest class has 100" in advice
