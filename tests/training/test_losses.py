"""The terms of the loss, against numbers worked by hand and against the same sums written plainly."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from peephole.training.losses import distillation_loss, label_loss
from support.tolerances import FLOAT32


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 2.0, 1.0])])
def test_texts_without_a_label_contribute_nothing_to_the_label_loss(smoothing, weights) -> None:
    logits = random(6, 3).requires_grad_()
    labels = torch.tensor([0, -1, 2, 1, -1, 1])
    known = labels >= 0
    expected = nn.CrossEntropyLoss(weight=weights, label_smoothing=smoothing)(logits[known], labels[known])
    loss = label_loss(logits, labels, weights, smoothing)
    torch.testing.assert_close(loss, expected, **FLOAT32)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert (gradient[~known] == 0).all()
    assert (gradient[known] != 0).all()


def test_distillation_by_hand() -> None:
    logits = torch.tensor([[math.log(3.0), 0.0]])  # probabilities 3/4 and 1/4
    targets = torch.tensor([[0.8, 0.2]])
    plain = -(0.8 * math.log(0.75) + 0.2 * math.log(0.25))
    assert distillation_loss(logits, targets, 1.0).item() == pytest.approx(plain, rel=1e-6)
    # At T = 2 odds become their roots: 3 : 1 → √3 : 1, and 4 : 1 → 2 : 1.
    p, q = math.sqrt(3) / (1 + math.sqrt(3)), 2 / 3
    soft = -4 * (q * math.log(p) + (1 - q) * math.log(1 - p))
    assert distillation_loss(logits, targets, 2.0).item() == pytest.approx(soft, rel=1e-6)


def test_distillation_of_certain_teachers_is_the_label_loss() -> None:
    logits, labels = random(5, 3), torch.tensor([0, 2, 1, 1, 0])
    targets = nn.functional.one_hot(labels, 3).float()
    torch.testing.assert_close(
        distillation_loss(logits, targets, 1.0), label_loss(logits, labels, None, 0.0), **FLOAT32
    )


def test_distillation_is_least_where_the_network_agrees() -> None:
    for temperature in (0.5, 1.0, 4.0):
        targets = random(4, 3).softmax(1)
        logits = targets.log().requires_grad_()
        (gradient,) = torch.autograd.grad(distillation_loss(logits, targets, temperature), logits)
        torch.testing.assert_close(gradient, torch.zeros(4, 3), **FLOAT32)


def test_the_gradient_of_distillation_keeps_its_size_at_high_temperatures() -> None:
    """Hinton et al., equation 4: for large T it becomes that of matching logits, (z − v) / C, whatever T is."""
    logits, teacher = random(1, 4).double().requires_grad_(), random(1, 4, seed=1).double()
    teacher_logits = teacher - teacher.mean()
    expected = (logits - logits.mean() - teacher_logits).detach() / 4
    targets = teacher.softmax(1)
    for temperature in (300.0, 3000.0):
        softened = targets.pow(1 / temperature)
        loss = nn.functional.cross_entropy(logits / temperature, softened / softened.sum()) * temperature**2
        (plain,) = torch.autograd.grad(loss, logits)
        torch.testing.assert_close(plain, expected, rtol=0, atol=3 / temperature)
    # In float32 the same at a temperature where rounding leaves something of it.
    single = logits.detach().float().requires_grad_()
    (gradient,) = torch.autograd.grad(distillation_loss(single, targets.float(), 30.0), single)
    torch.testing.assert_close(gradient.double(), expected, rtol=0, atol=0.1)
