"""The sampled loss against torch's cross-entropy, its gradients, and what it stands for on the average."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from peephole.training.language.sampled import Candidates, sampled_loss
from support.tolerances import FLOAT64


def problem(rows: int, tokens: int, width: int = 5) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    said = torch.randn(rows, width, dtype=torch.float64, requires_grad=True)
    vectors = torch.randn(tokens, width, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(tokens, dtype=torch.float64, requires_grad=True)
    return said, vectors, bias, torch.randint(0, tokens, (rows,))


@pytest.mark.parametrize("rows", [1, 7, 1300])
def test_with_all_tokens_it_is_the_cross_entropy(rows: int) -> None:
    said, vectors, bias, right = problem(rows, 11)
    loss = sampled_loss(said, vectors, bias, right, None)
    expected = F.cross_entropy(F.linear(said, vectors, bias), right)
    torch.testing.assert_close(loss, expected, **FLOAT64)
    ours = torch.autograd.grad(loss * 3, (said, vectors, bias))
    theirs = torch.autograd.grad(expected * 3, (said, vectors, bias))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, **FLOAT64)


def test_only_the_right_token_keeps_its_score() -> None:
    said, vectors, bias, right = problem(6, 11)
    chance = torch.linspace(-3, -0.1, 11, dtype=torch.float64)
    scores = F.linear(said, vectors, bias) - chance
    rows = torch.arange(6)
    scores[rows, right] = scores[rows, right] + chance[right]
    expected = F.cross_entropy(scores, right)
    loss = sampled_loss(said, vectors, bias, right, chance)
    torch.testing.assert_close(loss, expected, **FLOAT64)
    for one, other in zip(
        torch.autograd.grad(loss, (said, vectors, bias)),
        torch.autograd.grad(expected, (said, vectors, bias)),
        strict=True,
    ):
        torch.testing.assert_close(one, other, **FLOAT64)


def test_candidates_are_the_right_tokens_and_the_drawn_ones() -> None:
    choice = Candidates(np.arange(200), 30, 0.6, 8)
    targets = np.array([3, 3, 150, 7, 199, 0, 8, 3])
    among, place = choice.choose(targets, np.random.default_rng(1))
    assert np.array_equal(among[place], targets)
    assert np.array_equal(among, np.unique(among))
    assert len(np.unique(targets)) < len(among) <= len(np.unique(targets)) + 30


def test_the_chance_is_how_often_a_token_is_there() -> None:
    counts = np.array([0, 3, 10, 100, 500, 1000, 2000, 50])
    choice = Candidates(counts, 2, 0.6, 4)
    chance = np.random.default_rng(0)
    frequency = (counts + 1) / (counts + 1).sum()
    times, rounds = np.zeros(len(counts)), 20_000
    for _ in range(rounds):
        among, _ = choice.choose(chance.choice(len(counts), 4, p=frequency), chance)
        times[among] += 1
    expected = np.exp(choice.log_chance)
    spread = np.sqrt(expected * (1 - expected) / rounds)
    assert np.all(np.abs(times / rounds - expected) < 5 * spread + 1e-9)


def test_as_many_draws_as_tokens_take_all_of_them() -> None:
    choice = Candidates(np.arange(10), 10, 0.6, 4)
    among, place = choice.choose(np.array([4, 9]), np.random.default_rng(0))
    assert choice.drawn == 0
    assert among.tolist() == list(range(10))
    assert place.tolist() == [4, 9]
