"""Values that are held for some units and steps alone: NaN in a clamp leaves a value free."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.cases import CELLS, case
from tests.support.tolerances import EXACT, FLOAT64

from peephole import cells
from peephole.equations import Cell
from peephole.ops import record, run

LENGTHS = [4, 0, 6, 1]


def checkered(like: torch.Tensor) -> torch.Tensor:
    """Half of the numbers, NaN elsewhere."""
    numbers = torch.linspace(-0.5, 0.9, like.numel(), dtype=like.dtype).reshape(like.shape)
    numbers[torch.arange(like.numel()).reshape(like.shape) % 2 == 0] = torch.nan
    return numbers


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_backends_agree_on_what_is_held_in_part(cell: Cell, reverse: bool) -> None:
    """Outputs, every value and every gradient, with one value after the other held; where it is free, it has no gradient."""
    for name in cell.values:
        results: list[list[torch.Tensor]] = []
        for backend in ("compiled", "reference"):
            rows, sizes, weights, state = case(cell, LENGTHS, 3, 5)
            held = checkered(torch.empty(len(rows), 5, dtype=torch.float64)).requires_grad_()
            out = run(
                cell,
                rows,
                sizes,
                weights,
                state,
                backend=backend,
                reverse=reverse,
                save=cell.values,
                clamp={name: held},
            )
            leaves = [rows, *weights.values(), *state.values(), held]
            total = sum((value * torch.linspace(1, 2, value.numel(), dtype=value.dtype).reshape(value.shape)).sum()
                        for value in (out.rows, *out.saved.values(), *out.state.values()))  # fmt: skip
            gradients = torch.autograd.grad(total, leaves)
            assert not gradients[-1][held.isnan()].any()
            results.append([out.rows, *out.saved.values(), *out.state.values(), *gradients])
        for ours, theirs in zip(*results, strict=True):
            torch.testing.assert_close(ours, theirs, **FLOAT64)


@pytest.mark.parametrize("backend", ["compiled", "reference"])
def test_a_unit_is_held_and_the_others_are_free(backend: str) -> None:
    rows, sizes, weights, state = case(cells.LSTM(), [5], 3, 4)
    free = run(cells.LSTM(), rows, sizes, weights, state, backend=backend, save=["f", "c"])
    held = torch.full((5, 4), torch.nan, dtype=torch.float64)
    held[2, 1] = 1.0
    found = run(
        cells.LSTM(), rows, sizes, weights, state, backend=backend, save=["f", "c"], clamp={"f": held}
    )
    assert found.saved["f"][2, 1] == 1
    untouched = torch.ones(5, 4, dtype=torch.bool)
    untouched[2, 1] = False
    torch.testing.assert_close(
        found.saved["f"][:3][untouched[:3]], free.saved["f"][:3][untouched[:3]], **EXACT
    )
    assert (found.saved["c"][2, 1] != free.saved["c"][2, 1]).item()
    assert (found.saved["f"][3] != free.saved["f"][3]).all()  # every gate sees what the unit showed


def test_nothing_held_is_a_free_run_to_the_bit() -> None:
    rows, sizes, weights, state = case(cells.GRU(), LENGTHS, 3, 5, dtype=torch.float32)
    numbers = {name: value.detach().numpy() for name, value in weights.items()}
    start = {name: value.detach().numpy() for name, value in state.items()}
    nothing = np.full((len(rows), 5), np.nan, np.float32)
    free = record(cells.GRU(), rows.detach().numpy(), sizes, numbers, start)
    held = record(
        cells.GRU(), rows.detach().numpy(), sizes, numbers, start, clamp={"z": nothing, "n": nothing}
    )
    assert np.array_equal(free.output.rows, held.output.rows)
    d_rows = np.linspace(-1, 1, free.output.rows.size, dtype=np.float32).reshape(free.output.rows.shape)
    for name in ("rows", "weight_hh", "state.h"):
        assert np.array_equal(
            free.backward(d_rows, wanted=[name])[name], held.backward(d_rows, wanted=[name])[name]
        )
