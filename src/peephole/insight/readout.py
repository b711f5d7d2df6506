"""From the rows of the last layer to the logits of a classifier, and back: pooling and head."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

import numpy as np

from peephole.classifier.kept_pool import KeptPool
from peephole.classifier.rows import Block, LinearWeights
from peephole.insight.network import Array, Track
from peephole.insight.passage import Passage


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
        pool: what went into the statistics, in sorted order.
        pooled: `[N, F]`, in the batch's order.
        passed: pooled vectors, and what each stage of the head made of them; the logits `[N, C]` last.
    """

    forward: Reader
    passage: Passage
    pool: KeptPool
    pooled: Array
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
        return self.through_pool(d_pooled)

    def through_pool(self, d_pooled: Array) -> tuple[Array, dict[str, Array]]:
        """Return the same from the gradients in the pooled vectors `[N, F]`, in their dtype."""
        width, given = self.pool.width, d_pooled[self.passage.sequences.order]
        parts = {
            name: given[:, k * width : (k + 1) * width] for k, name in enumerate(self.forward.statistics)
        }
        d_last = {
            track.name: np.ascontiguousarray(parts["last"][:, columns])
            for track, columns in (last_columns(self.passage) if "last" in parts else ())
        }
        return self.pool.backward(_whole(self.passage), parts), d_last


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
    pool = KeptPool(forward.statistics, sequences, rows.shape[1], rows.dtype)
    pool.add(_whole(passage), rows)
    finals = [passage.runs[track.name].state["h"] for track, _ in last_columns(passage)]
    last = np.concatenate(finals, axis=1) if finals else None
    parts = [pool.values.result(statistic, last) for statistic in forward.statistics]
    pooled = np.concatenate(parts, axis=1)[sequences.inverse]
    return Readout(forward, passage, pool, pooled, forward.through_head(pooled))


def _whole(passage: Passage) -> Block:
    return Block(slice(0, len(passage.outputs)), passage.sequences.batch_sizes)
