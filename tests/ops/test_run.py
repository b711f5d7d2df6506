"""The checks of `run`, holding and saving values, and the masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from peephole import cells
from peephole.errors import LengthError, OptionError, ShapeError
from peephole.ops import run
from support.cases import CELLS, case


def arguments(**changes: object) -> tuple[tuple[object, ...], dict[str, object]]:
    """A good call of an LSTM with D = 2, H = 3, lengths 2 and 1; `changes` spoil it."""
    zeros = np.zeros
    call: dict[str, object] = {
        "cell": cells.LSTM(),
        "rows": zeros((3, 2)),
        "batch_sizes": [2, 1],
        "weights": {"weight_ih": zeros((12, 2)), "weight_hh": zeros((12, 3))},
        "state": {"h": zeros((2, 3)), "c": zeros((2, 3))},
    }
    names = list(call)
    call.update(changes)
    return tuple(call.pop(name) for name in names), call


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"rows": [[0.0]]}, ShapeError, r"rows must be a torch tensor or a NumPy array \[R, D\]; got list"),
        ({"rows": np.zeros(3)}, ShapeError, r"NumPy array \[R, D\]; got \[3\]"),
        ({"rows": np.zeros((4, 2))}, ShapeError, r"batch_sizes sum to 3 rows; got rows \[4, 2\]"),
        ({"rows": np.zeros((3, 5))}, ShapeError, r"weight_ih must be \[12, 5\]; got \[12, 2\]"),
        ({"batch_sizes": [1, 2]}, LengthError, r"never grow \(longest sequence first\); got \[1, 2\]"),
        ({"weights": {"weight_ih": np.zeros((12, 2))}}, OptionError, "weight 'weight_hh' missing"),
        (
            {"weights": {"weight_ih": np.zeros((12, 2)), "weight_hh": np.zeros((12, 3)), "bias_hi": 0}},
            OptionError,
            r"no weight is called 'bias_hi' \(did you mean 'bias_ih'\?\)",
        ),
        (
            {
                "weights": {
                    "weight_ih": np.zeros((12, 2)),
                    "weight_hh": np.zeros((12, 3)),
                    "bias_ih": np.zeros(12),
                }
            },
            OptionError,
            "bias_ih and bias_hh go together",
        ),
        (
            {"weights": {"weight_ih": np.zeros((11, 2)), "weight_hh": np.zeros((11, 3))}},
            ShapeError,
            r"weight_ih must have 4 · H rows, H at least 1; got \[11, 2\]",
        ),
        (
            {"weights": {"weight_ih": np.zeros((12, 2)), "weight_hh": np.zeros((12, 2))}},
            ShapeError,
            r"weight_hh must be \[G·H, H\] = \[12, 3\] without weight_hr; got width 2",
        ),
        (
            {"weights": {"weight_ih": torch.zeros(12, 2), "weight_hh": torch.zeros(12, 3)}},
            ShapeError,
            "weight_ih must be a ndarray, as rows are; got Tensor",
        ),
        ({"state": {"h": np.zeros((2, 3))}}, OptionError, "state 'c' missing"),
        (
            {"state": {"h": np.zeros((1, 3)), "c": np.zeros((1, 3))}},
            ShapeError,
            r"at least batch_sizes\[0\] = 2 rows; got 1",
        ),
        (
            {"state": {"h": np.zeros((2, 3)), "c": np.zeros((2, 4))}},
            ShapeError,
            r"state\['c'\] must be \[2, 3\]; got \[2, 4\]",
        ),
        ({"recurrent_mask": np.zeros((3, 3))}, ShapeError, r"recurrent_mask must be \[2, 3\]; got \[3, 3\]"),
        ({"save": ["k"]}, OptionError, "the cell has no value 'k'; it has: h, c, i, f, g, o"),
        (
            {"clamp": {"f": np.zeros((2, 3))}},
            ShapeError,
            r"clamp\['f'\] must broadcast to \[R, H\] = \[3, 3\]; got \[2, 3\]",
        ),
        (
            {"backend": "cuda"},
            OptionError,
            "backend must be one of 'auto', 'compiled', 'triton', 'torch', 'reference'; got 'cuda'",
        ),
    ],
)
def test_a_bad_argument_is_named(changes: dict[str, object], error: type[Exception], words: str) -> None:
    args, kwargs = arguments(**changes)
    with pytest.raises(error, match=words):
        run(*args, **kwargs)


def test_a_gru_cannot_be_projected() -> None:
    weights = {"weight_ih": np.zeros((9, 2)), "weight_hh": np.zeros((9, 1)), "weight_hr": np.zeros((1, 3))}
    with pytest.raises(OptionError, match="h cannot be projected"):
        run(cells.GRU(), np.zeros((1, 2)), [1], weights, {"h": np.zeros((1, 1))})


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_holding_values_at_what_they_are_changes_nothing(cell) -> None:
    given = case(cell, [3, 0, 2], 2, 4)
    free = run(cell, *given, backend="reference", save=cell.values)
    held = run(cell, *given, clamp=free.saved, save=cell.values)
    for name in cell.values:
        torch.testing.assert_close(held.saved[name], free.saved[name], rtol=0, atol=1e-14)
    for name in cell.states:
        torch.testing.assert_close(held.state[name], free.state[name], rtol=0, atol=1e-14)


def test_a_held_gate_is_seen_by_later_equations() -> None:
    cell = cells.LSTM()
    given = case(cell, [4, 2], 2, 3)
    one = torch.ones(1, dtype=torch.float64)
    out = run(cell, *given, clamp={"f": one, "i": 0 * one}, save=["c", "f"])
    initial = given[-1]["c"]
    sizes = torch.as_tensor(given[1])
    rows = torch.cat([initial[:size] for size in sizes.tolist()])
    assert torch.equal(out.saved["c"], rows)  # f = 1 and i = 0: the cell is carried unchanged
    assert torch.equal(out.saved["f"], torch.ones_like(rows))


def test_a_recurrent_mask_multiplies_the_operand_of_every_product() -> None:
    # a mask of ones changes nothing; a mask of zeros cuts every recurrent product
    for cell in CELLS:
        rows, sizes, weights, state = case(cell, [3, 2], 2, 3)
        mask = torch.ones(2, 3, dtype=torch.float64)
        free = run(cell, rows, sizes, weights, state, backend="reference").rows
        masked = run(cell, rows, sizes, weights, state, backend="reference", recurrent_mask=mask).rows
        assert torch.equal(masked, free)
        cut = {**weights, "weight_hh": torch.zeros_like(weights["weight_hh"])}
        torch.testing.assert_close(
            run(cell, rows, sizes, weights, state, recurrent_mask=0 * mask).rows,
            run(cell, rows, sizes, cut, state, backend="reference").rows,
            rtol=0,
            atol=1e-14,
        )


def test_one_sequences_nan_does_not_touch_the_others() -> None:
    for backend in ("reference", "torch"):
        rows, sizes, weights, state = case(cells.LSTM(), [3, 3, 2], 2, 3)
        clean = run(cells.LSTM(), rows, sizes, weights, state, backend=backend, want_state=False).rows
        spoiled = rows.clone()
        spoiled[0] = torch.nan  # the first step of the first sequence
        dirty = run(cells.LSTM(), spoiled, sizes, weights, state, backend=backend, want_state=False).rows
        first = torch.zeros(len(rows), dtype=torch.bool)
        first[[0, 3, 6]] = True
        assert dirty[first].isnan().all()
        assert torch.equal(dirty[~first], clean[~first])
