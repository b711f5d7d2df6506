"""The gradient highway: how much of a number's gradient reaches each step, along the conveyor alone and through the gates.

The gradient in a cell state c_t is the sum of two parts. *Direct*: from the steps that read the state, back along the conveyor,
where it is multiplied by nothing but keep, Π keep_k; that is what is left when h (and c, at peepholes) is cut off where it enters
gates and candidates, the truncation of the 1997 LSTM. *Gates*: everything else. Either can vanish: 0.9¹⁰⁰ is 2.7e-5.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from peephole.classifier.gradients import Target, weights_of
from peephole.equations.conveyor import conveyor
from peephole.errors import OptionError, ShapeError, nearest
from peephole.insight.belt import keep_of, seen_along
from peephole.insight.network import Array, Track
from peephole.insight.passage import Back, Passage
from peephole.insight.survival import Survival, survival
from peephole.insight.trace import Trace
from peephole.ops import record


@dataclasses.dataclass(frozen=True, eq=False)
class TrackGradients:
    """Gradients in the states of one layer and direction; rows are packed.

    Attributes:
        state: the conveyor's state: ``"c"`` or ``"h"``.
        d_h: `[R, H]` in h before projection, with everything that flows into it.
        d_state: `[R, H]` in the conveyor's state, likewise. Where the state is held, in what it is held at.
        d_direct: `[R, H]` the part of `d_state` that came along the conveyor alone.
        survival: how `d_h` fades with the distance from the last step read.
    """

    state: str
    d_h: Array
    d_state: Array
    d_direct: Array
    survival: Survival

    @property
    def h(self) -> Array:
        """`[R]` Euclidean norm of `d_h`."""
        return _norm(self.d_h)

    @property
    def norms(self) -> Array:
        """`[R]` Euclidean norm of `d_state`."""
        return _norm(self.d_state)

    @property
    def direct(self) -> Array:
        """`[R]` Euclidean norm of the part along the conveyor."""
        return _norm(self.d_direct)

    @property
    def gates(self) -> Array:
        """`[R]` Euclidean norm of the rest, which went through gates and candidates. The two norms need not add up."""
        return _norm(self.d_state - self.d_direct)


@dataclasses.dataclass(frozen=True, eq=False)
class Highway:
    """Gradients of a number in the states of every step.

    Attributes:
        tracks: by layer and direction.
        values: `[N]` the number, for a classifier: the logit margin, or what was asked for; otherwise empty.
    """

    tracks: dict[str, TrackGradients]
    values: Array


def highway(
    trace: Trace,
    target: Target = None,
    *,
    d_outputs: Array | None = None,
    d_last: Mapping[str, Array] | None = None,
) -> Highway:
    """Return the gradients of a number in h and in the conveyor's state of each step.

    Args:
        trace: of a classifier or a layer.
        target: for a classifier, of which number, as `Classifier.gradients` takes it; None: the most probable label's margin.
            (The margin, and not the loss, whose gradient vanishes wherever a model is confident.)
        d_outputs: for a layer, the number's gradient in its outputs, in the shape of the trace's arrays, `[T, F]` or `[T, N, F]`,
            or as packed rows `[R, F]`.
        d_last: for a layer, its gradients in final h, track → `[N, P]`, in the batch's order.

    Raises:
        OptionError: for a layer neither gradient is given, or for a classifier one is, or a track does not exist.
        ShapeError: a gradient has another shape.
        BackendUnavailable: there are no compiled kernels for this cell and dtype.

    Example:
        >>> import peephole
        >>> found = highway(peephole.trace(peephole.load(), "Not bad at all.")).tracks["layer0.forward"]
        >>> found.h.shape, found.direct.shape
        ((5,), (5,))

    Source: Hochreiter & Schmidhuber 1997, appendix A.1 (the truncated gradient).
    """
    passage = trace.passage.with_back()
    values = np.zeros(0)
    if trace.readout is not None:
        if d_outputs is not None or d_last is not None:
            raise OptionError(
                "highway: d_outputs and d_last are for layers; for a classifier, say what of with target"
            )
        assert trace.network.classifier is not None
        weights = weights_of("highway", target, trace.network.classifier.labels)(trace.readout.logits)
        values = (trace.readout.logits.astype(np.float64) * weights).sum(axis=1)
        d_rows, ends = trace.readout.backward(weights.astype(np.float32))
    elif d_outputs is None and d_last is None:
        raise OptionError(
            "highway: for a layer, d_outputs or d_last must say what the gradient is of; got neither"
        )
    else:
        d_rows = np.zeros_like(passage.outputs) if d_outputs is None else _packed(trace, d_outputs)
        ends = {name: _last(trace, name, d) for name, d in (d_last or {}).items()}
    states = sorted({"h", *(conveyor(track.cell).state for track in trace.network.tracks.values())})
    back = passage.backward(d_rows, ends, states)
    return Highway(
        {name: _gradients(trace, track, back) for name, track in trace.network.tracks.items()}, values
    )


def _packed(trace: Trace, given: Array) -> Array:
    """A gradient in the outputs as packed rows `[R, F]`."""
    array, sequences, rows = np.asarray(given, trace.network.dtype), trace.sequences, trace.passage.outputs
    if array.ndim == 3 and not trace.single:
        steps, count = len(sequences.batch_sizes), len(sequences.lengths)
        if array.shape[0] >= steps and array.shape[1] == count:
            array = array[sequences.row_time, sequences.row_batch]
    if array.shape != rows.shape:
        raise ShapeError(
            f"highway: d_outputs must be as the outputs, or packed rows [R, F] = {list(rows.shape)}; got {list(given.shape)}"
        )
    return np.ascontiguousarray(array)


def _last(trace: Trace, name: str, given: Array) -> Array:
    """A gradient in a track's final h `[N, P]`, in sorted order."""
    tracks = trace.network.tracks
    if name not in tracks:
        raise OptionError(
            f"highway: d_last must name tracks; got {name!r}{nearest(name, tracks)}; there are: {', '.join(tracks)}"
        )
    shape = (len(trace.sequences.lengths), tracks[name].output_size)
    array = np.asarray(given, trace.network.dtype)
    if array.shape != shape:
        raise ShapeError(f"highway: d_last[{name!r}] must be [N, P] = {list(shape)}; got {list(array.shape)}")
    return np.ascontiguousarray(array[trace.sequences.order])


def _gradients(trace: Trace, track: Track, back: Back) -> TrackGradients:
    state = conveyor(track.cell).state
    d_h = back.values[f"{track.name}.h"]
    d_direct = _direct(trace, track, back.outside[track.name])
    fading = survival(_norm(d_h), trace.sequences, reverse=track.reverse)
    return TrackGradients(state, d_h, back.values[f"{track.name}.{state}"], d_direct, fading)


def _direct(trace: Trace, track: Track, outside: Array) -> Array:
    """The gradient `[R, H]` in the conveyor's state along it alone, from that in h `[R, P]` along paths that leave the track."""
    keep = keep_of(trace, track)
    held = trace.passage.held(track.name).get(conveyor(track.cell).state)
    if held is not None:  # what is held does not come from the step before
        keep = np.where(np.isnan(held), keep, 0.0)
    return seen_along(keep, _seen(trace.passage, track, outside), trace.sequences, track.reverse)


def _seen(passage: Passage, track: Track, outside: Array) -> Array:
    """What a gradient in h `[R, P]` is in the conveyor's state `[R, H]` of the same step, with every gate and candidate held."""
    saved, cell = passage.runs[track.name].saved, track.cell
    count = len(outside)
    # Each step by itself, as a sequence of one: then nothing comes from later ones.
    starts = {name: passage.before(track.name, name) for name in cell.states}
    held = {name: saved[name] for name in cell.values if name not in cell.states}
    state = conveyor(cell).state
    held |= {name: h for name, h in passage.held(track.name).items() if name in cell.states and name != state}
    rows = np.zeros((count, track.input_size), outside.dtype)
    alone = record(cell, rows, [count] if count else [], track.weights, starts, clamp=held)
    name = f"value.{state}"
    return alone.backward(outside, wanted=[name])[name]


def _norm(rows: Array) -> Array:
    return np.sqrt((rows.astype(np.float64) ** 2).sum(axis=1))
