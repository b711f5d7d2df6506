"""The Triton backend's drivers against the reference, in Triton's interpreter: outputs, final states and every gradient."""

from __future__ import annotations

import pytest
import torch

from peephole import cells, nn
from peephole.equations import Cell
from peephole.ops import choose_backend, run
from peephole.ops.gpu import given, rule
from peephole.ops.gpu.form import Form
from support.agreement import close_in_norm, results, same_bits, scaled_case
from support.cases import CELLS
from support.hard_cells import Chain, Late, Remembers, Shared, Unused
from support.tolerances import FLOAT64

# More sequences than a tile has rows, more units than a tile has, and depths that do not end with one.
LENGTHS = [3, 0, 2, 1, *[1] * 13, 0]
HIDDEN = 19
TILES = {
    "on_chip": rule.Driver("on_chip", 16, 32, 32, 4),
    "tiled": rule.Driver("tiled", 16, 16, 16, 4),
    "steps": rule.Driver("steps", 16, 16, 16, 4),
}


@pytest.fixture(params=list(TILES))
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs everything by one driver, in tiles that are too small."""
    monkeypatch.setattr(given, "choose_driver", lambda *_: TILES[request.param])
    return request.param


def check(cell: Cell, dtype: torch.dtype = torch.float64, **options: object) -> None:
    projection = options.pop("projection", None)
    arguments = scaled_case(cell, LENGTHS, 3, HIDDEN, projection=projection, bias=options.pop("bias", True))
    found = results(cell, arguments, dtype, backend="triton", **options)
    expected = results(cell, arguments, torch.float64, backend="reference", **options)
    close_in_norm(found, expected, dtype, (3 + HIDDEN) * max(LENGTHS))


@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize(
    "cell", [cells.PeepholeLSTM(), pytest.param(Late(), marks=pytest.mark.slow)], ids=lambda cell: cell.name
)
def test_a_driver_agrees_with_the_reference(cell: Cell) -> None:
    check(cell)


@pytest.mark.slow
@pytest.mark.usefixtures("driver")
def test_states_other_than_h_are_float32_whatever_their_names() -> None:
    check(Late(), torch.bfloat16)


@pytest.mark.slow
@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize(
    "cell", [*CELLS, Chain(), Shared(), Remembers(), Unused()], ids=lambda cell: cell.name
)
def test_every_cell_by_every_driver(cell: Cell) -> None:
    mask = (torch.rand(len(LENGTHS), HIDDEN, generator=torch.Generator().manual_seed(1)) > 0.3) / 0.7
    check(cell, save=cell.values, recurrent_mask=mask.double())
    held = {cell.values[-1]: torch.linspace(-1, 1, HIDDEN, dtype=torch.float64)}
    check(cell, reverse=True, save=cell.values, clamp=held, bias=False)


@pytest.mark.slow
@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("cell", [cells.PeepholeLSTM("full"), cells.GRU()], ids=repr)
def test_dtypes(cell: Cell, dtype: torch.dtype) -> None:
    check(cell, dtype)


@pytest.mark.slow
@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_a_projected_state(reverse: bool) -> None:
    check(cells.PeepholeLSTM(), projection=5, reverse=reverse, save=["f"])


@pytest.mark.slow
@pytest.mark.usefixtures("driver")
def test_the_same_bits_every_time() -> None:
    arguments = scaled_case(cells.PeepholeLSTM(), LENGTHS, 3, HIDDEN)
    first, second = (
        results(cells.PeepholeLSTM(), arguments, torch.float32, backend="triton") for _ in range(2)
    )
    same_bits(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["saturated", "infinite", "nan"])
def test_hard_inputs_give_what_the_reference_gives(what: str) -> None:
    cell = cells.PeepholeLSTM()
    rows, sizes, weights, state = scaled_case(cell, [3, 2], 3, 5)
    rows = rows.detach().clone()
    rows[1] = {"saturated": 100.0, "infinite": float("inf"), "nan": float("nan")}[what]
    with torch.no_grad():
        found, expected = (
            run(cell, rows, sizes, weights, state, backend=name) for name in ("triton", "reference")
        )
    torch.testing.assert_close(found.rows, expected.rows, rtol=0, atol=1e-12, equal_nan=True)


def test_no_gradient_is_left_where_nothing_ran() -> None:
    cell = cells.LSTM()
    rows, sizes, weights, state = scaled_case(cell, [0, 0], 3, 5)
    out = run(cell, rows, sizes, weights, state, backend="triton")
    assert out.rows.shape == (0, 5)
    torch.testing.assert_close(out.state["c"], state["c"], rtol=0, atol=0)
    out.state["c"].sum().backward()
    assert state["c"].grad is not None
    assert bool((state["c"].grad == 1).all())


def second_derivatives(cell: Cell, backend: str, reverse: bool, save: tuple[str, ...]) -> list[torch.Tensor]:
    """By all arrays, of a loss made of all first derivatives of a loss made of all results."""
    rows, sizes, weights, state = scaled_case(cell, [3, 0, 2, 1], 2, 3)
    leaves = [rows, *weights.values(), *state.values()]
    out = run(cell, rows, sizes, weights, state, backend=backend, reverse=reverse, save=save)
    results = [out.rows, *out.state.values(), *out.saved.values()]
    loss = sum((result.sin() * (k + 1)).sum() for k, result in enumerate(results))
    first = torch.autograd.grad(loss, leaves, create_graph=True, allow_unused=True, materialize_grads=True)
    squares = sum(gradient.square().sum() for gradient in first)
    return list(torch.autograd.grad(squares, leaves, allow_unused=True, materialize_grads=True))


@pytest.mark.parametrize(
    "cell",
    [
        cells.GRU("before"),
        *(
            pytest.param(cell, marks=pytest.mark.slow)
            for cell in [*CELLS, Chain(), Shared(), Remembers(), Unused()]
        ),
    ],
    ids=lambda cell: cell.name,
)
def test_second_derivatives_are_the_kernels_too(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peephole.ops.torch_autograd.derive", None)  # the reference's way is closed
    for reverse in (False, True):
        found = [
            second_derivatives(cell, name, reverse, cell.values[-1:]) for name in ("triton", "reference")
        ]
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
def test_third_derivatives() -> None:
    cell = cells.PeepholeLSTM()
    arguments = scaled_case(cell, [2, 1], 2, 2)
    found: list[torch.Tensor] = []
    for name in ("triton", "reference"):
        rows, sizes, weights, state = arguments
        result = run(cell, rows, sizes, weights, state, backend=name).rows.sin().sum()
        for _ in range(2):
            (slope,) = torch.autograd.grad(result, rows, create_graph=True)
            result = slope.square().sum()
        found += torch.autograd.grad(result, weights["weight_ch"])
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)


def test_the_rule_is_what_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def name(dtype: str, hidden: int) -> str:
        return rule.choose_driver(
            Form(cells.PeepholeLSTM(), dtype, False, True, False, (), ()), 64, hidden
        ).name

    assert [name("bfloat16", hidden) for hidden in (64, 128, 129, 256, 257)] == [
        "on_chip", "on_chip", "tiled", "tiled", "steps",
    ]  # fmt: skip
    assert [name("float32", hidden) for hidden in (64, 65, 128, 129)] == [
        "on_chip",
        "tiled",
        "tiled",
        "steps",
    ]
    form = Form(cells.PeepholeLSTM(), "bfloat16", False, True, False, (), ())
    assert rule.choose_driver(form, 64, 128, shared=163 << 10).name == "tiled"
    monkeypatch.setenv("PEEPHOLE_GPU_DRIVER", "steps")
    assert name("float32", 8) == "steps"
    monkeypatch.setenv("PEEPHOLE_GPU_DRIVER", "step")
    with pytest.raises(ValueError, match="PEEPHOLE_GPU_DRIVER"):
        name("float32", 8)


def test_it_is_asked_for_by_name_on_a_cpu() -> None:
    assert choose_backend(cells.LSTM()).name != "triton"
    assert choose_backend(cells.LSTM(), backend="triton").name == "triton"


@pytest.mark.slow
def test_layers_pass_their_backend_on() -> None:
    torch.manual_seed(0)
    layer = nn.PeepholeLSTM(3, 4, num_layers=2, bidirectional=True, backend="triton", dtype=torch.float64)
    packed = torch.nn.utils.rnn.pack_sequence([torch.randn(n, 3, dtype=torch.float64) for n in (3, 2, 1)])
    found, (h, c) = layer(packed)
    layer.backend = "reference"
    expected, (h_expected, c_expected) = layer(packed)
    for one, other in ((found.data, expected.data), (h, h_expected), (c, c_expected)):
        torch.testing.assert_close(one, other, **FLOAT64)


def test_autocast_is_obeyed() -> None:
    layer = nn.GRU(3, 4, reset="before", backend="triton")
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = layer(torch.randn(2, 3, 3))
    output.float().sum().backward()
    assert layer.weight_ih_l0.grad is not None
    assert layer.weight_ih_l0.grad.dtype == torch.float32
