"""Every backend × cell × case against one plain loop per sequence: outputs, final states and every gradient."""

from __future__ import annotations

import pytest
import torch

from peephole.equations import Cell
from peephole.errors import BackendUnavailable
from peephole.ops import Sequences, choose_backend, run
from peephole.ops.dispatch import NAMES
from support.cases import CELLS, by_speed, case

LENGTHS = {
    "dense": [4, 4, 4],
    "ragged": [5, 1, 4, 4],
    "with zeros": [0, 3, 0, 2],
    "one": [1],
    "none": [0, 0],
    "empty": [],
}


def can(name: str, cell: Cell) -> bool:
    try:
        return choose_backend(cell, backend=name, dtype="float64").name == name
    except BackendUnavailable:
        return False


ABLE = [by_speed(name, cell) for name in NAMES for cell in CELLS if can(name, cell)]


def loop(cell: Cell, rows, lengths, weights, state, reverse: bool):
    """The oracle: each sequence by itself, one row at a time, through `run` with one step (whose numbers are worked by hand)."""
    sequences = Sequences.from_lengths(lengths)
    outputs = {}
    finals = {name: [None] * len(lengths) for name in cell.states}
    for n in range(len(lengths)):
        position = int(sequences.inverse[n])
        now = {name: value[position : position + 1] for name, value in state.items()}
        indices = sequences.rows_of(n).tolist()
        for row in reversed(indices) if reverse else indices:
            out = run(cell, rows[row : row + 1], [1], weights, now, backend="reference")
            now, outputs[row] = out.state, out.rows
        for name in cell.states:
            finals[name][position] = now[name]
    joined = (
        torch.cat([outputs[row] for row in range(len(rows))])
        if len(rows)
        else rows.new_zeros(0, weights["weight_hh"].shape[1])
    )
    return joined, {name: torch.cat(parts) if parts else state[name] for name, parts in finals.items()}


def gradients(outputs, leaves):
    weight = [torch.sin(torch.arange(o.numel(), dtype=o.dtype)).reshape(o.shape) for o in outputs]
    total = sum((o * w).sum() for o, w in zip(outputs, weight, strict=True))
    return torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True, retain_graph=True)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize(("backend", "cell"), ABLE, ids=repr)
def test_a_backend_agrees_with_one_loop_per_sequence(
    backend: str, cell: Cell, lengths: list[int], reverse: bool
) -> None:
    for bias, projection in [(True, None), (False, None), *([(True, 2)] if cell.name == "lstm" else [])]:
        rows, sizes, weights, state = case(cell, lengths, 3, 4, bias=bias, projection=projection)
        leaves = [rows, *weights.values(), *state.values()]
        expected_rows, expected_state = loop(cell, rows, lengths, weights, state, reverse)
        expected = [expected_rows, *expected_state.values()]
        out = run(cell, rows, sizes, weights, state, backend=backend, reverse=reverse)
        actual = [out.rows, *(out.state[name] for name in expected_state)]
        for a, b in zip(actual, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
        if len(rows) == 0:
            continue
        for a, b in zip(gradients(actual, leaves), gradients(expected, leaves), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-11)
        short = run(cell, rows, sizes, weights, state, backend=backend, reverse=reverse, want_state=False)
        torch.testing.assert_close(short.rows, expected_rows, rtol=0, atol=1e-12)
        for a, b in zip(gradients([short.rows], leaves), gradients([expected_rows], leaves), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-11)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_numpy_and_torch_run_the_same_reference(cell: Cell) -> None:
    rows, sizes, weights, state = case(cell, [5, 0, 2], 3, 4)
    numpy = run(
        cell,
        rows.detach().numpy(),
        sizes,
        {name: value.detach().numpy() for name, value in weights.items()},
        {name: value.detach().numpy() for name, value in state.items()},
        save=cell.values,
    )
    torch_out = run(cell, rows, sizes, weights, state, backend="reference", save=cell.values)
    for name in cell.values:
        torch.testing.assert_close(
            torch.from_numpy(numpy.saved[name]), torch_out.saved[name].detach(), rtol=0, atol=1e-13
        )
