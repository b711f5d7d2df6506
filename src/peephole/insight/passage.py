"""A batch on its way through recurrent layers, with everything kept: values of every step, and the way back."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from peephole.classifier.rows import LinearWeights
from peephole.insight.network import Array, Network, Track
from peephole.ops import Output, Recording, Sequences, record, run

# What is held: track → value → `[R, H]`, or what broadcasts to it; NaN where a value is free.
Holds = Mapping[str, Mapping[str, Array]]
# States before the first step: track → state → `[N, H]` (h: `[N, P]`), in sorted order.
States = Mapping[str, Mapping[str, Array]]


@dataclasses.dataclass(frozen=True, eq=False)
class Back:
    """Gradients of a number in what a passage went through.

    Attributes:
        rows: in the input rows `[R, D]`.
        values: in values, `"layer0.forward.h"` → `[R, H]`, with everything that flows into them: later steps and later layers.
        states: in initial states, `"layer0.forward.h"` → `[N, H]`, in sorted order.
        outside: in the h of each step of a track `[R, P]`, along paths that leave the track there: to later layers and to the
            number itself, but not to later steps.
    """

    rows: Array
    values: dict[str, Array]
    states: dict[str, Array]
    outside: dict[str, Array]


class Passage:
    """A batch of packed rows through the layers of a network.

    Args:
        network: the layers.
        rows: `[R, D]`, packed as `sequences` says, in the network's dtype.
        sequences: the lengths.
        holds: values to hold.
        states: initial states; zeros where there are none.
        back: whether to keep what `backward` needs. That takes the compiled backend; without it any backend will do.
        keep: whether to keep the values of every step.

    Attributes:
        inputs: of each stage, the rows `[R, D]` that it reads.
        outputs: the rows `[R, F]` that leave the last stage.
        runs: of each track, what it gave: rows `[R, P]`, final states, and all values `[R, H]`, if they are kept.
    """

    def __init__(
        self,
        network: Network,
        rows: Array,
        sequences: Sequences,
        *,
        holds: Holds | None = None,
        states: States | None = None,
        back: bool = False,
        keep: bool = True,
    ) -> None:
        self.network, self.rows, self.sequences = network, rows, sequences
        self._holds, self._states = holds, states
        self.runs: dict[str, Output] = {}
        self.starts: dict[str, dict[str, Array]] = {}
        self._recordings: dict[str, Recording] = {}
        self.inputs: list[Array] = []
        for stage in network.stages:
            self.inputs.append(rows)
            if isinstance(stage, LinearWeights):
                rows = stage(rows)
            else:
                given = [
                    self._run(track, rows, (holds or {}).get(track.name, {}), states, back, keep)
                    for track in stage
                ]
                rows = np.concatenate(given, axis=1) if len(given) > 1 else given[0]
        self.outputs = rows

    def _run(
        self,
        track: Track,
        rows: Array,
        held: Mapping[str, Array],
        states: States | None,
        back: bool,
        keep: bool,
    ) -> Array:
        count = len(self.sequences.lengths)
        start = {
            name: np.zeros((count, track.output_size if name == "h" else track.hidden_size), rows.dtype)
            for name in track.cell.states
        }
        start.update((states or {}).get(track.name, {}))
        save = track.cell.values if keep or back else ()
        options: dict[str, Any] = {"reverse": track.reverse, "save": save, "clamp": held}
        arguments = (track.cell, rows, self.sequences.batch_sizes, track.weights, start)
        if back:
            self._recordings[track.name] = recording = record(*arguments, **options)
            output = recording.output
        else:
            output = run(*arguments, **options)
        self.runs[track.name], self.starts[track.name] = output, start
        return output.rows

    def with_back(self) -> Passage:
        """Return the same passage with what `backward` needs.

        Raises:
            BackendUnavailable: there are no compiled kernels for this cell and dtype.
        """
        return self if self._recordings else self._again

    @functools.cached_property
    def _again(self) -> Passage:
        return Passage(
            self.network, self.rows, self.sequences, holds=self._holds, states=self._states, back=True
        )

    def backward(
        self,
        d_outputs: Array | None = None,
        d_last: Mapping[str, Array] | None = None,
        wanted: Sequence[str] = (),
    ) -> Back:
        """Go back through the layers.

        Args:
            d_outputs: the number's gradient in `outputs`; None: zeros.
            d_last: its gradients in the final h of tracks, track → `[N, P]`, in sorted order.
            wanted: names of values in whose every step the gradient is asked for, such as `"c"`; of each track those it has.
        """
        values: dict[str, Array] = {}
        states: dict[str, Array] = {}
        outside: dict[str, Array] = {}
        d_rows = np.zeros_like(self.outputs) if d_outputs is None else d_outputs
        for stage, rows in zip(reversed(self.network.stages), reversed(self.inputs), strict=True):
            if isinstance(stage, LinearWeights):
                d_rows = stage.backward(d_rows, stage(rows))
                continue
            below, at = np.zeros_like(rows), 0
            for track in stage:
                width = track.output_size
                own = np.ascontiguousarray(d_rows[:, at : at + width])
                at += width
                asked = [f"value.{name}" for name in wanted if name in track.cell.values]
                starts = [f"state.{name}" for name in track.cell.states]
                d_h = (d_last or {}).get(track.name)
                d_state = {} if d_h is None else {"h": d_h}
                outside[track.name] = self.with_last(own, d_h, track.reverse)
                found = self._recordings[track.name].backward(own, d_state, wanted=["rows", *starts, *asked])
                below += found["rows"]
                values |= {f"{track.name}.{name[6:]}": found[name] for name in asked}
                states |= {f"{track.name}.{name[6:]}": found[name] for name in starts}
            d_rows = below
        return Back(d_rows, values, states, outside)

    def with_last(self, d_rows: Array, d_h: Array | None, reverse: bool) -> Array:
        """Add the gradients `[N, P]` in a track's final h, in sorted order, to those of its rows that are the last ones read."""
        if d_h is None:
            return d_rows
        sequences, result = self.sequences, d_rows.copy()
        ends = (sequences.first_rows if reverse else sequences.last_rows)[sequences.order]
        result[ends[ends >= 0]] += d_h[ends >= 0]
        return result

    def held(self, track: str) -> Mapping[str, Array]:
        """Return what was held of a track: value → `[R, H]`, NaN where it was free."""
        return (self._holds or {}).get(track, {})

    def before(self, track: str, state: str) -> Array:
        """Return a state before each step `[R, H]`, in the direction of the track."""
        return shifted(
            self.runs[track].saved[state],
            self.starts[track][state],
            self.sequences,
            self.network.tracks[track].reverse,
        )


def shifted(rows: Array, start: Array, sequences: Sequences, reverse: bool) -> Array:
    """Return rows `[R, H]` one step later in the direction of reading: before each step, what was after the one before.

    Args:
        rows: after each step.
        start: `[N, H]` before the first, in sorted order.
        sequences: the lengths.
        reverse: whether sequences are read from their ends.
    """
    result = start[sequences.row_sorted]
    # Each row whose step is not a sequence's first, and the row of the same sequence a step earlier in the text.
    second = int(sequences.batch_sizes[0]) if len(sequences.batch_sizes) else 0
    later = np.arange(second, len(rows))
    earlier = sequences.offsets[sequences.row_time[later] - 1] + sequences.row_sorted[later]
    if reverse:
        result[earlier] = rows[later]
    else:
        result[later] = rows[earlier]
    return result
