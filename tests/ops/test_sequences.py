"""Packed rows against torch's PackedSequence, and the index maps against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_padded_sequence

from peephole.errors import LengthError
from peephole.ops import Sequences
from peephole.ops.sequences import reversal, sorted_lengths

LENGTHS = st.lists(st.integers(0, 9), max_size=7)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=7))
def test_packs_like_torch(lengths: list[int]) -> None:
    s = Sequences.from_lengths(lengths)
    dense = torch.arange(max(lengths) * len(lengths)).reshape(max(lengths), len(lengths))
    packed = pack_padded_sequence(dense, torch.tensor(lengths), enforce_sorted=False)
    assert s.batch_sizes.tolist() == packed.batch_sizes.tolist()
    # torch's sort is not stable, so compare the sequences instead of their order among equals
    mine = dense.numpy()[s.row_time, s.row_batch]
    start = 0
    for size in s.batch_sizes:
        assert sorted(mine[start : start + size]) == sorted(packed.data[start : start + size].tolist())
        start += size


@given(LENGTHS)
def test_maps_agree_with_plain_loops(lengths: list[int]) -> None:
    s = Sequences.from_lengths(lengths)
    assert s.rows == sum(lengths)
    order = sorted(range(len(lengths)), key=lambda n: -lengths[n])
    assert s.order.tolist() == order
    rows = [(t, n) for t in range(max(lengths, default=0)) for n in order if t < lengths[n]]
    assert list(zip(s.row_time.tolist(), s.row_batch.tolist(), strict=True)) == rows
    for n, length in enumerate(lengths):
        mine = [rows.index((t, n)) for t in range(length)]
        assert s.rows_of(n).tolist() == mine
        assert s.first_rows[n] == (mine[0] if mine else -1)
        assert s.last_rows[n] == (mine[-1] if mine else -1)
        assert s.order[s.inverse[n]] == n


@given(LENGTHS)
def test_reversal_turns_each_sequence_round(lengths: list[int]) -> None:
    s = Sequences.from_lengths(lengths)
    turned = reversal(s.batch_sizes)
    for n in range(len(lengths)):
        assert turned[s.rows_of(n)].tolist() == s.rows_of(n)[::-1].tolist()
    assert turned[turned].tolist() == list(range(s.rows))


@given(LENGTHS)
def test_sorted_lengths_come_back_from_batch_sizes(lengths: list[int]) -> None:
    s = Sequences.from_lengths(lengths)
    assert sorted_lengths(s.batch_sizes).tolist() == sorted((n for n in lengths if n), reverse=True)


def test_bad_lengths_are_refused() -> None:
    with pytest.raises(LengthError, match=r"lengths must be at least 0; got lengths\[1\] = -2"):
        Sequences.from_lengths([3, -2])
    with pytest.raises(LengthError, match=r"one axis of integers \[N\]; got float64 \[1\]"):
        Sequences.from_lengths([1.5])
    with pytest.raises(LengthError, match=r"one axis of integers \[N\]; got int64 \[1, 1\]"):
        Sequences.from_lengths(np.array([[1]]))
