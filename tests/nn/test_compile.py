"""`torch.compile(fullgraph=True)`: one graph, no break, the same numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import peephole.nn as ours
from peephole import cells
from support.tolerances import FLOAT32

D, H, T = 3, 4, 3


def layers() -> list[Any]:
    torch.manual_seed(0)
    return [
        ours.LSTM(D, H, bidirectional=True),
        ours.PeepholeLSTM(D, H, 2, batch_first=True),
        ours.GRU(D, H, reset="before"),
        ours.RNN(D, H),
        ours.Recurrent(cells.CoupledLSTM(), D, H, bias=False),
    ]


@pytest.mark.parametrize("layer", layers(), ids=lambda layer: type(layer).__name__)
def test_one_graph(layer: Any) -> None:
    torch.compiler.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = torch.randn(T, 2, D)
    expected, actual = layer(x), compiled(x)
    torch.testing.assert_close(actual, expected, **FLOAT32)
    parameters = list(layer.parameters())
    for a, b in zip(
        torch.autograd.grad(actual[0].pow(2).sum(), parameters),
        torch.autograd.grad(expected[0].pow(2).sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(a, b, **FLOAT32)


def test_the_batch_may_change_without_another_graph() -> None:
    torch.compiler.reset()
    counter = torch._dynamo.testing.CompileCounter()
    layer = ours.PeepholeLSTM(D, H)
    compiled = torch.compile(layer, fullgraph=True, dynamic=True, backend=counter)
    for batch in (2, 5, 7):
        x = torch.randn(T, batch, D)
        torch.testing.assert_close(compiled(x), layer(x), **FLOAT32)
    assert counter.frame_count == 1


# Torch's own: its compiler loads a module that it has deprecated itself.
@pytest.mark.filterwarnings("ignore:.torch.jit.*. is deprecated:DeprecationWarning")
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["LSTM", "PeepholeLSTM"])
def test_compiled_to_machine_code(kind: str) -> None:
    torch.compiler.reset()
    torch.manual_seed(0)
    layer = getattr(ours, kind)(D, H)
    compiled = torch.compile(layer, fullgraph=True)
    x = torch.randn(T, 2, D)
    actual, expected = compiled(x), layer(x)
    torch.testing.assert_close(actual, expected, **FLOAT32)
    parameters = list(layer.parameters())
    for a, b in zip(
        torch.autograd.grad(actual[0].pow(2).sum(), parameters),
        torch.autograd.grad(expected[0].pow(2).sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(a, b, **FLOAT32)
