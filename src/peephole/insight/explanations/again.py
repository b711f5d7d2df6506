"""`Again`: an input run again through its layers, in part or changed, where some values may be held."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from peephole.insight.explanations.portions import portions
from peephole.insight.network import Array, Network
from peephole.insight.passage import Holds, Passage
from peephole.insight.readout import Reader, read_out
from peephole.ops import Sequences
from peephole.ops.sequences import Integers

_ROWS_AT_ONCE = 8192  # whose values are kept or held; each value takes as much memory as a layer's outputs


class Again:
    """Runs parts of an input, or other rows in its place.

    Args:
        network: the layers.
        reader: pooling and head.
        rows: `[T, D]` the input, in the network's dtype.
        holds: what is held at each of its steps: track → value → `[T, H]`, NaN where it is free. A step takes along what is
            held at it, wherever the part of the input that it belongs to ends up.
    """

    def __init__(self, network: Network, reader: Reader, rows: Array, holds: Holds | None = None) -> None:
        self._network, self._reader, self._rows = network, reader, rows
        self.holds: Holds = holds or {}

    def outputs(self, selections: Sequence[Integers]) -> Array:
        """Return the outputs `[N, C]` for N selections of the rows, at least one, each given by its positions, ascending."""
        made: list[Array] = []
        for part in portions(selections, _ROWS_AT_ONCE):
            passage = self._passage([self._rows[one] for one in part], part, keep=False)
            made.append(read_out(self._reader, passage).logits)
        return np.concatenate(made)

    def gradients(self, inputs: Sequence[Array], weights: Array) -> list[tuple[float, Array]]:
        """Return of a weighted sum `[C]` of the outputs the value and gradient `[T, D]`, for other rows `[T, D]`."""
        found: list[tuple[float, Array]] = []
        for part in portions(inputs, _ROWS_AT_ONCE):
            passage = self._passage(part, [np.arange(len(self._rows))] * len(part), back=True)
            readout = read_out(self._reader, passage)
            d_logits = np.broadcast_to(weights.astype(self._network.dtype), readout.logits.shape)
            d_rows = passage.backward(*readout.backward(d_logits)).rows
            values = readout.logits.astype(np.float64) @ weights
            found += [(float(values[n]), d_rows[passage.sequences.rows_of(n)]) for n in range(len(part))]
        return found

    def _passage(
        self, inputs: Sequence[Array], positions: Sequence[Integers], *, keep: bool = True, back: bool = False
    ) -> Passage:
        network = self._network
        sequences = Sequences.from_lengths([len(one) for one in inputs])
        holds = {
            track: {
                name: sequences.pack([held[one] for one in positions], network.dtype, held.shape[1])
                for name, held in own.items()
            }
            for track, own in self.holds.items()
        }
        packed = sequences.pack(inputs, network.dtype, network.input_size)
        return Passage(network, packed, sequences, holds=holds, back=back, keep=keep)
