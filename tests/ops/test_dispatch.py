"""Which backend runs, and why."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from peephole import cells, ops
from peephole.equations import Cell, Step, tanh
from peephole.errors import BackendUnavailable
from peephole.ops import backends, choose_backend, dispatch, library, run
from peephole.ops.gpu import available
from support.cases import CELLS
from support.counting import kernel_calls


@pytest.fixture
def _not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this installation had no kernel library."""
    monkeypatch.setattr("peephole.ops.dispatch.library.refusal", lambda *_: "not built")
    monkeypatch.setattr("peephole.ops.route._known", {})  # what was found while it was built


@pytest.mark.skipif(library.library().handle is None, reason=library.library().reason)
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_auto_takes_the_compiled_backend_for_every_shipped_cell(cell) -> None:
    for asked in ({}, {"array": "numpy"}, {"save": ["h"]}, {"clamp": True}, {"transformed": True}):
        for dtype in library.DTYPES:
            assert choose_backend(cell, recurrent_mask=True, dtype=dtype, **asked).name == "compiled"
    for asked in ({"device": "cuda"}, {"dtype": "float16"}, {"dtype": "mixed dtypes"}, {"unrolled": True}):
        assert choose_backend(cell, **asked).name != "compiled"
        with pytest.raises(BackendUnavailable):
            choose_backend(cell, backend="compiled", **asked)


@pytest.mark.usefixtures("_not_built")
@pytest.mark.parametrize(
    ("cell", "asked", "name"),
    [
        (cells.LSTM(), {}, "torch"),
        (cells.GRU(), {}, "torch"),
        (cells.RNN("relu"), {}, "torch"),
        (cells.LSTM(), {"array": "numpy"}, "reference"),
        (cells.LSTM(), {"save": ["f"]}, "reference"),
        (cells.LSTM(), {"clamp": True}, "reference"),
        (cells.LSTM(), {"recurrent_mask": True}, "reference"),
        (cells.PeepholeLSTM(), {}, "reference"),
        (cells.GRU("before"), {}, "reference"),
        (cells.CoupledLSTM(), {}, "reference"),
        (cells.LSTM(), {"backend": "reference"}, "reference"),
    ],
    ids=repr,
)
def test_auto_takes_the_first_that_can(cell, asked: dict[str, object], name: str) -> None:
    assert choose_backend(cell, **asked).name == name


@pytest.mark.usefixtures("_not_built")
def test_a_choice_says_why_others_were_passed_over() -> None:
    assert choose_backend(cells.GRU("before")).refused == {
        "compiled": "not built",
        "triton": dispatch._INTERPRETED,
        "torch": "torch has no kernel for GRU(reset='before')",
    }
    assert choose_backend(cells.LSTM(), save=["f"]).refused == {
        "compiled": "not built",
        "triton": dispatch._INTERPRETED,
        "torch": "torch's kernels neither return nor hold gates",
    }


@pytest.mark.usefixtures("_not_built")
def test_a_named_backend_is_honoured_or_refused() -> None:
    with pytest.raises(
        BackendUnavailable,
        match=r"CoupledLSTM: backend 'torch' cannot run this \(torch has no kernel for CoupledLSTM, torch arrays, "
        r"float32 on cpu\); able here: triton, reference",
    ):
        choose_backend(cells.CoupledLSTM(), backend="torch")


@pytest.mark.usefixtures("_not_built")
def test_a_subclass_of_a_cell_is_another_cell() -> None:
    class Mine(cells.LSTM):
        """Torch's kernel may not stand in for equations that it does not know."""

    assert choose_backend(Mine()).name == "reference"


@pytest.mark.usefixtures("_not_built")
def test_run_takes_the_backend_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    module = sys.modules["peephole.ops.route"]
    for name, function in list(module.RUN.items()):
        monkeypatch.setitem(
            module.RUN, name, lambda request, name=name, f=function: (ran.append(name), f(request))[1]
        )
    weights = {"weight_ih": np.ones((1, 1)), "weight_hh": np.ones((1, 1))}
    run(cells.RNN(), np.zeros((1, 1)), [1], weights, {"h": np.zeros((1, 1))})
    assert ran == ["reference"]


@pytest.fixture
def _a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were a GPU."""
    monkeypatch.setattr(available, "is_interpreted", lambda: False)
    monkeypatch.setattr(available, "unavailable", lambda: None)
    monkeypatch.setattr(available, "_capability", lambda: (9, 0))


@pytest.mark.usefixtures("_a_gpu")
@pytest.mark.parametrize(
    ("cell", "asked", "name"),
    [
        (cells.LSTM(), {}, "torch"),
        (cells.GRU(), {"dtype": "bfloat16"}, "torch"),
        (cells.RNN("relu"), {}, "torch"),
        (cells.LSTM(), {"projection": True}, "torch"),
        (cells.LSTM(), {"save": ["f"]}, "triton"),
        (cells.LSTM(), {"clamp": True}, "triton"),
        (cells.LSTM(), {"recurrent_mask": True}, "triton"),
        (cells.LSTM(), {"transformed": True}, "triton"),
        (cells.PeepholeLSTM(), {"dtype": "float16"}, "triton"),
        (cells.PeepholeLSTM("full"), {"projection": True}, "triton"),
        (cells.PeepholeLSTM(), {"projection": True, "recurrent_mask": True}, "reference"),
        (cells.PeepholeLSTM(), {"dtype": "mixed dtypes"}, "reference"),
        (cells.GRU("before"), {}, "triton"),
        (cells.CoupledLSTM(), {}, "triton"),
        (cells.CoupledLSTM(), {"unrolled": True}, "reference"),
        (cells.LSTM(), {"backend": "triton"}, "triton"),
    ],
    ids=repr,
)
def test_what_auto_takes_on_a_gpu(cell, asked: dict[str, object], name: str) -> None:
    assert choose_backend(cell, device="cuda", **asked).name == name


@pytest.mark.usefixtures("_a_gpu")
def test_a_gpu_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(available, "_capability", lambda: (7, 5))
    with pytest.raises(BackendUnavailable, match=r"it needs compute capability 8\.0; this GPU has 7\.5"):
        choose_backend(cells.GRU("before"), device="cuda", backend="triton")


@pytest.mark.parametrize(
    ("interpreted", "installed", "words"),
    [
        (False, None, "Triton is not installed"),
        (True, "3.7.1", "Triton's interpreter runs on CPUs only"),
        (False, "3.7.1", "there is no GPU"),
    ],
)
def test_why_there_are_no_kernels_on_a_gpu(
    interpreted: bool, installed: str | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(available, "is_interpreted", lambda: interpreted)
    monkeypatch.setattr(available, "version", lambda: installed)
    monkeypatch.setattr(available, "_has_gpu", lambda: False)
    with pytest.raises(BackendUnavailable, match=words):
        choose_backend(cells.GRU("before"), device="cuda", backend="triton")


def test_asking_compiles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Fresh(Cell):
        gates, states = ("a",), ("h",)

        def step(self, pre, prev):
            return Step(h=0.123 * prev.h + tanh(pre.a))

    monkeypatch.setenv("PEEPHOLE_CACHE", str(tmp_path / "cache"))
    choose_backend(Fresh())
    assert not (tmp_path / "cache").exists()
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "no-such-compiler" in choose_backend(Fresh()).refused["compiled"]


@pytest.mark.skipif(library.library().handle is None, reason=library.library().reason)
def test_a_choice_is_remembered_by_what_it_depends_on() -> None:
    layer_cell, rows = cells.RNN(), np.zeros((2, 1))
    weights = {"weight_ih": np.ones((1, 1)), "weight_hh": np.ones((1, 1))}
    state = {"h": np.zeros((1, 1))}
    for _ in range(2):
        for backend, count in (("auto", 1), ("compiled", 1), ("reference", 0)):
            with kernel_calls() as calls:
                run(layer_cell, rows, [1, 1], weights, state, backend=backend)
            assert calls.both == (count, 0)
        with kernel_calls() as calls:  # of NumPy's dtypes, one that the kernel has not
            half = {name: w.astype(np.float16) for name, w in weights.items()}
            run(layer_cell, rows.astype(np.float16), [1, 1], half, {"h": state["h"].astype(np.float16)})
        assert calls.both == (0, 0)


def test_backends_are_listed_in_the_order_asked() -> None:
    assert [info.name for info in backends()] == list(ops.dispatch.NAMES)
    assert all(info.available for info in backends() if info.name != "compiled")


def test_the_rooms_below_nn_do_not_import_torch() -> None:
    program = (
        "import sys, peephole.ops, peephole.cells, peephole.reading, peephole.classifier, peephole.evaluation;"
        "from peephole import cells; cells.describe('LSTM'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
