"""NaN and infinities stay in their own sequence: every other row keeps its bits, forwards and backwards."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from peephole import cells
from peephole.equations import Cell, trace
from peephole.ops import run
from peephole.ops.library import library
from support.agreement import poisoned_scratch, results, scaled_case, torch_threads
from support.cases import CELLS

pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)

RAGGED = [9, 0, 4, 4, 1, 7, 0, 3, 3, 2, 6, 9, 9]
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
EVERY_CELL = pytest.mark.parametrize("cell", CELLS, ids=repr)


@pytest.fixture(autouse=True)
def _poisoned() -> Iterator[None]:
    with poisoned_scratch():
        yield


def starts_and_row(sizes, sequence: int, step: int) -> tuple[torch.Tensor, int]:
    """Rows that belong to one sequence (sorted place), as a mask, and its row at a step."""
    offsets = np.cumsum(sizes) - sizes
    mask = torch.zeros(int(np.sum(sizes)), dtype=torch.bool)
    mask[[int(offset) + sequence for offset, size in zip(offsets, sizes, strict=True) if size > sequence]] = (
        True
    )
    return mask, int(offsets[step]) + sequence


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@EVERY_CELL
def test_a_bad_number_stays_in_its_sequence(cell: Cell, bad: float, reverse: bool) -> None:
    for dtype, split, sequence in (
        (torch.float32, "", 0),
        (torch.float64, "sequences", 3),
        (torch.float32, "units", 8),
    ):
        arguments = scaled_case(cell, RAGGED, 5, 19, dtype=dtype)
        rows, sizes, weights, state = arguments
        mine, row = starts_and_row(sizes, sequence, 1)
        spoilt_rows = rows.detach().clone()
        spoilt_rows[row, 2] = bad
        spoilt_state = {name: value.detach().clone() for name, value in state.items()}
        spoilt_state[cell.states[-1]][sequence, 3] = bad
        options = {"backend": "compiled", "reverse": reverse, "save": cell.values}
        with torch_threads(2, split):
            good = results(cell, arguments, dtype, **options)
            for spoilt in ((spoilt_rows, sizes, weights, state), (rows, sizes, weights, spoilt_state)):
                found = results(cell, spoilt, dtype, **options)
                # At the cell itself the number arrived: otherwise this test would prove nothing.
                assert any(not value.isfinite().all() for name, value in found.items() if name != "d rows")
                for name, value in found.items():
                    if name in ("out", "d rows") or name.startswith("saved "):
                        assert torch.equal(value[~mine], good[name][~mine]), name
                    elif name.startswith(("final ", "d state ")):
                        others = [n for n in range(len(RAGGED)) if n != sequence]
                        assert torch.equal(value[others], good[name][others]), name


@pytest.mark.parametrize(
    "cell", [cells.LSTM(), cells.GRU(), cells.PeepholeLSTM("full", "previous")], ids=repr
)
def test_steps_before_a_bad_number_are_untouched(cell: Cell) -> None:
    rows, sizes, weights, state = scaled_case(cell, [9, 9, 9], 5, 19, dtype=torch.float32)
    spoilt = rows.detach().clone()
    spoilt[3 * 5 + 1] = torch.nan
    with torch.no_grad():
        good, found = (
            run(cell, x, sizes, weights, state, backend="compiled").rows.view(9, 3, -1)
            for x in (rows, spoilt)
        )
    assert torch.equal(found[:5], good[:5])
    assert found[5:, 1].isnan().all()
    assert torch.equal(found[5:, [0, 2]], good[5:, [0, 2]])


@pytest.mark.parametrize("cell", [cell for cell in CELLS if trace(cell).phases == 1], ids=repr)
def test_a_bad_weight_spoils_only_what_sees_it(cell: Cell) -> None:
    # A NaN in one unit's bias: within one step, units see each other only in cells of several phases.
    rows, sizes, weights, state = scaled_case(cell, [1, 1, 1], 5, 37, dtype=torch.float32)
    good = run(cell, rows, sizes, weights, state, backend="compiled").rows
    weights["bias_hh"] = weights["bias_hh"].detach().clone()
    weights["bias_hh"][20] = torch.nan
    found = run(cell, rows, sizes, weights, state, backend="compiled").rows
    others = [unit for unit in range(37) if unit != 20]
    assert found[:, 20].isnan().all()
    assert torch.equal(found[:, others], good[:, others])


@DTYPES
@EVERY_CELL
def test_bad_numbers_come_out_where_the_reference_has_them(cell: Cell, dtype: torch.dtype) -> None:
    arguments = scaled_case(cell, RAGGED, 5, 19, dtype=dtype)
    rows, sizes, weights, state = arguments
    spoilt = rows.detach().clone()
    spoilt[0, 0], spoilt[13, 4], spoilt[20, 1] = torch.inf, torch.nan, -torch.inf
    found, expected = (
        results(cell, (spoilt, sizes, weights, state), dtype, backend=backend, save=cell.values)
        for backend in ("compiled", "reference")
    )
    for name in (
        "out",
        *(f"saved {value}" for value in cell.values),
        *(f"final {state}" for state in cell.states),
    ):
        assert torch.equal(found[name].isnan(), expected[name].isnan()), name
        finite = found[name].isfinite()
        torch.testing.assert_close(found[name][finite], expected[name][finite], rtol=1e-4, atol=1e-4)
