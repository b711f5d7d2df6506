"""Random cells, compiled: outputs, states, named values and every gradient against the reference and autograd, in float64.

Each cell meets every condition: both directions, with and without a mask, a held value, sizes around the vector width, one thread
and two, inputs of order one and inputs that saturate. Scratch memory starts as NaN.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from peephole.equations.emit_cpp import emit
from peephole.ops import own_cell
from peephole.ops.library import library
from support.agreement import compare, poisoned_scratch, results, same_bits, torch_threads, waves
from support.cases import case
from support.tame_cells import TameCell, tame_cells

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(library().handle is None, reason=library().reason),
    pytest.mark.skipif(own_cell.compiler() is None, reason="needs a C++ compiler"),
]

# float64 in a vector: 8 with AVX-512, 4 with AVX2, 2 in the baseline.
SIZES = ((3, 1), (1, 7), (5, 8), (8, 9), (2, 17), (17, 16), (4, 33))
LENGTHS = [6, 0, 4, 4, 1, 7, 3]
PER_BLOCK = 6


@pytest.fixture(autouse=True)
def _poisoned() -> Iterator[None]:
    with poisoned_scratch():
        yield


# In float64 the kernels for AVX-512, with and without bfloat16 or AMX, are one.
ALL = [isa for isa in library().isas if isa != "amx"]
ISAS = [isa for isa in library().isas if isa not in ("avx512bf16", "amx")]


@pytest.fixture(
    params=[(isa, phases) for isa in ISAS for phases in (1, 2, 3)], ids=lambda p: f"{p[0]}-{p[1]}"
)
def random_cells(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[TameCell]:
    """Cells of so many phases, compiled together for one instruction set; every set has others."""
    isa, phases = request.param
    monkeypatch.setenv("PEEPHOLE_ISA", isa)
    cells = tame_cells(phases, PER_BLOCK, first=10_000 * ALL.index(isa))
    addresses = own_cell.compile_cells(cells, isa)
    for cell in cells:
        monkeypatch.setitem(own_cell._found, (cell, isa), (addresses[emit(cell)[0]], ""))
    return cells


def arguments_for(cell: TameCell, inputs: int, hidden: int, lengths: list[int]):
    rows, sizes, weights, state = case(cell, lengths, inputs, hidden, seed=cell.seed)
    return rows, sizes, {name: w.detach() / 4 for name, w in weights.items()}, state


def agree(cell: TameCell, arguments, terms: int, size: float = 8.0, **options) -> None:
    found = [
        results(cell, arguments, torch.float64, backend=backend, **options)
        for backend in ("compiled", "reference")
    ]
    assert all(value.isfinite().all() for value in found[1].values()), f"{cell} is not tame"
    try:
        compare(*found, torch.float64, terms, size)
    except AssertionError as error:
        raise AssertionError(f"{cell} {options}: {error}") from None


def test_random_cells_of_one_to_three_phases(random_cells: list[TameCell]) -> None:
    for k, cell in enumerate(random_cells):
        inputs, hidden = SIZES[k % len(SIZES)]
        arguments = arguments_for(cell, inputs, hidden, LENGTHS)
        count = sum(LENGTHS)
        mask = (torch.rand(len(LENGTHS), hidden, generator=torch.Generator().manual_seed(k)) > 0.3) / 0.7
        held = waves(torch.empty(count, hidden, dtype=torch.float64))
        for reverse in (False, True):
            options = {"reverse": reverse, "save": cell.values}
            agree(cell, arguments, 100, **options)
            agree(cell, arguments, 100, recurrent_mask=mask.double(), **options)
            name = cell.values[k % len(cell.values)]
            agree(cell, arguments, 100, clamp={name: held}, recurrent_mask=mask.double(), **options)


def test_random_cells_saturated(random_cells: list[TameCell]) -> None:
    # Every pre-activation is driven to ±60 or more, beyond where sigmoid and tanh in float64 still move.
    for k, cell in enumerate(random_cells):
        inputs, hidden = SIZES[-1 - k % len(SIZES)]
        rows, sizes, weights, state = arguments_for(cell, inputs, hidden, LENGTHS)
        weights["weight_ih"] = torch.sign(waves(weights["weight_ih"], k)) * 60
        agree(cell, (torch.sign(rows.detach()), sizes, weights, state), 100, 100.0, save=cell.values)


def test_random_cells_with_two_threads(random_cells: list[TameCell]) -> None:
    for k, cell in enumerate(random_cells[:3]):
        lengths = [[9, 9, 8, 8, 3, 2] * 3, [21], [12, 3, 3, 3]][k]
        arguments = arguments_for(cell, 24, 37, lengths)
        expected = results(cell, arguments, torch.float64, backend="reference")
        found = []
        for threads, split in ((1, ""), (2, "sequences"), (2, "units")):
            with torch_threads(threads, split):
                found.append(results(cell, arguments, torch.float64, backend="compiled"))
                same_bits(results(cell, arguments, torch.float64, backend="compiled"), found[-1])
            compare(found[-1], expected, torch.float64, 61 * sum(lengths), 8.0)
        forward = [{name: v for name, v in one.items() if not name.startswith("d ")} for one in found]
        same_bits(forward[1], forward[0])
        same_bits(forward[2], forward[0])
