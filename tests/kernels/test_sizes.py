"""Every width from 1 to 130: whole vectors, parts of them, and all that lies between, with one thread and two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from peephole import cells
from peephole.equations import Cell
from peephole.ops.library import library
from support.agreement import compare, poisoned_scratch, results, same_bits, scaled_case, torch_threads

pytestmark = [pytest.mark.slow, pytest.mark.skipif(library().handle is None, reason=library().reason)]

WIDTHS = range(1, 131)
FEW = (1, 3, 16, 67, 130)
LENGTHS = [3, 3, 3, 3, 3, 2, 2, 1, 1, 0]


@pytest.fixture(autouse=True)
def _poisoned() -> Iterator[None]:
    with poisoned_scratch():
        yield


def check(cell: Cell, inputs: int, hidden: int, dtype: torch.dtype) -> None:
    """One thread; two that divide the sequences; two that divide the units."""
    arguments = scaled_case(cell, LENGTHS, inputs, hidden, seed=131 * hidden + inputs)
    expected = results(cell, arguments, torch.float64, backend="reference")
    found = []
    for threads, split in ((1, ""), (2, "sequences"), (2, "units")):
        with torch_threads(threads, split):
            found.append(results(cell, arguments, dtype, backend="compiled"))
        # Gradients of weights are sums over all rows of the batch.
        compare(found[-1], expected, dtype, (inputs + hidden) * sum(LENGTHS))
    forwards = [{name: value for name, value in one.items() if not name.startswith("d ")} for one in found]
    same_bits(forwards[1], forwards[0])
    same_bits(forwards[2], forwards[0])


# A cell of one phase, one that takes two, one with matrices of its own, and one of a single lane.
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    "cell", [cells.LSTM(), cells.GRU("before"), cells.PeepholeLSTM("full"), cells.RNN()], ids=repr
)
def test_every_number_of_units(cell: Cell, dtype: torch.dtype) -> None:
    for hidden in WIDTHS:
        check(cell, FEW[hidden % len(FEW)], hidden, dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("cell", [cells.LSTM(), cells.GRU(), cells.PeepholeLSTM()], ids=repr)
def test_every_number_of_inputs(cell: Cell, dtype: torch.dtype) -> None:
    for inputs in WIDTHS:
        check(cell, inputs, FEW[inputs % len(FEW)], dtype)


@pytest.mark.parametrize("isa", library().isas or ["none"])
@pytest.mark.parametrize("cell", [cells.LSTM(), cells.GRU(), cells.RNN()], ids=repr)
def test_every_number_of_units_in_every_instruction_set(
    cell: Cell, isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEEPHOLE_ISA", isa)
    for hidden in WIDTHS:
        arguments = scaled_case(cell, [4, 2, 2, 1], 1 + hidden % 19, hidden, seed=hidden)
        expected = results(cell, arguments, torch.float64, backend="reference")
        for dtype in (torch.float32, torch.float64):
            compare(results(cell, arguments, dtype, backend="compiled"), expected, dtype, 150 * 4)


@pytest.mark.parametrize("cell", [cells.LSTM(), cells.PeepholeLSTM("full")], ids=repr)
def test_every_width_of_a_projection(cell: Cell) -> None:
    for width in WIDTHS:
        hidden = 1 + (7 * width) % 130
        arguments = scaled_case(cell, [4, 2, 2, 1], 3, hidden, projection=width, seed=width)
        expected = results(cell, arguments, torch.float64, backend="reference")
        compare(results(cell, arguments, torch.float64, backend="compiled"), expected, torch.float64, 260 * 4)
