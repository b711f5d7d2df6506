"""Lengths: every sequence is as if it were alone, padding is never looked at, a length of zero leaves the initial state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

import peephole.nn as ours
from peephole import cells
from peephole.ops import Sequences
from support.cases import CELLS
from support.tolerances import EXACT, FLOAT64

T, N, D, H = 6, 5, 3, 4
LENGTHS = [2, 0, 6, 1, 2]


def layer_of(cell: Any, **options: Any) -> Any:
    torch.manual_seed(5)
    return ours.Recurrent(cell, D, H, 2, bidirectional=True, dtype=torch.float64, **options)


def states_of(layer: Any, batch: int) -> tuple[Tensor, ...]:
    widths = [layer.proj_size or H] + [H] * (len(layer.cell.states) - 1)
    return tuple(torch.randn(4, batch, width, dtype=torch.float64).requires_grad_() for width in widths)


def as_hx(states: tuple[Tensor, ...]) -> Any:
    return states if len(states) > 1 else states[0]


def as_tuple(hidden: Any) -> tuple[Tensor, ...]:
    return hidden if isinstance(hidden, tuple) else (hidden,)


@pytest.mark.parametrize("backend", ["reference", "auto"])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_a_batch_with_lengths_is_its_sequences_one_by_one(cell: Any, batch_first: bool, backend: str) -> None:
    layer = layer_of(cell, batch_first=batch_first, backend=backend)
    x = torch.randn(T, N, D, dtype=torch.float64).requires_grad_()
    states = states_of(layer, N)
    poisoned = x.clone()
    for n, length in enumerate(LENGTHS):
        poisoned.data[length:, n] = torch.nan
    given = poisoned.transpose(0, 1) if batch_first else poisoned
    y, hidden = layer(given, as_hx(states), lengths=LENGTHS)
    assert y.shape == ((N, T, 2 * H) if batch_first else (T, N, 2 * H))
    y = y.transpose(0, 1) if batch_first else y

    expected_y, expected_hidden = [], []
    for n, length in enumerate(LENGTHS):
        own = tuple(state[:, n] for state in states)
        if length == 0:
            expected_y.append(x.new_zeros(T, 2 * H))
            expected_hidden.append(own)
            continue
        out, final = layer(x[:length, n], as_hx(own))  # one sequence without a batch axis
        expected_y.append(torch.cat([out, out.new_zeros(T - length, 2 * H)]))
        expected_hidden.append(as_tuple(final))
    actual = [y, *as_tuple(hidden)]
    expected = [
        torch.stack(expected_y, 1),
        *(torch.stack(parts, 1) for parts in zip(*expected_hidden, strict=True)),
    ]
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, **FLOAT64)

    leaves = [x, *states, *layer.parameters()]
    weights = [torch.randn_like(tensor) for tensor in expected]
    d_actual = torch.autograd.grad(sum((a * w).sum() for a, w in zip(actual, weights, strict=True)), leaves)
    d_expected = torch.autograd.grad(
        sum((a * w).sum() for a, w in zip(expected, weights, strict=True)), leaves
    )
    for a, b in zip(d_actual, d_expected, strict=True):
        torch.testing.assert_close(a, b, **FLOAT64)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN", "PeepholeLSTM"])
def test_lengths_agree_with_packing(kind: str) -> None:
    layer = getattr(ours, kind)(D, H, 2, dropout=0.5, bidirectional=True, dtype=torch.float64)
    lengths = [2, 6, 1, 4, 4]
    x = torch.randn(T, N, D, dtype=torch.float64)
    torch.manual_seed(1)
    y, hidden = layer(x, lengths=lengths)
    torch.manual_seed(1)  # the same elements are dropped
    packed, packed_hidden = layer(pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False))
    unpacked, _ = torch.nn.utils.rnn.pad_packed_sequence(packed)
    for a, b in zip([y, *as_tuple(hidden)], [unpacked, *as_tuple(packed_hidden)], strict=True):
        torch.testing.assert_close(a, b, **FLOAT64)


@pytest.mark.parametrize(
    "lengths",
    [
        [6, 3],
        (6, 3),
        np.array([6, 3]),
        np.array([6, 3], dtype=np.uint8),
        torch.tensor([6, 3]),
        torch.tensor([6, 3], dtype=torch.int32),
    ],
    ids=["list", "tuple", "array", "bytes", "tensor", "int32 tensor"],
)
def test_lengths_come_in_several_kinds(lengths: Any) -> None:
    layer = ours.LSTM(D, H)
    x = torch.randn(T, 2, D)
    torch.testing.assert_close(layer(x, lengths=lengths)[0], layer(x, lengths=[6, 3])[0], **EXACT)


def test_full_lengths_are_no_lengths() -> None:
    layer = ours.LSTM(D, H, batch_first=True)
    x = torch.randn(2, T, D)
    y, hidden = layer(x, lengths=[T, T])
    torch.testing.assert_close((y, hidden), layer(x), **EXACT)


def test_one_sequence_without_a_batch_axis_may_have_a_length() -> None:
    layer = ours.GRU(D, H, dtype=torch.float64)
    x = torch.randn(T, D, dtype=torch.float64)
    y, h = layer(x, lengths=[4])
    expected_y, expected_h = layer(x[:4])
    assert y.shape == (T, H)
    torch.testing.assert_close(y[:4], expected_y, **FLOAT64)
    torch.testing.assert_close(h, expected_h, **FLOAT64)
    assert not y[4:].any()


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_nothing_but_empty_sequences(kind: str, steps: int) -> None:
    layer = getattr(ours, kind)(D, H, 2, bidirectional=True)
    states = states_of(layer, 2)
    states = tuple(state.detach().float().requires_grad_() for state in states)
    y, hidden = layer(torch.zeros(steps, 2, D), as_hx(states), lengths=[0, 0])
    assert y.shape == (steps, 2, 2 * H)
    assert not y.any()
    for final, state in zip(as_tuple(hidden), states, strict=True):
        torch.testing.assert_close(final, state, **EXACT)
    (y.sum() + sum(final.sum() for final in as_tuple(hidden))).backward()
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in layer.parameters())


@pytest.mark.parametrize("cell", [cells.LSTM(), cells.GRU(), cells.PeepholeLSTM()], ids=repr)
def test_outputs_alone_are_those_of_forward(cell: Any) -> None:
    layer = layer_of(cell)
    x = torch.randn(T, N, D, dtype=torch.float64)
    sequences = Sequences.from_lengths(LENGTHS)
    time, batch = torch.from_numpy(sequences.row_time), torch.from_numpy(sequences.row_batch)
    y, _ = layer(x, lengths=LENGTHS)
    for batch_sizes in (
        sequences.batch_sizes,
        sequences.batch_sizes.tolist(),
        torch.from_numpy(sequences.batch_sizes),
    ):
        rows = layer.outputs(x[time, batch], batch_sizes)
        torch.testing.assert_close(rows, y[time, batch], **FLOAT64)
    assert layer.outputs(x.new_zeros(0, D), []).shape == (0, 2 * H)
