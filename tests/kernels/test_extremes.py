"""The ends of the range: long, short and empty runs, saturated gates, tiny numbers, scratch memory full of NaN."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from peephole import cells
from peephole.equations import Cell
from peephole.ops import Sequences, run
from peephole.ops.library import library
from support.agreement import compare, poisoned_scratch, results, same_bits, scaled_case, torch_threads, waves
from support.cases import CELLS, case

pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)

RAGGED = [9, 0, 4, 4, 1, 7, 0, 3, 3, 2, 6, 9, 9]
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
EVERY_CELL = pytest.mark.parametrize("cell", CELLS, ids=repr)


@pytest.fixture(autouse=True)
def _poisoned() -> Iterator[None]:
    with poisoned_scratch():
        yield


# Length.


@functools.cache  # five thousand steps of the reference take seconds
def long_case(cell: Cell) -> tuple[Any, dict[str, torch.Tensor]]:
    """Arguments of a call, and what the reference gives for them."""
    arguments = scaled_case(cell, [5000, 4999, 3], 5, 17)
    return arguments, results(cell, arguments, torch.float64, backend="reference")


@pytest.mark.slow
@DTYPES
@pytest.mark.parametrize(
    "cell", [cells.LSTM(), cells.GRU("before"), cells.RNN(), cells.PeepholeLSTM("full")], ids=repr
)
def test_five_thousand_steps(cell: Cell, dtype: torch.dtype) -> None:
    arguments, expected = long_case(cell)
    for threads, split in ((1, ""), (2, "sequences"), (2, "units")):
        with torch_threads(threads, split):
            compare(results(cell, arguments, dtype, backend="compiled"), expected, dtype, 22 * 5000)


def test_a_plain_sum_of_ten_thousand_steps_is_exact() -> None:
    # h = relu(x + h) with x = 1 counts: every step's h is known, and so is every gradient.
    cell, steps = cells.RNN("relu"), 10_000
    rows = torch.ones(steps, 1, requires_grad=True)
    weights = {"weight_ih": torch.ones(1, 1), "weight_hh": torch.ones(1, 1)}
    out = run(cell, rows, [1] * steps, weights, {"h": torch.zeros(1, 1)}, backend="compiled")
    count = torch.arange(1.0, steps + 1)
    assert torch.equal(out.rows[:, 0], count)
    out.rows.sum().backward()
    assert rows.grad is not None
    assert torch.equal(rows.grad[:, 0], count.flip(0))  # step t is seen by itself and all after it


@EVERY_CELL
def test_one_step(cell: Cell) -> None:
    for lengths in ([1], [1, 0], [1] * 13, [0, 1, 0, 0]):
        arguments = scaled_case(cell, lengths, 3, 19)
        for reverse in (False, True):
            found = [
                results(cell, arguments, torch.float64, backend=backend, reverse=reverse, save=cell.values)
                for backend in ("compiled", "reference")
            ]
            compare(*found, torch.float64, 22)


@EVERY_CELL
@pytest.mark.parametrize("lengths", [[], [0], [0, 0, 0]], ids=repr)
def test_no_step_at_all(cell: Cell, lengths: list[int]) -> None:
    rows, sizes, weights, state = case(cell, lengths, 3, 5)
    for reverse in (False, True):
        options = {"backend": "compiled", "reverse": reverse, "save": cell.values}
        out = run(cell, rows, sizes, weights, state, **options)
        assert out.rows.shape == (0, 5)
        assert all(value.shape == (0, 5) for value in out.saved.values())
        assert all(torch.equal(out.state[name], state[name]) for name in cell.states)
        total = out.rows.sum() + sum((value * waves(value)).sum() for value in out.state.values())
        leaves = [rows, *weights.values(), *state.values()]
        gradients = torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
        for leaf, gradient in zip(leaves, gradients, strict=True):
            is_state = any(leaf is value for value in state.values())
            torch.testing.assert_close(
                gradient, waves(leaf) if is_state else torch.zeros_like(leaf), rtol=0, atol=0
            )
        numpy = run(
            cell, rows.detach().numpy(), sizes,
            {name: value.detach().numpy() for name, value in weights.items()},
            {name: value.detach().numpy() for name, value in state.items()}, **options,
        )  # fmt: skip
        assert numpy.rows.shape == (0, 5)
        assert all(np.array_equal(numpy.state[name], state[name].detach().numpy()) for name in cell.states)


@pytest.mark.parametrize("hidden", [1, 17])
def test_inputs_of_no_width(hidden: int) -> None:
    # D = 0: the recurrent half alone.
    cell = cells.LSTM()
    arguments = scaled_case(cell, [4, 2], 0, hidden)
    found = [
        results(cell, arguments, torch.float64, backend=backend) for backend in ("compiled", "reference")
    ]
    compare(*found, torch.float64, 4 * hidden)


@EVERY_CELL
def test_lengths_with_zeros(cell: Cell) -> None:
    arguments = scaled_case(cell, RAGGED, 5, 19)
    state = arguments[3]
    asleep = [n for n, length in enumerate(sorted(RAGGED, reverse=True)) if length == 0]
    for reverse in (False, True):
        options = {"reverse": reverse, "save": cell.values}
        found = [
            results(cell, arguments, torch.float64, backend=backend, **options)
            for backend in ("compiled", "reference")
        ]
        compare(*found, torch.float64, 24 * 9)
        for name in cell.states:  # untouched, and their gradient passes straight through
            assert torch.equal(found[0][f"final {name}"][asleep], state[name].detach()[asleep])
            assert torch.equal(found[0][f"d state {name}"][asleep], found[1][f"d state {name}"][asleep])


# Saturation.


@DTYPES
@EVERY_CELL
@pytest.mark.parametrize("size", [30.0, 100.0, 1000.0])
def test_saturated_pre_activations(cell: Cell, size: float, dtype: torch.dtype) -> None:
    rows, sizes, weights, state = scaled_case(cell, [6, 6, 3, 1], 4, 18)
    # One input per unit drives every gate of that unit to ±size, whatever else it sees.
    weights["weight_ih"] = torch.sign(waves(weights["weight_ih"], 3)).mul(size / 4).requires_grad_()
    arguments = (torch.sign(rows.detach()).requires_grad_(), sizes, weights, state)
    if cell == cells.RNN("relu"):  # not bounded: what it holds grows with the inputs
        arguments[2]["weight_hh"] = (weights["weight_hh"].detach() / 4).requires_grad_()
    found = results(cell, arguments, dtype, backend="compiled", save=cell.values)
    expected = results(cell, arguments, torch.float64, backend="reference", save=cell.values)
    assert all(value.isfinite().all() for value in found.values())
    compare(found, expected, dtype, 6 * 22 * math.ceil(size))


@DTYPES
def test_a_cell_whose_gates_are_shut_is_carried_bit_for_bit(dtype: torch.dtype) -> None:
    # At ±100 a sigmoid is 1 exactly, or next to nothing: c never changes, and its gradient neither.
    cell, hidden, steps = cells.LSTM(), 37, 1000
    bias = torch.tensor([-100.0, 100.0, 0.0, -100.0], dtype=dtype).repeat_interleave(hidden)
    zeros = torch.zeros(4 * hidden, dtype=dtype)
    weights = {
        "weight_ih": torch.zeros(4 * hidden, 2, dtype=dtype), "weight_hh": torch.zeros(4 * hidden, hidden, dtype=dtype),
        "bias_ih": bias, "bias_hh": zeros,
    }  # fmt: skip
    state = {
        name: waves(torch.empty(3, hidden, dtype=dtype), k).requires_grad_() for k, name in enumerate("hc")
    }
    sizes = Sequences.from_lengths([steps, 7, 1]).batch_sizes
    rows = torch.zeros(int(sizes.sum()), 2, dtype=dtype)
    out = run(cell, rows, sizes, weights, state, backend="compiled", save=("c", "i", "f"))
    assert torch.equal(out.saved["c"], torch.cat([state["c"][:size] for size in sizes.tolist()]))
    assert (out.saved["f"] == 1).all()
    assert (out.saved["i"] < 1e-37).all()
    assert torch.equal(out.state["c"], state["c"])
    out.state["c"].sum().backward()
    assert torch.equal(state["c"].grad, torch.ones_like(state["c"]))


@pytest.mark.parametrize("scale", [1e-30, 1e-38, 1e-42])
def test_tiny_numbers(scale: float) -> None:
    # Down to numbers with a shortened mantissa: neither an error nor a flush changes what is seen at order one.
    for cell in (cells.LSTM(), cells.GRU()):
        rows, sizes, weights, state = scaled_case(cell, [6, 4, 1], 5, 19)
        tiny = (
            (rows.detach() * scale).requires_grad_(),
            sizes,
            weights,
            {k: v.detach() * scale for k, v in state.items()},
        )
        found = results(cell, tiny, torch.float32, backend="compiled")
        expected = results(cell, tiny, torch.float64, backend="reference")
        compare(found, expected, torch.float32, 24 * 6)


@EVERY_CELL
def test_poisoned_scratch_changes_no_bit(cell: Cell) -> None:
    handle = library().handle
    assert handle is not None
    mask = (torch.rand(len(RAGGED), 19, generator=torch.Generator().manual_seed(1)) > 0.3) / 0.7
    arguments = scaled_case(cell, RAGGED, 5, 19, dtype=torch.float32)
    for threads, split in ((1, ""), (2, "sequences"), (2, "units")):
        with torch_threads(threads, split):
            found = []
            for poison in (1, 0):
                handle.peephole_poison(poison)
                found.append(
                    results(
                        cell,
                        arguments,
                        torch.float32,
                        backend="compiled",
                        save=cell.values,
                        recurrent_mask=mask,
                    )
                )
        same_bits(*found)
        assert all(value.isfinite().all() for value in found[0].values())
