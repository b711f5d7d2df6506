"""Both ways in which threads divide the work, forced: sequences (nobody waits), and units of every sequence (with a barrier)."""

from __future__ import annotations

import pytest
import torch

from peephole import cells
from peephole.errors import OptionError
from peephole.ops import run
from peephole.ops.library import library
from support.agreement import results, scaled_case
from support.cases import CELLS
from support.tolerances import rounding

pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)

RAGGED = [9, 0, 4, 4, 1, 7, 0, 3, 3, 2, 6]


@pytest.fixture(params=[2, 3, 5])
def threads(request: pytest.FixtureRequest):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def options_of(cell) -> dict:
    mask = (torch.rand(len(RAGGED), 37, generator=torch.Generator().manual_seed(1)) > 0.3) / 0.7
    return {"save": cell.values, "recurrent_mask": mask, "reverse": True}


@pytest.mark.parametrize("split", ["units", "sequences"])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_a_split_gives_the_reference(cell, split, threads, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = scaled_case(cell, RAGGED, 17, 37)
    expected = results(cell, arguments, torch.float64, backend="reference", **options_of(cell))
    monkeypatch.setenv("PEEPHOLE_SPLIT", split)
    actual = results(cell, arguments, torch.float64, backend="compiled", **options_of(cell))
    for name, value in expected.items():
        scale = max(1.0, float(value.abs().max()))
        bound = rounding(torch.float64, 37 * 9)["atol"] * scale * 8
        torch.testing.assert_close(actual[name], value, rtol=0, atol=bound, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.projectable], ids=repr)
def test_a_split_of_units_with_projection(cell, threads, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = scaled_case(cell, RAGGED, 17, 37, projection=20)
    expected = results(cell, arguments, torch.float64, backend="reference", save=cell.values)
    monkeypatch.setenv("PEEPHOLE_SPLIT", "units")
    actual = results(cell, arguments, torch.float64, backend="compiled", save=cell.values)
    for name, value in expected.items():
        scale = max(1.0, float(value.abs().max()))
        bound = rounding(torch.float64, 37 * 9)["atol"] * scale * 8
        torch.testing.assert_close(actual[name], value, rtol=0, atol=bound, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_the_split_changes_no_bit_of_the_outputs(cell, threads, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, sizes, weights, state = scaled_case(cell, RAGGED, 17, 37, dtype=torch.float32)
    found = []
    for split in ("", "units", "sequences"):
        monkeypatch.setenv("PEEPHOLE_SPLIT", split)
        with torch.no_grad():
            found.append(run(cell, rows, sizes, weights, state, backend="compiled", save=cell.values))
    for other in found[1:]:
        assert torch.equal(other.rows, found[0].rows)
        assert all(torch.equal(other.state[name], found[0].state[name]) for name in cell.states)
        assert all(torch.equal(other.saved[name], found[0].saved[name]) for name in cell.values)


def test_an_unknown_split_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEEPHOLE_SPLIT", "rows")
    with pytest.raises(OptionError, match="PEEPHOLE_SPLIT"):
        run(cells.GRU(), *scaled_case(cells.GRU(), [2], 3, 3), backend="compiled")
