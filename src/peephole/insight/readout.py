"""From the rows of the last layer to the logits of a classifier, and back: pooling and head."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

import numpy as np

from peephole.classifier.rows import LinearWeights
from peephole.insight.network import Array, Track
from peephole.insight.passage import Passage
from peephole.ops import Sequences
from peephole.ops.sequences import Integers


class Reader(Protocol):
    """Pooling and head: a classifier's `Forward`, or those that were put on top of a layer."""

    @property
    def statistics(self) -> tuple[str, ...]:
        """Of ``"last"``, ``"max"`` and ``"mean"``, side by side in this order."""
        ...

    @property
    def head(self) -> list[LinearWeights]:
        """Linear stages, the last of which gives the logits."""
        ...

    def through_head(self, pooled: Any) -> list[Any]:
        """Return pooled vectors `[N, F]`, and what each stage makes of them, the logits `[N, C]` last."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Readout:
    """What a classifier makes of the last rows of a passage.

    Attributes:
        pooled: `[N, F]`, in the batch's order.
        winners: `[N, W]` packed row in which each column of the last rows had its maximum, in the batch's order; −1 without rows.
        passed: pooled vectors, and what each stage of the head made of them; the logits `[N, C]` last.
    """

    forward: Reader
    passage: Passage
    pooled: Array
    winners: Integers
    passed: list[Array]

    @property
    def logits(self) -> Array:
        """`[N, C]`, before the temperature."""
        return self.passed[-1]

    def backward(self, d_logits: Array) -> tuple[Array, dict[str, Array]]:
        """Return the gradients in the last rows `[R, W]` and in the final h of tracks `[N, P]`, in sorted order."""
        d_pooled = d_logits
        for linear, y in zip(reversed(self.forward.head), reversed(self.passed[1:]), strict=True):
            d_pooled = linear.backward(d_pooled, y)
        rows, sequences = self.passage.outputs, self.passage.sequences
        d_rows, width = np.zeros_like(rows), rows.shape[1]
        d_last: dict[str, Array] = {}
        for k, statistic in enumerate(self.forward.statistics):
            part = d_pooled[:, k * width : (k + 1) * width]
            if statistic == "mean":
                d_rows += (part / np.maximum(sequences.lengths, 1)[:, None])[sequences.row_batch]
            elif statistic == "max":
                n, column = np.nonzero(self.winners >= 0)
                np.add.at(d_rows, (self.winners[n, column], column), part[n, column])
            else:
                for track, columns in last_columns(self.passage):
                    d_last[track.name] = np.ascontiguousarray(part[sequences.order][:, columns])
        return d_rows, d_last


def last_columns(passage: Passage) -> list[tuple[Track, slice]]:
    """The tracks of the last stage, with the columns of the last rows that are theirs; none where a linear stage is last."""
    stage = passage.network.stages[-1]
    if not isinstance(stage, tuple):
        return []
    found: list[tuple[Track, slice]] = []
    at = 0
    for track in stage:
        found.append((track, slice(at, at + track.output_size)))
        at += track.output_size
    return found


def read_out(forward: Reader, passage: Passage) -> Readout:
    """Pool the last rows of a passage and run the head.

    Args:
        forward: the classifier's stages.
        passage: a batch of texts.
    """
    rows, sequences = passage.outputs, passage.sequences
    parts: list[Array] = []
    winners = _winners(rows, sequences)
    for statistic in forward.statistics:
        if statistic == "max":
            best = (
                np.take_along_axis(rows, np.maximum(winners, 0), axis=0)
                if len(rows)
                else np.zeros(winners.shape, rows.dtype)
            )
            parts.append(np.where(winners >= 0, best, rows.dtype.type(0)))
        elif statistic == "mean":
            total = np.zeros((len(sequences.lengths), rows.shape[1]), np.float64)
            np.add.at(total, sequences.row_batch, rows)
            parts.append((total / np.maximum(sequences.lengths, 1)[:, None]).astype(rows.dtype))
        else:
            finals = [passage.runs[track.name].state["h"] for track, _ in last_columns(passage)]
            parts.append(np.concatenate(finals, axis=1)[sequences.inverse])
    pooled = np.concatenate(parts, axis=1)
    return Readout(forward, passage, pooled, winners, forward.through_head(pooled))


def _winners(rows: Array, sequences: Sequences) -> Integers:
    """`[N, W]` packed row of each column's maximum, the first of equals; −1 for a sequence without rows."""
    winners = np.full((len(sequences.lengths), rows.shape[1]), -1, np.int64)
    for n, length in enumerate(sequences.lengths.tolist()):
        if length:
            own = sequences.rows_of(n)
            winners[n] = own[rows[own].argmax(axis=0)]
    return winners
