"""The emitted C++ of random cells, compiled and run: the kernel against the reference and autograd, in float64."""

from __future__ import annotations

import pytest
import torch

from peephole.equations import Cell, Step
from peephole.equations.emit_cpp import emit, emit_all
from peephole.equations.functions import apply
from peephole.errors import BackendUnavailable, NotCompiledWarning
from peephole.ops import own_cell, run
from peephole.ops.library import library
from support.cases import CELLS, case
from support.tame_cells import TameCell


def test_every_shipped_cell_is_built_in() -> None:
    text = emit_all(CELLS)
    for cell in CELLS:
        key, own = emit(cell)
        assert own in text
        handle = library().handle
        assert handle is None or all(
            handle.peephole_cell(isa.encode(), key.encode()) for isa in library().isas
        )


@pytest.mark.slow
@pytest.mark.skipif(own_cell.compiler() is None, reason="needs a C++ compiler")
@pytest.mark.skipif(library().handle is None, reason=library().reason)
@pytest.mark.parametrize("block", range(4))
def test_random_cells_run_as_the_reference(block: int, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEEPHOLE_CACHE", str(tmp_path))
    isa = library().isas[block % len(library().isas)]
    monkeypatch.setenv("PEEPHOLE_ISA", isa)
    cells = [TameCell(10 * block + k) for k in range(10)]
    addresses = own_cell.compile_cells(cells, isa)
    monkeypatch.setattr("peephole.ops.own_cell.find", lambda cell, _: (addresses[emit(cell)[0]], ""))
    for cell in cells:
        rows, sizes, weights, state = case(cell, [4, 0, 2, 1], 3, 19)
        weights = {name: (w.detach() / 4).requires_grad_() for name, w in weights.items()}
        leaves = [rows, *weights.values(), *state.values()]
        found = []
        for backend in ("reference", "compiled"):
            out = run(cell, rows, sizes, weights, state, backend=backend, save=cell.values)
            results = [out.rows, *out.state.values(), *out.saved.values()]
            total = sum(
                (r * torch.sin(torch.arange(r.numel()) + 1.0).reshape(r.shape)).sum() for r in results
            )
            found.append(
                [*results, *torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)]
            )
        for actual, expected in zip(found[1], found[0], strict=True):
            scale = max(1.0, float(expected.detach().abs().max()))
            torch.testing.assert_close(
                actual, expected, rtol=0, atol=1e-11 * scale, msg=lambda m, c=cell: f"{c}: {m}"
            )


@pytest.mark.skipif(own_cell.compiler() is None, reason="needs a C++ compiler")
@pytest.mark.skipif(library().handle is None, reason=library().reason)
def test_a_cell_of_your_own_is_compiled_once(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Leaky(Cell):
        gates, states = ("a",), ("h",)

        def step(self, pre, prev):
            return Step(h=0.75 * prev.h + 0.25 * apply("tanh", pre.a))

    monkeypatch.setenv("PEEPHOLE_CACHE", str(tmp_path))
    rows, sizes, weights, state = case(Leaky(), [3, 1], 2, 5)
    actual = run(Leaky(), rows, sizes, weights, state, backend="compiled").rows
    expected = run(Leaky(), rows, sizes, weights, state, backend="reference").rows
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-13)
    (made,) = tmp_path.glob("*.so")
    before = made.stat().st_mtime_ns
    own_cell.compile_cells([Leaky()], library().isas[0])
    assert [path.stat().st_mtime_ns for path in tmp_path.iterdir()] == [before]


@pytest.mark.skipif(own_cell.compiler() is None, reason="needs a C++ compiler")
@pytest.mark.skipif(library().handle is None, reason=library().reason)
def test_a_cache_that_cannot_be_made_leaves_the_reference(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Cell):
        gates, states = ("a",), ("h",)

        def step(self, pre, prev):
            return Step(h=0.5 * prev.h + 0.5 * apply("tanh", pre.a))

    occupied = tmp_path / "file"
    occupied.write_text("not a folder")
    monkeypatch.setenv("PEEPHOLE_CACHE", str(occupied))
    rows, sizes, weights, state = case(Slow(), [3, 1], 2, 5)
    with pytest.warns(NotCompiledWarning, match="cache of compiled cells"):
        assert run(Slow(), rows, sizes, weights, state).rows.shape == (4, 5)
    with pytest.raises(BackendUnavailable, match="cache of compiled cells"):
        run(Slow(), rows, sizes, weights, state, backend="compiled")
