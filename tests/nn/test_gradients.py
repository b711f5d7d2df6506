"""First and second derivatives of every cell and option on the reference, against finite differences; and torch.func."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, jvp, vmap

import peephole.nn as ours
from peephole import cells
from support.cases import CELLS
from support.tolerances import FLOAT64

D, H = 2, 3
LENGTHS = [3, 0, 1]

# Torch's own: the first forward differentiation of a process loads rules that it compiles in a way that it has deprecated.
torch_deprecates_itself = pytest.mark.filterwarnings(
    "ignore:.torch.jit.script. is deprecated:DeprecationWarning"
)


def function_of(layer: Any, lengths: list[int] | None) -> tuple[Any, list[Tensor]]:
    """The layer as a function of inputs, states and weights, and values for them."""
    names = [name for name, _ in layer.named_parameters()]
    count, batch = layer.num_layers * (2 if layer.bidirectional else 1), len(LENGTHS)
    widths = [layer.proj_size or H] + [H] * (len(layer.cell.states) - 1)
    arguments = [torch.randn(3, batch, D, dtype=torch.float64)]
    arguments += [torch.randn(count, batch, width, dtype=torch.float64) for width in widths]
    # Weights of about 0.5, away from the kink of relu and from zero gradients.
    arguments += [torch.randn_like(p) * 0.5 for p in layer.parameters()]

    def call(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        states, weights = rest[: len(widths)], dict(zip(names, rest[len(widths) :], strict=True))
        hx = states if len(states) > 1 else states[0]
        y, hidden = functional_call(layer, weights, (x, hx), {"lengths": lengths})
        return (y, *(hidden if isinstance(hidden, tuple) else (hidden,)))

    return call, [a.requires_grad_() for a in arguments]


OPTIONS: list[dict[str, Any]] = [
    {"bias": bias, "bidirectional": bidirectional}
    for bias, bidirectional in itertools.product((True, False), repeat=2)
]
CASES = [
    *itertools.product(CELLS, OPTIONS),
    *((cell, {"proj_size": 2}) for cell in CELLS if cell.projectable),
    (cells.PeepholeLSTM(), {"proj_size": 2, "num_layers": 2, "bidirectional": True}),
    *itertools.product(
        [cells.LSTM(), cells.GRU()], [{"num_layers": 2, "recurrent_dropout": 0.4, "dropout": 0.3}]
    ),
]


def names(value: Any) -> str:
    return " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else repr(value)


@pytest.mark.parametrize(("cell", "options"), CASES, ids=names)
def test_first_and_second_derivatives(cell: Any, options: dict[str, Any]) -> None:
    torch.manual_seed(11)
    layer = ours.Recurrent(cell, D, H, dtype=torch.float64, backend="reference", **options)
    call, arguments = function_of(layer, LENGTHS)

    def seeded(*values: Tensor) -> tuple[Tensor, ...]:
        torch.manual_seed(2)  # the same masks at every evaluation
        return call(*values)

    assert torch.autograd.gradcheck(seeded, arguments, fast_mode=True)
    assert torch.autograd.gradgradcheck(seeded, arguments, fast_mode=True)


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_derivatives_entry_by_entry(cell: Any) -> None:
    torch.manual_seed(12)
    layer = ours.Recurrent(cell, D, H, dtype=torch.float64, backend="reference", bidirectional=True)
    call, arguments = function_of(layer, LENGTHS)
    assert torch.autograd.gradcheck(call, arguments)
    assert torch.autograd.gradgradcheck(call, arguments)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_derivatives_of_the_torch_backend(kind: str) -> None:
    torch.manual_seed(13)
    layer = getattr(ours, kind)(D, H, 2, bidirectional=True, dtype=torch.float64, backend="torch")
    call, arguments = function_of(layer, LENGTHS)
    assert torch.autograd.gradcheck(call, arguments, fast_mode=True)
    assert torch.autograd.gradgradcheck(call, arguments, fast_mode=True)


FUNC_CELLS = [cells.LSTM(), cells.PeepholeLSTM("full"), cells.GRU("before"), cells.RNN()]


@torch_deprecates_itself
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["dense", "ragged"])
@pytest.mark.parametrize("cell", FUNC_CELLS, ids=repr)
def test_torch_func_agrees_with_autograd(cell: Any, lengths: list[int] | None) -> None:
    torch.manual_seed(14)
    layer = ours.Recurrent(cell, D, H, bidirectional=True, dtype=torch.float64, backend="reference")
    call, arguments = function_of(layer, lengths)
    weights = [torch.randn_like(out) for out in call(*arguments)]

    def loss(*values: Tensor) -> Tensor:
        return torch.stack([(out * w).sum() for out, w in zip(call(*values), weights, strict=True)]).sum()

    expected = torch.autograd.grad(loss(*arguments), arguments)
    actual = grad(loss, argnums=tuple(range(len(arguments))))(*arguments)
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, **FLOAT64)

    tangents = tuple(torch.randn_like(a) for a in arguments)
    _, forwards = jvp(loss, tuple(arguments), tangents)
    backwards = sum((g * t).sum() for g, t in zip(expected, tangents, strict=True))
    torch.testing.assert_close(forwards, backwards, **FLOAT64)

    # per-sample gradients of four batches, and an ensemble of four layers
    batches = torch.randn(4, *arguments[0].shape, dtype=torch.float64)
    per_batch = vmap(grad(loss), in_dims=(0, *[None] * (len(arguments) - 1)))(batches, *arguments[1:])
    for x, actual_grad in zip(batches, per_batch, strict=True):
        torch.testing.assert_close(actual_grad, grad(loss)(x, *arguments[1:]), **FLOAT64)
    ensemble = [torch.stack([a + k / 10 for k in range(4)]) for a in arguments[1:]]
    together = vmap(loss, in_dims=(None, *[0] * len(ensemble)))(arguments[0], *ensemble)
    for k in range(4):
        torch.testing.assert_close(together[k], loss(arguments[0], *(e[k] for e in ensemble)), **FLOAT64)


@torch_deprecates_itself
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_the_default_backend_can_be_vectorised_and_differentiated_forwards(kind: str) -> None:
    layer = getattr(ours, kind)(D, H)
    x = torch.randn(4, 3, 2, D)
    y = vmap(lambda one: layer(one)[0])(x)
    for one, out in zip(x, y, strict=True):
        torch.testing.assert_close(out, layer(one)[0])
    _, tangent = jvp(lambda one: layer(one)[0], (x[0],), (torch.ones_like(x[0]),))
    assert tangent.shape == (3, 2, H)
