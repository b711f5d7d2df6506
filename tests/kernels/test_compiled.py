"""The compiled backend, every instruction set × cell × case, against the float64 reference: results and every gradient."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
import torch

from peephole import cells
from peephole.equations import Cell
from peephole.ops import run
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import call_of
from peephole.ops.compiled import backward, forward
from peephole.ops.library import library
from peephole.ops.request import output_of
from support.cases import CELLS, case
from support.tolerances import rounding

pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)

RAGGED = [9, 0, 4, 4, 1, 7, 0, 3, 3, 2, 6]
SHAPES = {
    # lengths, D, H: one unit; less than a vector, one vector, one more, several and a part; rows beyond one tile
    "one": ([1], 1, 1),
    "small": (RAGGED, 3, 7),
    "one vector": ([3, 3, 2], 16, 16),
    "one more": (RAGGED, 17, 17),
    "odd": ([5, 5, 5, 2, 2, 1, 1], 130, 67),
    "wide": ([2, 1], 5, 130),
    "long": ([40, 3], 7, 16),
}


# (avx512bf16 and amx are avx512 for all dtypes but bfloat16, which tests/kernels/test_bfloat16.py runs.)
@pytest.fixture(params=[isa for isa in library().isas if isa not in ("avx512bf16", "amx")] or ["none"])
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PEEPHOLE_ISA", request.param)
    return request.param


@pytest.fixture(autouse=True)
def _poisoned_scratch():
    """Scratch memory starts as NaN: what the kernel reads before it wrote it cannot stay unseen."""
    handle = library().handle
    assert isinstance(handle, ctypes.CDLL)
    handle.peephole_poison(1)
    yield
    handle.peephole_poison(0)


def scaled_case(cell: Cell, lengths: list[int], inputs: int, hidden: int, **options):
    """As `case`, with weights small enough that sums over H stay of order one."""
    rows, sizes, weights, state = case(cell, lengths, inputs, hidden, **options)
    weights = {
        name: (w.detach() / (w.shape[-1] ** 0.5)).requires_grad_() if w.ndim == 2 else w
        for name, w in weights.items()
    }
    return rows, sizes, weights, state


def results(cell, arguments, dtype, *, backend, **options):
    """Outputs, final states, saved values and all gradients, by name."""
    rows, sizes, weights, state = arguments
    leaves = {
        "rows": rows,
        **weights,
        **{f"state {name}": value for name, value in state.items()},
        **{f"clamp {name}": value for name, value in options.get("clamp", {}).items()},
    }
    leaves = {name: value.detach().to(dtype).requires_grad_() for name, value in leaves.items()}
    options = dict(options)
    if "clamp" in options:
        options["clamp"] = {name: leaves[f"clamp {name}"] for name in options["clamp"]}
    if options.get("recurrent_mask") is not None:
        options["recurrent_mask"] = options["recurrent_mask"].to(dtype)
    out = run(
        cell, leaves["rows"], sizes, {name: leaves[name] for name in weights},
        {name: leaves[f"state {name}"] for name in state}, backend=backend, **options,
    )  # fmt: skip
    found = {
        "out": out.rows,
        **{f"final {name}": value for name, value in out.state.items()},
        **{f"saved {name}": value for name, value in out.saved.items()},
    }
    total = sum(
        (
            value
            * torch.sin(torch.arange(value.numel(), dtype=torch.float64) + k).reshape(value.shape).to(dtype)
        ).sum()
        for k, value in enumerate(found.values())
    )
    gradients = torch.autograd.grad(total, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return {**found, **{f"d {name}": d for name, d in zip(leaves, gradients, strict=True)}}


def compare(actual, expected, dtype, terms: int, inputs: float = 1.0) -> None:
    """`inputs`: size of the input's numbers, which the terms of every gradient's sums are multiplied with."""
    for name, value in expected.items():
        scale = max(1.0, float(value.detach().abs().max())) if value.numel() else 1.0
        scale = max(scale, inputs) if name.startswith("d ") else scale
        bound = rounding(dtype, terms)
        torch.testing.assert_close(
            actual[name].double(), value, rtol=0.0, atol=4 * scale * bound["atol"],
            msg=lambda text, name=name: f"{name}: {text}",
        )  # fmt: skip


def agree(cell, arguments, dtype, terms, inputs: float = 1.0, **options) -> None:
    expected = results(cell, arguments, torch.float64, backend="reference", **options)
    compare(results(cell, arguments, dtype, backend="compiled", **options), expected, dtype, terms, inputs)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_results_and_gradients_are_the_references(isa, cell, shape, dtype, reverse) -> None:
    lengths, inputs, hidden = shape
    arguments = scaled_case(cell, lengths, inputs, hidden)
    agree(cell, arguments, dtype, (inputs + hidden) * max(lengths), reverse=reverse)


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.projectable], ids=repr)
@pytest.mark.parametrize("projection", [1, 5, 20])
def test_projection(isa, cell, projection) -> None:
    arguments = scaled_case(cell, RAGGED, 3, 37, projection=projection)
    mask = (torch.rand(len(RAGGED), projection, generator=torch.Generator().manual_seed(1)) > 0.3) / 0.7
    agree(cell, arguments, torch.float64, 40 * 9, save=cell.values, recurrent_mask=mask.double())


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_masks_saved_and_held_values(isa, cell, reverse) -> None:
    arguments = scaled_case(cell, RAGGED, 5, 19)
    count = sum(RAGGED)
    mask = (torch.rand(len(RAGGED), 19, generator=torch.Generator().manual_seed(1)) > 0.3) / 0.7
    agree(
        cell, arguments, torch.float64, 200, save=cell.values, recurrent_mask=mask.double(), reverse=reverse
    )
    held = torch.linspace(-1, 1, count * 19, dtype=torch.float64).reshape(count, 19)
    for name in cell.values:
        for value in (held, held[:1], held[0], held[0, 0]):
            agree(cell, arguments, torch.float64, 200, save=cell.values, clamp={name: value}, reverse=reverse)


@pytest.mark.parametrize("cell", [cells.LSTM(), cells.GRU(), cells.RNN()], ids=repr)
def test_saturated_gates(isa, cell) -> None:
    rows, sizes, weights, state = case(cell, [3, 2], 4, 18)
    arguments = ((rows.detach().sign() * 100).requires_grad_(), sizes, weights, state)
    agree(cell, arguments, torch.float32, 100, inputs=100.0)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_a_bad_row_touches_no_other_sequence(isa, cell, poison) -> None:
    rows, sizes, weights, state = scaled_case(cell, RAGGED, 5, 19, dtype=torch.float32)
    good = run(cell, rows.detach(), sizes, weights, state, backend="compiled")
    spoilt = rows.detach().clone()
    spoilt[0] = poison  # the longest sequence's first row
    bad = run(cell, spoilt, sizes, weights, state, backend="compiled")
    starts = np.cumsum(sizes) - sizes
    others = np.setdiff1d(np.arange(sum(sizes)), starts)
    assert torch.equal(good.rows[others], bad.rows[others])
    assert torch.equal(good.state["h"][1:], bad.state["h"][1:])


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_threads_change_no_bit_of_the_outputs(cell) -> None:
    arguments = scaled_case(cell, [60, 50, 50, 31, 31, 31, 2], 64, 72, dtype=torch.float32)
    before = torch.get_num_threads()
    outputs, gradients = [], []
    try:
        for threads in (1, 2, 3, 2):
            torch.set_num_threads(threads)
            found = results(cell, arguments, torch.float32, backend="compiled", save=cell.values)
            outputs.append({name: value for name, value in found.items() if not name.startswith("d ")})
            gradients.append({name: value for name, value in found.items() if name.startswith("d ")})
    finally:
        torch.set_num_threads(before)
    for other in outputs[1:]:
        assert all(torch.equal(other[name], value) for name, value in outputs[0].items())
    # Gradients: the same bits for the same number of threads, the same numbers for any.
    assert all(torch.equal(gradients[3][name], value) for name, value in gradients[1].items())
    for name, value in gradients[0].items():
        scale = max(1.0, float(value.abs().max()))
        for other in gradients[1:]:
            torch.testing.assert_close(other[name], value, rtol=0, atol=scale * 1e-4)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_numpy_arrays_give_the_same_bits_forwards_and_backwards(isa, cell) -> None:
    rows, sizes, weights, state = scaled_case(cell, RAGGED, 5, 19)
    out = run(cell, rows, sizes, weights, state, backend="compiled", save=cell.values)
    (out.rows.cos().sum() + out.state["h"].sum()).backward()
    call = call_of(cell, True, False, False, (), cell.values, False, True)
    arrays = [each.detach().numpy() for each in (rows, *weights.values(), *state.values())]
    batch_sizes = BatchSizes.of("here", sizes)
    results, kept = forward(call, batch_sizes, arrays, keep=True)
    found = output_of(call, results)
    assert np.array_equal(found.rows, out.rows.detach().numpy())
    assert all(np.array_equal(found.state[name], out.state[name].detach().numpy()) for name in cell.states)
    assert all(np.array_equal(found.saved[name], out.saved[name].detach().numpy()) for name in cell.values)
    nothing = [None] * (len(results) - 2)
    grads = [-np.sin(found.rows), np.ones_like(found.state["h"]), *nothing]
    found = backward(
        call, batch_sizes, arrays, results, kept, grads, call.gradient_names([True] * len(call.names))
    )
    expected = {"rows": rows, **weights, **{f"state.{name}": value for name, value in state.items()}}
    for name, leaf in expected.items():
        torch.testing.assert_close(torch.from_numpy(found[name]), leaf.grad, rtol=0, atol=1e-13)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_second_derivatives_go_through_the_reference(cell) -> None:
    rows, sizes, weights, state = scaled_case(cell, [3, 2], 2, 3)
    inputs = (rows, *weights.values(), *state.values())

    def function(*tensors):
        found = iter(tensors)
        out = run(
            cell, next(found), sizes, {name: next(found) for name in weights}, {name: next(found) for name in state},
            backend="compiled", save=cell.values,
        )  # fmt: skip
        return out.rows, *out.state.values()

    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs)


def test_rows_need_not_be_contiguous() -> None:
    cell = cells.GRU()
    _, sizes, weights, state = case(cell, [4, 2], 3, 5)
    wide = torch.randn(6, 9, dtype=torch.float64)
    for view in (wide[:, 2:5], wide[:, ::3], wide.T[:6, :3]):
        expected = run(cell, view.contiguous(), sizes, weights, state, backend="reference")
        actual = run(cell, view, sizes, weights, state, backend="compiled")
        torch.testing.assert_close(actual.rows, expected.rows, rtol=0, atol=1e-13)
