"""Cells that are hard to lay out for a kernel: products of products, operands used twice, states that are named and held."""

from __future__ import annotations

import pytest
import torch

from peephole.equations import Cell, trace
from peephole.errors import BackendUnavailable
from peephole.ops import choose_backend, run
from support.agreement import compare, results, scaled_case
from support.hard_cells import Chain, Remembers, Shared, Unused
from support.tolerances import FLOAT64

BACKENDS = ("reference", "compiled")
LENGTHS = [6, 0, 4, 4, 1, 7, 3]


def able(cell: Cell, backend: str) -> None:
    try:
        choose_backend(cell, backend=backend, dtype="float64")
    except BackendUnavailable as error:
        pytest.skip(error.message)


@pytest.mark.parametrize(
    "cell", [Chain(), Shared(), Remembers(), Unused()], ids=lambda cell: type(cell).__name__
)
def test_the_compiled_backend_agrees_with_the_reference(cell: Cell) -> None:
    able(cell, "compiled")
    arguments = scaled_case(cell, LENGTHS, 3, 19)
    mask = (torch.rand(len(LENGTHS), 19, generator=torch.Generator().manual_seed(1)) > 0.3) / 0.7
    held = {name: torch.linspace(-1, 1, 19, dtype=torch.float64) for name in cell.values}
    for reverse in (False, True):
        options = {"reverse": reverse, "save": cell.values, "recurrent_mask": mask.double()}
        for clamp in ({}, *({name: value} for name, value in held.items())):
            found = [
                results(cell, arguments, torch.float64, backend=name, clamp=clamp, **options)
                for name in BACKENDS[::-1]
            ]
            compare(*found, torch.float64, 22 * 7)


def test_these_cells_are_as_deep_as_they_look() -> None:
    assert [trace(cell).phases for cell in (Chain(), Shared(), Unused())] == [3, 3, 1]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_held_state_is_seen_by_products_too(backend: str) -> None:
    cell = Remembers()
    able(cell, backend)
    rows, sizes, weights, state = scaled_case(cell, LENGTHS, 3, 19)
    held = torch.sin(torch.arange(len(rows) * 19, dtype=torch.float64)).reshape(len(rows), 19)
    out = run(cell, rows, sizes, weights, state, backend=backend, clamp={"before": held}, save=["before"])
    assert torch.equal(out.saved["before"], held)
    inner = (
        rows @ weights["weight_ih"].T
        + weights["bias_ih"]
        + held @ weights["weight_hh"].T
        + weights["bias_hh"]
    )
    torch.testing.assert_close(out.rows, torch.tanh(inner) + 0.25 * held, **FLOAT64)


@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_that_no_equation_uses_have_a_gradient_of_zero(backend: str) -> None:
    cell = Unused()
    able(cell, backend)
    arguments = scaled_case(cell, LENGTHS, 3, 19)
    found = results(cell, arguments, torch.float64, backend=backend)
    for name, used in (("weight_ih", 0), ("weight_hh", 1), ("bias_ih", 0), ("bias_hh", 1)):
        for gate, gradient in enumerate(found[f"d {name}"].split(19)):
            assert bool((gradient != 0).all()) == (gate == used)
            assert gate == used or bool((gradient == 0).all())
