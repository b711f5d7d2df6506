"""Initial weights."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

import peephole.nn as ours
from peephole import cells
from peephole.equations import Cell, Step, sigmoid, tanh
from support.tolerances import EXACT, FLOAT32, FLOAT64, Tolerance

D, H = 5, 8


class MinimalGatedUnit(Cell):
    gates, states = ("f", "n"), ("h",)

    def step(self, pre: Any, prev: Any) -> Step:
        f = sigmoid(pre.f)
        n = tanh(pre.x.n + pre.recurrent(f * prev.h).n)
        return Step(h=(1 - f) * prev.h + f * n, f=f, n=n)


@pytest.mark.parametrize(
    "cell", [MinimalGatedUnit(), cells.PeepholeLSTM("full"), cells.CoupledLSTM()], ids=repr
)
def test_a_cell_of_any_gates_has_its_parameters_uniform(cell: Cell) -> None:
    torch.manual_seed(0)
    layer = ours.Recurrent(cell, D, H, 2, bidirectional=True)
    gates = len(cell.gates)
    for k, suffix in enumerate(["l0", "l0_reverse", "l1", "l1_reverse"]):
        assert layer.get_parameter(f"weight_ih_{suffix}").shape == (gates * H, D if k < 2 else 2 * H)
        assert layer.get_parameter(f"weight_hh_{suffix}").shape == (gates * H, H)
        assert layer.get_parameter(f"bias_ih_{suffix}").shape == (gates * H,)
        for name, shape in cell.parameter_shapes(H).items():
            assert layer.get_parameter(f"{name}_{suffix}").shape == shape
        assert layer.all_weights[k][0] is layer.get_parameter(f"weight_ih_{suffix}")
        assert len(layer.all_weights[k]) == 4 + len(cell.parameter_shapes(H))
    bound = 1 / math.sqrt(H)
    for parameter in layer.parameters():
        assert parameter.abs().max() <= bound
        assert parameter.std() > bound / 3  # bound / sqrt(3) in the mean
    first = [parameter.clone() for parameter in layer.parameters()]
    torch.manual_seed(0)
    layer.reset_parameters()  # the constructor drew its numbers once
    for a, b in zip(layer.parameters(), first, strict=True):
        torch.testing.assert_close(a, b, **EXACT)


def test_a_subclass_initialises_once_with_all_parameters_there() -> None:
    seen: list[list[str]] = []

    class Mine(ours.PeepholeLSTM):
        def reset_parameters(self) -> None:
            seen.append([name for name, _ in self.named_parameters()])
            super().reset_parameters()

    Mine(3, 4)
    assert seen == [["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_ch_l0"]]


@pytest.mark.parametrize("kind", ["LSTM", "PeepholeLSTM"])
@pytest.mark.parametrize("init", ["torch", "orthogonal"])
def test_forget_bias_is_what_both_biases_add_up_to(kind: str, init: str) -> None:
    layer = getattr(ours, kind)(D, H, 2, bidirectional=True, forget_bias=1.5, init=init)
    for weights in layer.all_weights:
        total = (weights[2] + weights[3]).chunk(4)
        torch.testing.assert_close(total[1], torch.full((H,), 1.5), **EXACT)
        if init == "orthogonal":
            assert not torch.cat([total[0], *total[2:]]).any()
        else:
            assert total[0].abs().min() > 0
    assert "forget_bias=1.5" in repr(layer)


def test_forget_bias_leaves_torchs_other_numbers() -> None:
    torch.manual_seed(3)
    theirs = nn.LSTM(D, H)
    torch.manual_seed(3)
    mine = ours.LSTM(D, H, forget_bias=1.0)
    for name, weight in theirs.state_dict().items():
        other = mine.state_dict()[name]
        keep = torch.ones(4 * H, dtype=torch.bool)
        keep[H : 2 * H] = not name.startswith("bias")
        torch.testing.assert_close(other[keep], weight[keep], **EXACT)


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, FLOAT64), (torch.float32, FLOAT32), (torch.bfloat16, {"rtol": 0, "atol": 0.02})],
)
@pytest.mark.parametrize("cell", [cells.LSTM(), cells.GRU(), cells.RNN(), MinimalGatedUnit()], ids=repr)
def test_orthogonal(cell: Cell, dtype: torch.dtype, tolerance: Tolerance) -> None:
    layer = ours.Recurrent(cell, D, H, bidirectional=True, init="orthogonal", dtype=dtype)
    eye, glorot = torch.eye(H, dtype=dtype), math.sqrt(6 / (D + H))
    for weight_ih, weight_hh, bias_ih, bias_hh in layer.all_weights:
        for matrix in weight_hh.chunk(len(cell.gates)):
            torch.testing.assert_close(matrix @ matrix.T, eye, **tolerance)
        for matrix in weight_ih.chunk(len(cell.gates)):
            assert glorot / 2 < matrix.abs().max() <= glorot * 1.01  # bfloat16 rounds up
        assert not bias_ih.any()
        assert not bias_hh.any()


def test_orthogonal_with_projection() -> None:
    layer = ours.LSTM(D, H, proj_size=3, init="orthogonal", dtype=torch.float64)
    eye = torch.eye(3, dtype=torch.float64)
    for matrix in layer.get_parameter("weight_hh_l0").chunk(4):  # [H, P]
        torch.testing.assert_close(matrix.T @ matrix, eye, **FLOAT64)
    projection = layer.get_parameter("weight_hr_l0")
    torch.testing.assert_close(projection @ projection.T, eye, **FLOAT64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("cell", [cells.RNN("relu"), cells.GRU()], ids=repr)
def test_identity(cell: Cell, dtype: torch.dtype) -> None:
    torch.manual_seed(2)
    layer = ours.Recurrent(cell, 100, H, 2, init="identity", dtype=dtype)
    for weight_ih, weight_hh, bias_ih, bias_hh in layer.all_weights:
        for matrix in weight_hh.chunk(len(cell.gates)):
            torch.testing.assert_close(matrix, torch.eye(H, dtype=dtype), **EXACT)
        for matrix in weight_ih.chunk(len(cell.gates)):
            assert 0.0008 < matrix.std() < 0.0013
        assert not bias_ih.any()
        assert not bias_hh.any()


def test_an_rnn_of_identities_adds_up_its_inputs() -> None:
    layer = ours.RNN(D, D, nonlinearity="relu", init="identity", dtype=torch.float64)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.eye(D))
    x = torch.rand(9, 2, D, dtype=torch.float64)
    torch.testing.assert_close(layer(x)[0], x.cumsum(0), **FLOAT64)


@pytest.mark.parametrize("length", [3, 100.0, 5000])
def test_chrono_spreads_the_memory_of_an_lstm(length: float) -> None:
    layer = ours.LSTM(D, 1024, init="chrono", chrono_length=length, dtype=torch.float64)
    _, _, bias_ih, bias_hh = layer.all_weights[0]
    i, f, g, o = (bias_ih + bias_hh).detach().chunk(4)
    torch.testing.assert_close(i, -f, **EXACT)
    times = f.exp()
    assert times.min() >= 1 - 1e-9
    assert times.max() <= length - 1 + 1e-9
    # uniform: its mean is length / 2, with a standard error of (length − 2) / sqrt(12 · 1024)
    assert abs(times.mean() - length / 2) < 5 * (length - 2) / math.sqrt(12 * 1024)
    assert torch.cat([g, o]).abs().max() <= 2 / math.sqrt(1024)


def test_chrono_knows_which_gate_keeps() -> None:
    gru = ours.GRU(D, H, init="chrono", chrono_length=50)
    z = (gru.bias_ih_l0 + gru.bias_hh_l0).chunk(3)[1]
    assert z.min() >= 0
    coupled = ours.Recurrent(cells.CoupledLSTM(), D, H, init="chrono", chrono_length=50)
    i = (coupled.bias_ih_l0 + coupled.bias_hh_l0).chunk(3)[0]
    assert i.max() <= 0
    gated = ours.Recurrent(MinimalGatedUnit(), D, H, init="chrono", chrono_length=50)
    assert (gated.bias_ih_l0 + gated.bias_hh_l0).chunk(2)[0].min() >= 0


@pytest.mark.parametrize("init", ["torch", "orthogonal", "identity", "chrono"])
def test_meta_and_skip_init(init: str) -> None:
    options: dict[str, Any] = {"init": init, "chrono_length": 9 if init == "chrono" else None}
    assert ours.LSTM(D, H, device="meta", **options).weight_hh_l0.is_meta
    layer = torch.nn.utils.skip_init(ours.LSTM, D, H, **options)
    assert layer.weight_hh_l0.device.type == "cpu"
    layer.reset_parameters()
    assert layer(torch.zeros(2, 1, D))[0].isfinite().all()
