"""What of a pooled vector comes of each phrase, gathered step by step."""

from __future__ import annotations

import numpy as np

from peephole.insight.explanations.case import Case
from peephole.insight.explanations.tracks import Sink
from peephole.insight.network import Array
from peephole.ops.sequences import Integers


class Pooling:
    """Gathers what the statistics of a case's head take of each phrase.

    A mean and a final state are linear; a maximum is that of the step which won it in the run.

    Args:
        case: what is explained.
        phrases: K.

    Attributes:
        result: `[K, F]` so far.
    """

    def __init__(self, case: Case, phrases: int) -> None:
        self._statistics, self._steps = case.reader.statistics, case.steps
        self._width = case.passage.outputs.shape[1]
        self.result: Array = np.zeros((phrases, len(self._statistics) * self._width), case.rows.dtype)
        winners = case.readout.pool.winners[0]
        order = np.argsort(winners, kind="stable")
        ends = np.searchsorted(winners[order], np.arange(self._steps + 1))
        self._won = [
            order[ends[t] : ends[t + 1]] for t in range(self._steps)
        ]  # columns whose maximum each step won

    def sink(self, columns: slice, *, reverse: bool) -> Sink:
        """Return what takes the rows of a track, or of all tracks.

        Args:
            columns: which of the last rows' columns they are.
            reverse: whether the first step is the last one that is read.
        """
        first, stop, _ = columns.indices(self._width)
        last = 0 if reverse else self._steps - 1
        parts = [
            (name, self.result[:, k * self._width + first : k * self._width + stop])
            for k, name in enumerate(self._statistics)
        ]
        won = [own[(own >= first) & (own < stop)] - first for own in self._won]

        def take(t: int, phrases: Integers, h: Array) -> None:
            for name, part in parts:
                if name == "mean":
                    part[phrases] += h / self._steps
                elif name == "max":
                    if len(won[t]):
                        part[np.ix_(phrases, won[t])] = h[:, won[t]]
                elif t == last:
                    part[phrases] = h

        return take
