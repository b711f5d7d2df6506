"""bfloat16 in every instruction set that multiplies it in a way of its own: pairs in vectors, AMX tiles, widened to float32."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from peephole import cells
from peephole.equations import Cell
from peephole.ops import run
from peephole.ops.library import library
from support.agreement import close_in_norm, poisoned_scratch, results, same_bits, scaled_case, torch_threads

pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)

ISAS = ("amx", "avx512bf16", "avx512")
# A cell of one phase, one that takes two, one with matrices of its own, and one of a single lane.
FEW_CELLS = (cells.LSTM(), cells.GRU("before"), cells.PeepholeLSTM("full"), cells.RNN())
SHAPES = {
    # lengths, D, H. A tile has 16 rows, 16 columns and is 32 numbers deep: one of each, one more, one less, several and a part;
    # and rows enough to take the products of the input with those of h.
    "one": ([1], 1, 1),
    "small": ([9, 0, 4, 4, 1, 7, 0], 3, 7),
    "one tile": ([3] * 16, 32, 16),
    "one more": ([2] * 17, 33, 17),
    "one less": ([4] * 15, 31, 15),
    "two and a part": ([5] * 20 + [3] * 20 + [0] * 2, 64, 64),
    "odd": ([6] * 33 + [2] * 40, 71, 67),
    "deep": ([2, 2, 1], 600, 40),
    "long": ([70] * 9, 5, 48),
}


@pytest.fixture(params=ISAS)
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param not in library().isas:
        pytest.skip(f"this machine or build has no {request.param}")
    monkeypatch.setenv("PEEPHOLE_ISA", request.param)
    return request.param


@pytest.fixture(autouse=True)
def _poisoned() -> Iterator[None]:
    with poisoned_scratch():
        yield


def rounded_case(cell: Cell, lengths: list[int], inputs: int, hidden: int, **options):
    """A case whose numbers bfloat16 has, so that only the arithmetic differs."""
    rows, sizes, weights, state = scaled_case(cell, lengths, inputs, hidden, **options)

    def to(value: torch.Tensor) -> torch.Tensor:
        return value.detach().bfloat16().double()

    return to(rows), sizes, {k: to(v) for k, v in weights.items()}, {k: to(v) for k, v in state.items()}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("cell", FEW_CELLS, ids=repr)
def test_every_shape_in_every_division_of_the_work(isa: str, cell: Cell, shape) -> None:
    lengths, inputs, hidden = shape
    arguments = rounded_case(cell, lengths, inputs, hidden)
    expected = results(cell, arguments, torch.float64, backend="reference")
    found = []
    for threads, split in ((1, ""), (2, "sequences"), (2, "units"), (5, "sequences"), (3, "units")):
        with torch_threads(threads, split):
            found.append(results(cell, arguments, torch.bfloat16, backend="compiled"))
        # A gradient of one unit is a sum of four products or so, which may cancel: as if it were of eight.
        close_in_norm(found[-1], expected, torch.bfloat16, max(8, (inputs + hidden) * max(lengths)))
    outputs = [{name: value for name, value in one.items() if not name.startswith("d ")} for one in found]
    for other in outputs[1:]:
        same_bits(other, outputs[0])


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("projection", [None, 1, 20, 45])
def test_projections_masks_and_saved_values(isa: str, projection: int | None, reverse: bool) -> None:
    cell, lengths = cells.LSTM(), [5] * 30 + [0, 2, 2, 3]
    arguments = rounded_case(cell, lengths, 9, 37, projection=projection)
    width = 37 if projection is None else projection
    mask = (torch.rand(len(lengths), width, generator=torch.Generator().manual_seed(1)) > 0.3) * 1.25
    options = {"save": cell.values, "recurrent_mask": mask.double(), "reverse": reverse}
    expected = results(cell, arguments, torch.float64, backend="reference", **options)
    found = results(cell, arguments, torch.bfloat16, backend="compiled", **options)
    close_in_norm(found, expected, torch.bfloat16, (9 + 37) * 5)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
@pytest.mark.parametrize("cell", FEW_CELLS, ids=repr)
def test_a_bad_row_touches_no_other_sequence(isa: str, cell: Cell, poison: float) -> None:
    rows, sizes, weights, state = scaled_case(cell, [3] * 20, 5, 19, dtype=torch.bfloat16)
    good = run(cell, rows.detach(), sizes, weights, state, backend="compiled")
    spoilt = rows.detach().clone()
    spoilt[0] = poison
    bad = run(cell, spoilt, sizes, weights, state, backend="compiled")
    others = [row for row in range(60) if row % 20 != 0]
    assert torch.equal(good.rows[others], bad.rows[others])
    assert torch.equal(good.state["h"][1:], bad.state["h"][1:])


@pytest.mark.skipif("amx" not in library().isas, reason="this machine or build has no AMX")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_other_dtypes_are_avx512s(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = scaled_case(cells.LSTM(), [5] * 40 + [2], 33, 67)
    found = []
    for isa in ("amx", "avx512"):
        monkeypatch.setenv("PEEPHOLE_ISA", isa)
        found.append(results(cells.LSTM(), arguments, dtype, backend="compiled"))
    same_bits(*found)


@pytest.mark.skipif("amx" not in library().isas, reason="this machine or build has no AMX")
def test_tiles_of_others_may_lie_between_calls() -> None:
    """Torch multiplies on tiles too, on the same threads, in shapes of its own."""
    rows, sizes, weights, state = scaled_case(cells.LSTM(), [4] * 40, 64, 64, dtype=torch.bfloat16)
    first = run(cells.LSTM(), rows, sizes, weights, state, backend="compiled").rows.detach()
    a = torch.randn(96, 160, dtype=torch.bfloat16)
    product = a @ a.T
    for _ in range(3):
        assert torch.equal(a @ a.T, product)
        assert torch.equal(
            run(cells.LSTM(), rows, sizes, weights, state, backend="compiled").rows.detach(), first
        )
