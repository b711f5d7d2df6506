"""The theory, as tests: the conveyor keeps, its gradient is the product of the forget gates, and what gates cost."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import peephole.nn as ours
from peephole import cells
from peephole.ops import run
from support.tolerances import EXACT, FLOAT64, LONG_PRODUCT_FLOAT64

D, H = 3, 4
CONVEYORS = [
    cells.LSTM(),
    cells.PeepholeLSTM(),
    cells.PeepholeLSTM("full", "previous"),
]


def random_layer(cell: Any, **options: Any) -> Any:
    torch.manual_seed(21)
    return ours.Recurrent(cell, D, H, dtype=torch.float64, **options)


@pytest.mark.parametrize("cell", CONVEYORS, ids=repr)
def test_an_open_forget_gate_and_a_closed_input_gate_keep_the_cell_exactly_for_a_thousand_steps(
    cell: Any,
) -> None:
    layer = random_layer(cell)
    with torch.no_grad():  # σ(1000) = 1 and σ(−1000) = 0 in floating point: no rounding is left
        layer.bias_ih_l0[:H] = -1000.0
        layer.bias_ih_l0[H : 2 * H] = 1000.0
    c0 = torch.randn(1, 2, H, dtype=torch.float64)
    _, (_, c) = layer(torch.randn(1000, 2, D, dtype=torch.float64), (torch.zeros_like(c0), c0))
    torch.testing.assert_close(c, c0, **EXACT)


def test_an_update_gate_of_one_keeps_the_state_of_a_gru_exactly_for_a_thousand_steps() -> None:
    # Of the equations as they are written; torch's kernel computes n + z (h − n), which rounds.
    for reset in ("after", "before"):
        layer = random_layer(cells.GRU(reset), backend="reference")
        with torch.no_grad():
            layer.bias_ih_l0[H : 2 * H] = 1000.0  # z keeps
        h0 = torch.randn(1, 2, H, dtype=torch.float64)
        y, h = layer(torch.randn(1000, 2, D, dtype=torch.float64), h0)
        torch.testing.assert_close(h, h0, **EXACT)
        torch.testing.assert_close(y, h0.expand_as(y), **EXACT)


def weights_of(layer: Any) -> dict[str, torch.Tensor]:
    return {name.removesuffix("_l0"): weight.detach() for name, weight in layer.named_parameters()}


@pytest.mark.parametrize("steps", [1, 10, 300])
@pytest.mark.parametrize("cell", [*CONVEYORS, cells.CoupledLSTM()], ids=repr)
def test_the_gradient_along_the_conveyor_is_the_product_of_the_forget_gates(cell: Any, steps: int) -> None:
    # No recurrent weights and no peepholes: the conveyor is the only way from c_0 to c_T.
    weights = weights_of(random_layer(cell))
    for name in ("weight_hh", "weight_ch"):
        if name in weights:
            weights[name] = torch.zeros_like(weights[name])
    rows = torch.randn(steps, D, dtype=torch.float64)
    c0 = torch.randn(1, H, dtype=torch.float64, requires_grad=True)
    state = {"h": torch.zeros(1, H, dtype=torch.float64), "c": c0}
    out = run(cell, rows, [1] * steps, weights, state, backend="reference", save=("f",))
    (d_c0,) = torch.autograd.grad(out.state["c"].sum(), c0)
    torch.testing.assert_close(d_c0[0], out.saved["f"].prod(0), **LONG_PRODUCT_FLOAT64)


@pytest.mark.parametrize("cell", CONVEYORS, ids=repr)
def test_with_gates_held_the_same_is_true_with_recurrent_weights(cell: Any) -> None:
    # In general other ways lead through the gates. Holding all gates at their values cuts those, and leaves the conveyor.
    weights = weights_of(random_layer(cell))
    rows = torch.randn(40, D, dtype=torch.float64)
    c0 = torch.randn(1, H, dtype=torch.float64, requires_grad=True)
    state = {"h": torch.zeros(1, H, dtype=torch.float64), "c": c0}
    free = run(cell, rows, [1] * 40, weights, state, backend="reference", save=("i", "f", "g", "o"))
    held = {name: value.detach() for name, value in free.saved.items()}
    out = run(cell, rows, [1] * 40, weights, state, backend="reference", clamp=held)
    torch.testing.assert_close(out.state["c"], free.state["c"], **FLOAT64)
    (d_direct,) = torch.autograd.grad(out.state["c"].sum(), c0)
    torch.testing.assert_close(d_direct[0], held["f"].prod(0), **LONG_PRODUCT_FLOAT64)
    (d_free,) = torch.autograd.grad(free.state["c"].sum(), c0)
    assert not torch.allclose(d_free, d_direct, rtol=1e-3, atol=0)  # so the test above is about something


def test_a_plain_network_multiplies_by_its_matrix_at_every_step() -> None:
    # d h_T / d h_0 of a linear regime is U^T: what the conveyor is there to avoid.
    layer = random_layer(cells.RNN("relu"), bias=False)
    with torch.no_grad():
        layer.weight_hh_l0.abs_()
        layer.weight_ih_l0.zero_()
    h0 = torch.rand(1, 1, H, dtype=torch.float64, requires_grad=True)
    jacobian = torch.autograd.functional.jacobian(
        lambda h: layer(torch.zeros(20, 1, D, dtype=torch.float64), h)[1].reshape(H), h0
    )
    expected = torch.linalg.matrix_power(layer.weight_hh_l0.detach(), 20)
    torch.testing.assert_close(jacobian.reshape(H, H), expected, **FLOAT64)


def recurrent_parameters(layer: torch.nn.Module) -> int:
    return sum(weight.numel() for name, weight in layer.named_parameters() if "_hh_" in name)


def parameters(layer: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in layer.parameters())


def test_a_gru_and_a_coupled_lstm_have_three_quarters_of_an_lstms_parameters() -> None:
    lstm = ours.LSTM(D, H, 2, bidirectional=True)
    for smaller in (
        ours.GRU(D, H, 2, bidirectional=True),
        ours.GRU(D, H, 2, bidirectional=True, reset="before"),
        ours.Recurrent(cells.CoupledLSTM(), D, H, 2, bidirectional=True),
    ):
        assert 4 * recurrent_parameters(smaller) == 3 * recurrent_parameters(lstm)
        assert 4 * parameters(smaller) == 3 * parameters(lstm)


def test_diagonal_peepholes_cost_three_numbers_a_unit_and_full_ones_three_matrices() -> None:
    lstm = parameters(ours.LSTM(D, H))
    assert parameters(ours.PeepholeLSTM(D, H)) == lstm + 3 * H
    assert parameters(ours.PeepholeLSTM(D, H, peephole="full")) == lstm + 3 * H * H
