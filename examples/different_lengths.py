"""Sequences of different length: nothing is computed on padding, and a length of zero is legal.

The same four sequences: as a padded batch with their lengths, as packed rows, and through torch.nn.LSTM and its packing.

    python examples/different_lengths.py
"""

from __future__ import annotations

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from peephole.nn import LSTM
from peephole.ops import Sequences

LENGTHS = [5, 2, 0, 7]


def main() -> None:
    torch.manual_seed(0)
    layer = LSTM(3, 4, bidirectional=True)
    x = torch.randn(max(LENGTHS), len(LENGTHS), 3)
    for n, length in enumerate(LENGTHS):
        x[length:, n] = torch.nan  # whatever stands in the padding: nobody reads it

    y, (h, c) = layer(x, lengths=LENGTHS)
    print(f"padded batch: {x.shape[0] * x.shape[1]} places, outputs finite: {bool(y.isfinite().all())}")
    kept = bool((h[:, 2] == 0).all() and (c[:, 2] == 0).all())
    print(f"the sequence of length 0 keeps its initial state, zeros: {kept}")

    sequences = Sequences.from_lengths(LENGTHS)
    rows = x[sequences.row_time, sequences.row_batch]
    print(f"packed rows: {len(rows)} rows, alive at each step: {sequences.batch_sizes.tolist()}")
    y_rows = layer.outputs(rows, sequences.batch_sizes)
    same = torch.equal(y_rows, y[sequences.row_time, sequences.row_batch])
    print(f"packed rows give the same bits as the padded batch: {same}")

    theirs = torch.nn.LSTM(3, 4, bidirectional=True)
    theirs.load_state_dict(layer.state_dict())  # same names, same order of gates
    with_rows = [n for n, length in enumerate(LENGTHS) if length > 0]  # torch packs no empty sequence
    lengths = torch.tensor(LENGTHS)[with_rows]
    packed = pack_padded_sequence(x[:, with_rows], lengths, enforce_sorted=False)
    y_torch, _ = pad_packed_sequence(theirs(packed)[0])
    print(f"largest difference from torch.nn.LSTM: {(y_torch - y[:, with_rows]).abs().max():.0e}")


if __name__ == "__main__":
    main()
