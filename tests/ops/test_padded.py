"""`run_padded` against `run` on rows that were packed by hand, for arrays and tensors on every backend that can."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from peephole import cells
from peephole.equations import Cell
from peephole.errors import LengthError
from peephole.ops import Sequences, run, run_padded
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.library import library
from peephole.ops.packing import Packing
from support.cases import CELLS, case
from support.counting import kernel_calls
from support.tolerances import FLOAT64

D, H, T = 2, 3, 4
LENGTHS = {"mixed": [2, 0, 4, 1], "dense": [4, 4], "none": [0, 0], "nobody": [], "one": [4]}
BACKENDS = ["reference", *(["compiled"] if library().handle is not None else [])]


def padded(rows: Any, lengths: list[int], fill: float) -> Any:
    """`[T, N, .]` of packed rows, filled up with nonsense."""
    s = Sequences.from_lengths(lengths)
    if isinstance(rows, np.ndarray):
        x = np.full((T, len(lengths), rows.shape[1]), fill)
        x[s.row_time, s.row_batch] = rows
        return x
    x = torch.full((T, len(lengths), rows.shape[1]), fill, dtype=rows.dtype)
    return x.index_put((torch.from_numpy(s.row_time), torch.from_numpy(s.row_batch)), rows)


def tensor(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(array)) if isinstance(array, np.ndarray) else array


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_it_is_run_without_the_packing(cell: Cell, lengths: list[int], backend: str, kind: str) -> None:
    rows, sizes, weights, state = case(cell, lengths, D, H)
    s = Sequences.from_lengths(lengths)
    mask = torch.rand(len(lengths), H, generator=torch.Generator().manual_seed(2), dtype=rows.dtype) * 2
    held = torch.linspace(-1, 1, H, dtype=rows.dtype)
    if kind == "numpy":
        rows, mask, held = rows.detach().numpy(), mask.numpy(), held.numpy()
        weights = {name: w.detach().numpy() for name, w in weights.items()}
        state = {name: v.detach().numpy() for name, v in state.items()}
    place = s.inverse if kind == "numpy" else torch.from_numpy(s.inverse.copy())
    for options in (
        {},
        {"reverse": True},
        {"save": cell.values, "clamp": {cell.values[-1]: held}},
        {"recurrent_mask": mask},
    ):
        expected = run(cell, rows, sizes, weights, state, backend=backend, **options)
        if "recurrent_mask" in options:
            options = {"recurrent_mask": mask[place]}
        x, own = padded(rows, lengths, np.nan), {name: v[place] for name, v in state.items()}
        with kernel_calls() as calls:
            actual = run_padded(cell, x, lengths, weights, own, backend=backend, **options)
        assert calls.both == (int(backend == "compiled"), 0)
        results = {
            "rows": (actual.rows, expected.rows),
            **{n: (actual.saved[n], expected.saved[n]) for n in actual.saved},
        }
        for name, (ours, theirs) in results.items():
            assert type(ours) is type(theirs)
            torch.testing.assert_close(
                tensor(ours), tensor(padded(theirs, lengths, 0.0)), **FLOAT64, msg=name
            )
        for name, final in actual.state.items():
            torch.testing.assert_close(tensor(final), tensor(expected.state[name][place]), **FLOAT64)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_flow_to_real_rows_alone(backend: str) -> None:
    cell, lengths = cells.LSTM(), [2, 0, 4, 1]
    rows, _, weights, state = case(cell, lengths, D, H)
    x = padded(rows.detach(), lengths, 7.0).requires_grad_()
    out = run_padded(cell, x, torch.tensor(lengths), weights, state, backend=backend)
    (out.rows.square().sum() + out.state["c"].sum()).backward()
    for n, length in enumerate(lengths):
        assert (x.grad[length:, n] == 0).all()
        assert (x.grad[:length, n] != 0).all()
    assert torch.equal(
        state["c"].grad[1], torch.ones(H, dtype=torch.float64)
    )  # a length of zero: final = initial
    assert all(weight.grad.abs().sum() > 0 for weight in weights.values())


def test_a_dense_batch_may_lie_in_any_layout() -> None:
    cell = cells.GRU()
    _, _, weights, state = case(cell, [4, 4], D, H)
    x = torch.randn(2, T, D, dtype=torch.float64)
    expected = run_padded(cell, x.transpose(0, 1).contiguous(), None, weights, state, backend="reference")
    wide = torch.randn(T, 2, 3 * D, dtype=torch.float64)
    wide[..., D : 2 * D] = x.transpose(0, 1)
    for view in (x.transpose(0, 1), wide[..., D : 2 * D], x.transpose(0, 1).flip(0).flip(0)):
        for backend in BACKENDS:
            actual = run_padded(cell, view, None, weights, state, backend=backend)
            torch.testing.assert_close(actual.rows, expected.rows, **FLOAT64)


def test_packing_knows_when_there_is_nothing_to_do() -> None:
    x = np.zeros((T, 2, D))
    assert Packing.of("here", x, None).place is None
    assert Packing.of("here", x, [4, 4]).place is None
    packing = Packing.of("here", x, [1, 3])
    assert packing.sizes.numbers == [2, 1, 1]
    assert packing.place.tolist() == [1, 0, 3, 5]  # the longer one first
    with pytest.raises(LengthError, match=r"lengths\[1\] = 5"):
        Packing.of("here", x, [1, 5])


def test_batch_sizes_say_what_follows_from_them() -> None:
    sizes = BatchSizes.of("here", [3, 2, 2])
    assert (sizes.steps, sizes.batch, sizes.rows, sizes.is_dense) == (3, 3, 7, False)
    assert BatchSizes.of("there", sizes) is sizes
    twice = sizes.times(2)
    assert (twice.numbers, twice.batch, twice.rows) == ([6, 4, 4], 6, 14)
    dense = BatchSizes.dense(3, 2)
    assert (dense.numbers, dense.is_dense) == ([2, 2, 2], True)
    assert BatchSizes.dense(3, 0).steps == 0
    for each in (sizes, twice, dense):
        assert each.address == each.array.ctypes.data
        with pytest.raises(ValueError, match="read-only"):
            each.array[0] = 1
