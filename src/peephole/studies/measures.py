"""What a trained network does with time: how far gradients get back, and how long units remember.

The one place in which studies measure it; the quantities themselves are those of `peephole.insight`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole.classifier import Classifier
from peephole.equations.conveyor import conveyor
from peephole.errors import BackendUnavailable
from peephole.insight import Survival, Trace, half_lives, highway, survival, trace
from peephole.insight.readout import last_columns
from peephole.nn import Recurrent

Array = npt.NDArray[np.floating[Any]]
Numbers = list[float | None]


@dataclasses.dataclass(frozen=True)
class Memory:
    """What a network does with time.

    Attributes:
        survival: S(k), the median over the sequences of the gradient's norm k steps before the last, as a multiple of that at the
            last, in the state that a step adds to: c of an LSTM, h of a GRU and of a plain RNN. S(0) = 1; None where it is not
            finite. Empty where the compiled backend, which goes back, is not there.
        survival_in_h: the same in h. An LSTM's h reaches later steps through gates and candidates alone, so its curve falls at
            the first step back, and then fades no faster than that of c.
        memory_half_lives: steps after which half of what each unit's conveyor holds is left, shortest first; None stands for one
            that loses nothing. Empty for a cell without a conveyor, whose state is rewritten at every step.
    """

    survival: Numbers
    survival_in_h: Numbers
    memory_half_lives: Numbers

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return dataclasses.asdict(self)


def memory_of_layer(
    layer: Recurrent, inputs: Array, lengths: Sequence[int] | npt.NDArray[np.int64], readout: Array
) -> Memory:
    """Measure a layer whose last h a linear layer reads.

    The gradient is that of the largest output less the second largest (of the output, where there is one), at each sequence's
    last step: a loss's own gradient vanishes wherever a network is sure.

    Args:
        layer: of one direction.
        inputs: `[T, N, D]`.
        lengths: steps of each sequence `[N]`, at least 1.
        readout: the linear layer's weight `[O, H]`.

    Example:
        >>> from peephole import cells
        >>> layer = Recurrent(cells.RNN(), 1, 2, init="orthogonal")
        >>> memory_of_layer(layer, np.zeros((4, 1, 1)), [4], np.ones((1, 2))).survival      # around 0, tanh is no loss
        [1.0, 1.0, 1.0, 1.0]
    """
    seen = trace(layer, inputs, lengths=np.asarray(lengths))
    last = seen.rows("layer0.forward.h")[seen.sequences.last_rows]
    scores = last @ readout.T
    d_last = np.broadcast_to(readout[0], last.shape)
    if len(readout) > 1:
        ranked = np.argsort(-scores, axis=1, kind="stable")
        d_last = readout[ranked[:, 0]] - readout[ranked[:, 1]]
    return _memory(seen, {"layer0.forward": np.ascontiguousarray(d_last)})


def memory_of_classifier(classifier: Classifier, texts: Sequence[str]) -> Memory:
    """Measure a classifier on texts.

    The gradient is put at the last step that each direction of the last layer reads, in the direction in which the margin (the
    largest logit less the second) grows with what that layer hands on, summed over the steps: pooling reads every step, and
    what it adds on the way would hide what fades. Its curve is that of the forward direction. Half-lives are those of all layers'
    units.

    Args:
        classifier: with a recurrent layer.
        texts: at least one.
    """
    seen = trace(classifier, list(texts))
    assert seen.readout is not None, "it is a classifier's"
    ranked = np.argsort(-seen.readout.logits, axis=1, kind="stable")
    d_logits = np.zeros_like(seen.readout.logits)
    np.put_along_axis(d_logits, ranked[:, :1], 1.0, axis=1)
    np.put_along_axis(d_logits, ranked[:, 1:2], -1.0, axis=1)
    d_rows, d_ends = seen.readout.backward(d_logits)
    sequences = seen.sequences
    put: dict[str, Array] = {}
    for track, columns in last_columns(seen.passage):
        total = np.zeros((len(sequences.lengths), track.output_size), np.float64)
        np.add.at(total, sequences.row_batch, d_rows[:, columns])
        if track.name in d_ends:
            total += d_ends[track.name][sequences.inverse]
        put[track.name] = total
    return _memory(dataclasses.replace(seen, readout=None, texts=()), put)


def _memory(seen: Trace, d_last: Mapping[str, Array]) -> Memory:
    """Measure a trace, the gradients in the last h of some tracks being given `[N, P]`, in the batch's order."""
    lives = half_lives(seen)
    kept = [lives[name] for name, track in seen.network.tracks.items() if not conveyor(track.cell).is_empty]
    units = np.sort(np.concatenate(kept)) if kept else np.zeros(0)
    try:
        found = highway(seen, d_last=d_last).tracks[next(iter(d_last))]
    except BackendUnavailable:
        return Memory([], [], rounded(units))
    in_state = survival(found.norms, seen.sequences)
    return Memory(rounded(in_state.median), rounded(found.survival.median), rounded(units))


def rounded(values: npt.ArrayLike) -> Numbers:
    """Return numbers for JSON, with four digits that count; None for what is not finite.

    >>> rounded([0.123456, math.inf, 12345.6, 1.7976931348623157e308])
    [0.1235, None, 12350.0, None]
    """
    return [_finite(float(value)) for value in np.asarray(values)]


def _finite(value: float) -> float | None:
    found = float(f"{value:.4g}")  # the largest numbers are rounded up to infinity
    return found if math.isfinite(found) else None


def median_curve(curves: Sequence[Numbers]) -> Numbers:
    """Return the median of curves at each place that at least half of them reach; None where it is not finite.

    >>> median_curve([[1.0, 0.5], [1.0, 0.1], [1.0]])
    [1.0, 0.3]
    """
    found: Numbers = []
    for place in range(max(map(len, curves), default=0)):
        there = [math.nan if (v := curve[place]) is None else v for curve in curves if place < len(curve)]
        if 2 * len(there) < len(curves):
            break
        found.append(_finite(float(np.median(there))))
    return found


def survival_half_life(curve: Numbers) -> float | None:
    """Return the steps in which a curve of `Memory.survival` halves, as `insight.Survival` has it; None where it does not fade.

    >>> survival_half_life([1.0, 0.5, 0.25]), survival_half_life([1.0, 1.1])
    (1.0, None)
    """
    values = np.array([math.nan if value is None else value for value in curve])
    return _finite(Survival(values, values, values).half_life)
