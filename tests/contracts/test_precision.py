"""Every backend × cell × dtype × case against the reference in float64: outputs, final states, saved values and every gradient.

The inputs are rounded to the dtype first, so that the differences are those of the arithmetic alone. Bounds are those of
`support.tolerances.rounding`, which grow as eps · log2(K·T), relative to the norm of each result.
"""

from __future__ import annotations

import pytest
import torch

from peephole import cells
from peephole.equations import Cell
from peephole.errors import BackendUnavailable
from peephole.ops import choose_backend
from peephole.ops.dispatch import NAMES
from support.agreement import close_in_norm, results, scaled_case
from support.cases import CELLS, by_speed

# lengths, D, H
SHAPES = {
    "one step": ([1], 2, 3),
    "dense": ([12] * 6, 16, 32),
    "ragged": ([31, 0, 18, 18, 7, 1, 0, 12], 20, 24),
    "wide": ([4, 3], 70, 130),
    "long": ([100, 99, 2], 4, 9),
}
# In Triton's interpreter a step takes milliseconds; `tests/ops/test_gpu.py` has tiles that are too small for these.
TINY = {
    "one step": ([1], 2, 3),
    "dense": ([3] * 4, 5, 7),
    "ragged": ([4, 0, 2, 2, 1], 3, 5),
    "wide": ([1, 1], 5, 40),
    "long": ([9, 2], 2, 3),
}
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


def sizes(backend: str) -> dict[str, tuple[list[int], int, int]]:
    """Lengths, D and H by name."""
    return TINY if backend == "triton" else SHAPES


def can(backend: str, cell: Cell, dtype: torch.dtype, **asked: object) -> bool:
    try:
        return (
            choose_backend(cell, backend=backend, dtype=str(dtype).removeprefix("torch."), **asked).name
            == backend
        )
    except BackendUnavailable:
        return False


ABLE = [
    by_speed(name, cell, dtype, id=f"{name}-{cell!r}-{dtype}")
    for name in NAMES for cell in CELLS for dtype in DTYPES
    if can(name, cell, dtype) and (dtype != torch.float16 or name == "triton")  # others sum in it, and overflow
]  # fmt: skip


def rounded(arguments, dtype: torch.dtype):
    """The arguments as numbers that the dtype has."""
    rows, sizes, weights, state = arguments

    def to(value: torch.Tensor) -> torch.Tensor:
        return value.detach().to(dtype).double()

    return to(rows), sizes, {k: to(v) for k, v in weights.items()}, {k: to(v) for k, v in state.items()}


def check(
    backend: str, cell: Cell, dtype: torch.dtype, lengths: list[int], inputs: int, hidden: int, **options
) -> None:
    projection = options.pop("projection", None)
    arguments = rounded(scaled_case(cell, lengths, inputs, hidden, projection=projection), dtype)
    expected = results(cell, arguments, torch.float64, backend="reference", **options)
    found = results(cell, arguments, dtype, backend=backend, **options)
    if dtype == torch.bfloat16 and cell == cells.RNN("relu"):
        # With eight bits a pre-activation near zero may fall on either side, and its gradient is there or not.
        expected = {name: value for name, value in expected.items() if not name.startswith("d ")}
    close_in_norm(found, expected, dtype, (inputs + hidden) * max(lengths))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("backend", "cell", "dtype"), ABLE)
def test_outputs_and_gradients(backend: str, cell: Cell, dtype: torch.dtype, shape: str) -> None:
    lengths, inputs, hidden = sizes(backend)[shape]
    for reverse in (False, True) if shape == "ragged" else (False,):
        check(backend, cell, dtype, lengths, inputs, hidden, reverse=reverse)


@pytest.mark.parametrize(("backend", "cell", "dtype"), ABLE)
def test_masks_saved_and_held_values(backend: str, cell: Cell, dtype: torch.dtype) -> None:
    if not can(backend, cell, dtype, recurrent_mask=True, save=cell.values, clamp=True):
        pytest.skip("this backend neither masks, returns nor holds values")
    lengths, inputs, hidden = sizes(backend)["ragged"]
    mask = (torch.rand(len(lengths), hidden, generator=torch.Generator().manual_seed(1)) > 0.25) / 0.75
    mask = mask.to(dtype).double()
    check(backend, cell, dtype, lengths, inputs, hidden, recurrent_mask=mask, save=cell.values)
    for name in cell.values:
        held = torch.linspace(-1, 1, hidden, dtype=torch.float64).to(dtype).double()
        check(backend, cell, dtype, lengths, inputs, hidden, clamp={name: held}, save=cell.values)


@pytest.mark.parametrize(("backend", "cell", "dtype"), [p for p in ABLE if p.values[1].projectable])
def test_projections(backend: str, cell: Cell, dtype: torch.dtype) -> None:
    if backend == "torch" and cell.name != "lstm":
        pytest.skip("torch projects LSTMs alone")
    lengths, inputs, hidden = sizes(backend)["ragged"]
    check(backend, cell, dtype, lengths, inputs, hidden, projection=hidden // 2)
