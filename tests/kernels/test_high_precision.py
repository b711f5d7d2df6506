"""``precision="high"``: float32 multiplied as sums of bfloat16 where that is faster, and as ever elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from peephole import cells
from peephole.equations import Cell
from peephole.errors import OptionError
from peephole.ops import run
from peephole.ops.library import library
from support.agreement import poisoned_scratch, scaled_case, torch_threads
from support.cases import CELLS
from support.tolerances import HIGH_PRECISION

pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)
HAS_TILES = "amx" in library().isas
SHAPES = {
    # lengths, D, H
    "one": ([1], 1, 1),
    "ragged": ([9, 0, 4, 4, 1, 7, 0], 3, 7),
    "one more": ([2] * 17, 33, 17),
    "odd": ([6] * 33 + [2] * 40, 71, 67),
    "deep": ([2, 2, 1], 600, 40),
    "long": ([70] * 9, 48, 48),
}


def outputs(cell: Cell, arguments, precision: str, dtype: torch.dtype = torch.float32, **options):
    rows, sizes, weights, state = arguments
    with torch.no_grad():
        out = run(
            cell, rows.detach().to(dtype), sizes, {k: v.detach().to(dtype) for k, v in weights.items()},
            {k: v.detach().to(dtype) for k, v in state.items()}, backend="compiled", precision=precision, **options,
        )  # fmt: skip
    return {"rows": out.rows, **out.state, **{f"saved {name}": value for name, value in out.saved.items()}}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_the_error_is_bounded_and_threads_change_no_bit(cell: Cell, shape) -> None:
    arguments = scaled_case(cell, *shape, dtype=torch.float32)
    expected = outputs(cell, arguments, "highest", torch.float64)
    found = []
    with poisoned_scratch():
        for threads, split in ((1, ""), (2, "sequences"), (2, "units"), (5, "sequences")):
            with torch_threads(threads, split):
                found.append(outputs(cell, arguments, "high"))
    for name, value in expected.items():
        torch.testing.assert_close(found[0][name].double(), value, **HIGH_PRECISION)
        assert all(torch.equal(other[name], found[0][name]) for other in found[1:]), name


@pytest.mark.parametrize("projection", [1, 20, 45])
def test_projections_masks_and_saved_values(projection: int) -> None:
    cell, lengths = cells.LSTM(), [5] * 40 + [0, 2]
    arguments = scaled_case(cell, lengths, 9, 37, projection=projection, dtype=torch.float32)
    mask = (torch.rand(len(lengths), projection, generator=torch.Generator().manual_seed(1)) > 0.3) * 1.25
    options = {"save": cell.values, "reverse": True}
    expected = outputs(cell, arguments, "highest", torch.float64, recurrent_mask=mask.double(), **options)
    found = outputs(cell, arguments, "high", recurrent_mask=mask, **options)
    for name, value in expected.items():
        torch.testing.assert_close(found[name].double(), value, **HIGH_PRECISION)


@pytest.mark.skipif(not HAS_TILES, reason="this machine or build has no AMX")
def test_it_is_another_arithmetic_than_either_of_its_neighbours() -> None:
    arguments = scaled_case(cells.LSTM(), [20] * 40, 64, 64, dtype=torch.float32)
    expected = outputs(cells.LSTM(), arguments, "highest", torch.float64)["rows"]

    def error(precision: str, dtype: torch.dtype = torch.float32) -> float:
        return float((outputs(cells.LSTM(), arguments, precision, dtype)["rows"].double() - expected).norm())

    assert error("highest") < error("high") < error("highest", torch.bfloat16) / 30


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_other_dtypes_know_one_precision(dtype: torch.dtype) -> None:
    arguments = scaled_case(cells.GRU(), [4, 2], 5, 9)
    high, highest = (outputs(cells.GRU(), arguments, name, dtype) for name in ("high", "highest"))
    assert all(torch.equal(high[name], value) for name, value in highest.items())


def test_without_tiles_it_is_highest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEEPHOLE_ISA", next(isa for isa in library().isas if isa != "amx"))
    arguments = scaled_case(cells.GRU(), [4, 2], 33, 19, dtype=torch.float32)
    high, highest = (outputs(cells.GRU(), arguments, name) for name in ("high", "highest"))
    assert all(torch.equal(high[name], value) for name, value in highest.items())


def test_numpy_arrays_give_the_same_bits() -> None:
    rows, sizes, weights, state = arguments = scaled_case(cells.GRU(), [4, 2], 33, 19, dtype=torch.float32)
    out = run(
        cells.GRU(), rows.detach().numpy(), sizes, {k: v.detach().numpy() for k, v in weights.items()},
        {k: v.detach().numpy() for k, v in state.items()}, precision="high",
    )  # fmt: skip
    assert np.array_equal(out.rows, outputs(cells.GRU(), arguments, "high")["rows"].numpy())


def test_gradients_are_taken_as_ever() -> None:
    rows, sizes, weights, state = scaled_case(cells.LSTM(), [5] * 40, 16, 24, dtype=torch.float32)
    found = []
    for precision in ("highest", "high"):
        out = run(cells.LSTM(), rows, sizes, weights, state, backend="compiled", precision=precision)
        found.append(torch.autograd.grad(out.rows.sum(), weights["weight_hh"])[0])
    torch.testing.assert_close(found[1], found[0], rtol=1e-3, atol=1e-3)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(OptionError, match="precision"):
        run(cells.GRU(), *scaled_case(cells.GRU(), [2], 3, 3), precision="low")
