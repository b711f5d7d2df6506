"""Arrays may lie in memory as they like: what comes out has the same bits, and what went in is left as it was."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from peephole import cells
from peephole.equations import Cell
from peephole.ops import run
from peephole.ops.library import library
from support.agreement import compare, poisoned_scratch, results, same_bits, scaled_case, waves
from support.cases import CELLS, case

pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)


@pytest.fixture(autouse=True)
def _poisoned() -> Iterator[None]:
    with poisoned_scratch():
        yield


def views(x: torch.Tensor) -> dict[str, torch.Tensor]:
    """The same numbers, lying otherwise."""
    wide = torch.full((2 * x.shape[0], 3 * x.shape[1]), torch.nan, dtype=x.dtype)
    wide[::2, 1::3] = x
    offset = torch.full((x.numel() + 1,), torch.nan, dtype=x.dtype)
    offset[1:] = x.reshape(-1)
    padded = torch.full((x.shape[0], x.shape[1] + 5), torch.nan, dtype=x.dtype)
    padded[:, 2:-3] = x
    return {
        "every third column of every second row": wide[::2, 1::3],
        "a transposed array": x.T.contiguous().T,
        "one element off": offset[1:].view(x.shape),
        "columns of a wider array": padded[:, 2:-3],
    }


@pytest.mark.parametrize("kind", ["torch", "numpy"])
@pytest.mark.parametrize("cell", [cells.LSTM(), cells.GRU("before"), cells.PeepholeLSTM("full")], ids=repr)
def test_arrays_may_lie_in_memory_as_they_like(cell: Cell, kind: str) -> None:
    rows, sizes, weights, state = (
        {k: v.detach() for k, v in part.items()} if isinstance(part, dict) else part.detach() if torch.is_tensor(part) else part
        for part in scaled_case(cell, [5, 4, 2], 3, 19)
    )  # fmt: skip

    def call(x, w, s):
        if kind == "numpy":
            x, w, s = x.numpy(), {k: v.numpy() for k, v in w.items()}, {k: v.numpy() for k, v in s.items()}
        out = run(cell, x, sizes, w, s, backend="compiled", save=cell.values)
        return {k: torch.as_tensor(v) for k, v in {"rows": out.rows, **out.state, **out.saved}.items()}

    expected = call(rows, weights, state)
    for name, view in views(rows).items():
        assert torch.equal(view, rows), name
        same_bits(call(view, weights, state), expected)
    for way in views(rows):
        weights_so = {k: views(v)[way] if v.ndim == 2 else views(v[None])[way][0] for k, v in weights.items()}
        same_bits(call(rows, weights_so, {k: views(v)[way] for k, v in state.items()}), expected)
    same = {k: v[:1].expand_as(v) for k, v in state.items()}  # one row for all
    same_bits(call(rows, weights, same), call(rows, weights, {k: v.contiguous() for k, v in same.items()}))
    repeated = rows[:1].expand_as(rows)
    same_bits(call(repeated, weights, state), call(repeated.contiguous(), weights, state))


def test_numpy_arrays_backwards_read_only_and_mapped(tmp_path) -> None:
    cell = cells.GRU()
    rows, sizes, weights, state = (
        {k: v.detach().numpy() for k, v in part.items()} if isinstance(part, dict) else part
        for part in scaled_case(cell, [5, 4, 2], 3, 19)
    )  # fmt: skip
    x = rows.detach().numpy()
    expected = run(cell, x, sizes, weights, state, backend="compiled").rows
    frozen = x.copy()
    frozen.flags.writeable = False
    unaligned = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape)
    mapped = np.memmap(tmp_path / "x", x.dtype, "w+", shape=x.shape)
    mapped[:] = x
    for other in (
        x[::-1].copy()[::-1],
        x[:, ::-1].copy()[:, ::-1],
        np.asfortranarray(x),
        frozen,
        unaligned,
        mapped,
    ):
        assert np.array_equal(run(cell, other, sizes, weights, state, backend="compiled").rows, expected)


def test_inputs_are_not_written_to() -> None:
    for cell in CELLS:
        rows, sizes, weights, state = scaled_case(cell, [5, 4, 0, 2], 3, 19)
        before = [t.detach().clone() for t in (rows, *weights.values(), *state.values())]
        results(cell, (rows, sizes, weights, state), torch.float64, backend="compiled", save=cell.values)
        for tensor, copy in zip((rows, *weights.values(), *state.values()), before, strict=True):
            assert torch.equal(tensor, copy)


def test_gradients_may_come_from_views_and_go_to_views() -> None:
    cell = cells.LSTM()
    rows, sizes, weights, state = scaled_case(cell, [5, 4, 2], 3, 19)
    leaves = [rows, *weights.values(), *state.values()]
    found = []
    for backend in ("compiled", "reference"):
        turned = {name: views(w)["a transposed array"] if w.ndim == 2 else w for name, w in weights.items()}
        out = run(cell, rows.T.contiguous().T, sizes, turned, state, backend=backend)
        # sum() asks with one number expanded to all, a transposed product with strides the other way round.
        total = out.rows.sum() + (out.rows.T @ waves(out.rows)).sum() + out.state["c"][:, ::2].sum()
        found.append(dict(enumerate(torch.autograd.grad(total, leaves))))
    compare(*found, torch.float64, 22 * 11)


def test_a_tensor_that_torch_negates_lazily_is_read_as_what_it_is() -> None:
    # The imaginary part of a conjugate is a view with a mark "negate when read"; its memory holds the opposite sign.
    cell = cells.RNN()
    _, sizes, weights, state = case(cell, [4, 2], 3, 5)
    z = torch.complex(torch.zeros(6, 3, dtype=torch.float64), waves(torch.empty(6, 3, dtype=torch.float64)))
    lazy = z.conj().imag
    assert lazy.is_neg()
    with torch.no_grad():
        expected = run(cell, lazy.resolve_neg().contiguous(), sizes, weights, state, backend="compiled").rows
        assert torch.equal(run(cell, lazy, sizes, weights, state, backend="compiled").rows, expected)
