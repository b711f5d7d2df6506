"""Which backend runs, and why."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from peephole import cells, ops
from peephole.errors import BackendUnavailable
from peephole.ops import backends, choose_backend, library, run
from support.cases import CELLS


@pytest.fixture
def _not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this installation had no kernel library."""
    monkeypatch.setattr("peephole.ops.dispatch.library.refusal", lambda *_: "not built")


@pytest.mark.skipif(library.library().handle is None, reason=library.library().reason)
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_auto_takes_the_compiled_backend_for_every_shipped_cell(cell) -> None:
    for asked in ({}, {"array": "numpy"}, {"save": ["h"]}, {"clamp": True}, {"dtype": "float64"}):
        assert choose_backend(cell, recurrent_mask=True, **asked).name == "compiled"
    for asked in (
        {"device": "cuda"},
        {"dtype": "bfloat16"},
        {"dtype": "mixed dtypes"},
        {"transformed": True},
    ):
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
        "torch": "torch has no kernel for GRU(reset='before')",
    }
    assert choose_backend(cells.LSTM(), save=["f"]).refused == {
        "compiled": "not built",
        "torch": "torch's kernels neither return nor hold gates",
    }


@pytest.mark.usefixtures("_not_built")
def test_a_named_backend_is_honoured_or_refused() -> None:
    with pytest.raises(
        BackendUnavailable,
        match=r"CoupledLSTM: backend 'torch' cannot run this \(torch has no kernel for CoupledLSTM, torch arrays, "
        r"float32 on cpu\); able here: reference",
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
    module = sys.modules["peephole.ops.run"]
    for name, function in list(module._RUN.items()):
        monkeypatch.setitem(
            module._RUN, name, lambda request, name=name, f=function: (ran.append(name), f(request))[1]
        )
    weights = {"weight_ih": np.ones((1, 1)), "weight_hh": np.ones((1, 1))}
    run(cells.RNN(), np.zeros((1, 1)), [1], weights, {"h": np.zeros((1, 1))})
    assert ran == ["reference"]


def test_backends_are_listed_in_the_order_asked() -> None:
    assert [info.name for info in backends()] == list(ops.dispatch.NAMES)
    assert all(info.available for info in backends() if info.name != "compiled")


def test_the_rooms_below_nn_do_not_import_torch() -> None:
    program = (
        "import sys, peephole.ops, peephole.cells, peephole.reading, peephole.classifier, peephole.evaluation;"
        "from peephole import cells; cells.describe('LSTM'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
