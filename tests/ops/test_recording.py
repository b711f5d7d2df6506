"""`record`: runs on NumPy arrays, forwards and back, against torch's autograd through the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from peephole import cells
from peephole.equations import Cell
from peephole.errors import BackendUnavailable, OptionError, ShapeError
from peephole.ops import record, run
from peephole.ops.library import library
from support.cases import CELLS, case
from support.tolerances import FLOAT64

pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)

LENGTHS = [4, 0, 3, 3, 1]


def arrays(tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def agree(
    cell: Cell, *, reverse: bool, save: tuple[str, ...] = (), hold: tuple[str, ...] = (), **options: Any
) -> None:
    """Results and every gradient, of a random combination of rows, final states and saved values."""
    rows, sizes, weights, state = case(cell, LENGTHS, 3, 5, **options)
    generator = torch.Generator().manual_seed(1)

    def random(like: torch.Tensor) -> torch.Tensor:
        return torch.randn(like.shape, generator=generator, dtype=torch.float64)

    held = {name: random(torch.empty(len(rows), 5)).requires_grad_() for name in hold}
    out = run(cell, rows, sizes, weights, state, backend="reference", reverse=reverse, save=save, clamp=held)
    d_rows = random(out.rows)
    d_state = {name: random(value) for name, value in out.state.items()}
    d_saved = {name: random(value) for name, value in out.saved.items()}
    total = (out.rows * d_rows).sum()
    for values, gradients in ((out.state, d_state), (out.saved, d_saved)):
        total = total + sum((value * gradients[name]).sum() for name, value in values.items())
    leaves = {"rows": rows, **weights, **{f"state.{name}": value for name, value in state.items()}}
    leaves |= {f"value.{name}": value for name, value in held.items()}
    expected = torch.autograd.grad(total, list(leaves.values()), allow_unused=True, materialize_grads=True)

    recording = record(
        cell,
        rows.detach().numpy(),
        sizes,
        arrays(weights),
        arrays(state),
        reverse=reverse,
        save=save,
        clamp=arrays(held),
    )
    np.testing.assert_allclose(recording.output.rows, out.rows.detach(), **FLOAT64)
    for found, values in ((recording.output.state, out.state), (recording.output.saved, out.saved)):
        assert found.keys() == values.keys()
        for name, value in values.items():
            np.testing.assert_allclose(found[name], value.detach(), **FLOAT64)
    for _ in range(2):  # it can be gone back through again
        gradients = recording.backward(d_rows.numpy(), arrays(d_state), arrays(d_saved), wanted=leaves)
        assert list(gradients) == list(leaves)
        for name, gradient in zip(leaves, expected, strict=True):
            np.testing.assert_allclose(gradients[name], gradient, **FLOAT64, err_msg=name)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_results_and_gradients_are_those_of_autograd(cell: Cell, reverse: bool):
    agree(cell, reverse=reverse)
    agree(cell, reverse=reverse, save=cell.values, bias=False)


@pytest.mark.parametrize("cell", [cells.LSTM(), cells.PeepholeLSTM()], ids=repr)
def test_held_values_have_gradients_of_their_own(cell: Cell):
    agree(cell, reverse=False, hold=("f",), save=("c", "f"))
    agree(cell, reverse=True, hold=("c", "o"), save=("h",))


def test_projected_outputs():
    agree(cells.LSTM(), reverse=False, projection=2, save=("h", "c"))


@pytest.fixture
def recording() -> Any:
    rows, sizes, weights, state = case(cells.LSTM(), LENGTHS, 3, 5)
    return record(cells.LSTM(), rows.detach().numpy(), sizes, arrays(weights), arrays(state), save=("f",))


def test_nothing_asked_gives_zeros(recording: Any):
    assert not recording.backward()["rows"].any()


def test_what_cannot_be_asked(recording: Any):
    rows = recording.output.rows
    with pytest.raises(
        ShapeError, match=r"LSTM.backward: a gradient must be \[11, 5\], as what it is of; got \[10, 5\]"
    ):
        recording.backward(rows[:-1])
    with pytest.raises(OptionError, match=r"the name of a gradient must be one of 'h', 'c'; got 'i'"):
        recording.backward(rows, {"i": rows})
    with pytest.raises(OptionError, match=r"the name of a gradient must be one of 'f'; got 'g'"):
        recording.backward(rows, None, {"g": rows})
    for wanted in ("x", "state.i", "value.x", "clamp.f", "mask", "weight_hr"):
        with pytest.raises(
            OptionError, match=f"wanted must name what the run has; got '{wanted}'; it has: rows, weight_ih"
        ):
            recording.backward(rows, wanted=[wanted])


def test_what_has_no_kernel_is_refused():
    rows, sizes, weights, state = case(cells.LSTM(), LENGTHS, 3, 5)
    with pytest.raises(ShapeError, match=r"record\(LSTM\): rows must be a NumPy array \[R, D\]; got Tensor"):
        record(cells.LSTM(), rows, sizes, weights, state)  # type: ignore[arg-type]
    half = {name: value.astype(np.float16) for name, value in arrays(weights).items()}
    with pytest.raises(BackendUnavailable, match="it computes in float32, float64, bfloat16 only"):
        record(cells.LSTM(), rows.detach().numpy().astype(np.float16), sizes, half, {
            name: value.astype(np.float16) for name, value in arrays(state).items()
        })  # fmt: skip
    with pytest.raises(OptionError, match="state 'c' missing"):
        record(cells.LSTM(), rows.detach().numpy(), sizes, arrays(weights), {"h": arrays(state)["h"]})
