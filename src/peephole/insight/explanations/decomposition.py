"""Contextual decomposition of a prediction: what each phrase gives by itself, without what it does to other words' shares."""

from __future__ import annotations

import dataclasses

import numpy as np

from peephole.classifier.rows import LinearWeights
from peephole.equations.split import BiasRule, Parts, linearised
from peephole.insight.explanations.case import Case, Numbers, Spans
from peephole.insight.explanations.pooling import Pooling
from peephole.insight.explanations.tracks import Inputs, Sink, SplitTrack
from peephole.insight.network import Array, Track
from peephole.ops.sequences import Integers

_NUMBERS_AT_ONCE = 1 << 23  # of what comes of phrases, between two layers
_PHRASES_AT_ONCE = 512


@dataclasses.dataclass(frozen=True, eq=False)
class Decomposition:
    """A prediction as the sum of what comes of a phrase, of the rest, and of the head's biases; for K phrases.

    Attributes:
        scores: `[K]` β, of each phrase.
        rests: `[K]` γ, of everything else.
        bases: `[K]` of the head's biases alone; with ``"first"``, the same for all.
        value: the number; each phrase's three parts add up to it.
        deviation: the largest difference between β + γ and a state of the run, at any step.
    """

    scores: Numbers
    rests: Numbers
    bases: Numbers
    value: float
    deviation: float


def decompose(case: Case, spans: Spans, *, rule: BiasRule = "first") -> Decomposition:
    """Return what phrases give to the number that is explained.

    Layers are decomposed one after the other, β of the one below being the input of the next; a maximum goes with the step that
    won it, a mean and a final state are linear, and the head's activations are shared out as the gates' are.

    Args:
        case: what is explained.
        spans: `[K, 2]` first step of each phrase and the one after its last, in [0, T].
        rule: whether biases come first, as in the paper, or in any order; see `peephole.equations.split.linearised`.

    Source: Murdoch, Liu & Yu, "Beyond word importance" (ICLR 2018), for the LSTM. We differ: any cell, by the rules that
        `peephole.equations.split` states; layers, directions, pooling and a head; and the bias belongs to the phrase at exactly
        those steps at which the inputs do.
    """
    split = _Split(case, rule)
    found = [split.run(spans[at : at + split.at_once]) for at in range(0, len(spans), split.at_once)]
    parts = [np.concatenate([one[k] for one in found]) if found else np.zeros(0) for k in range(3)]
    return Decomposition(
        parts[0], parts[1], parts[2], case.value, max((one[3] for one in found), default=0.0)
    )


class _Split:
    """All layers of a case, ready to be decomposed for any phrases."""

    def __init__(self, case: Case, rule: BiasRule) -> None:
        self._case = case
        self._rule: BiasRule = rule
        self._stages: list[_Linear | list[SplitTrack]] = []
        for stage, rows in zip(case.network.stages, case.passage.inputs, strict=True):
            if isinstance(stage, LinearWeights):
                self._stages.append(_Linear(stage, rows, rule))
            else:
                self._stages.append([SplitTrack(track, case.passage, rows, rule) for track in stage])

    @property
    def at_once(self) -> int:
        """How many phrases are decomposed together."""
        kept = [stage for stage in self._case.network.stages[:-1] if isinstance(stage, tuple)]
        width = sum(
            track.output_size for stage in kept for track in stage
        )  # of the rows that another stage reads
        return max(1, min(_PHRASES_AT_ONCE, _NUMBERS_AT_ONCE // max(1, self._case.steps * width)))

    def run(self, spans: Spans) -> tuple[Numbers, Numbers, Numbers, float]:
        """Return β, γ, the biases' part `[K]`, and the largest deviation."""
        inputs: Inputs = None
        touched, worst = spans, 0.0
        pooling = Pooling(self._case, len(spans))
        for number, (stage, kinds) in enumerate(zip(self._stages, self._case.network.stages, strict=True), 1):
            if isinstance(stage, _Linear):
                inputs = stage.run(spans, inputs)
                continue
            assert isinstance(kinds, tuple)
            is_last = number == len(self._stages)
            width = sum(track.output_size for track in kinds)
            rows = np.zeros((0 if is_last else self._case.steps, len(spans), width), self._case.rows.dtype)
            at = 0
            for track, kind in zip(stage, kinds, strict=True):
                columns = slice(at, at + kind.output_size)
                sink = pooling.sink(columns, reverse=kind.reverse) if is_last else _keep(rows[:, :, columns])
                worst = float(np.maximum(worst, track.run(spans, touched, inputs, sink)))
                at = columns.stop
            inputs, touched = rows, _reached(touched, kinds, self._case.steps)
        if isinstance(self._stages[-1], _Linear):
            assert inputs is not None
            take = pooling.sink(slice(None), reverse=False)
            for t, rows in enumerate(inputs):
                take(t, np.arange(len(spans)), rows)
        return (*self._through_head(pooling.result), worst)

    def _through_head(self, beta: Array) -> tuple[Numbers, Numbers, Numbers]:
        readout = self._case.readout
        parts = Parts(beta, readout.pooled[0] - beta)
        for linear, before, after in zip(
            self._case.reader.head, readout.passed[:-1], readout.passed[1:], strict=True
        ):
            parts = _through(linear, parts, before[0], after[0], self._rule)
        weights = self._case.weights
        zeros = np.zeros(len(beta))
        return tuple(  # pyright: ignore[reportReturnType]
            zeros if part is None else zeros + np.asarray(part, np.float64) @ weights for part in parts
        )


class _Linear:
    """A linear stage on the rows of every step."""

    def __init__(self, linear: LinearWeights, rows: Array, rule: BiasRule) -> None:
        self._linear, self._rows = linear, rows
        self._rule: BiasRule = rule
        self._after = linear(rows)

    def run(self, spans: Spans, inputs: Inputs) -> Array:
        """Return what of its outputs comes of each phrase `[T, K, F]`."""
        steps = np.arange(len(self._rows))[:, None]
        inside = ((spans[:, 0] <= steps) & (steps < spans[:, 1])).astype(self._rows.dtype)[:, :, None]
        whole = self._rows[:, None]
        beta = inside * whole if inputs is None else inputs
        found = _through(self._linear, Parts(beta, whole - beta), whole, self._after[:, None], self._rule)
        own = 0.0 if found.beta is None else found.beta
        return own + inside * (0.0 if found.bias is None else found.bias)


def _through(linear: LinearWeights, parts: Parts, before: Array, after: Array, rule: BiasRule) -> Parts:
    """The parts of a linear stage's outputs; its bias joins the bias part."""
    bias = linear.bias if parts.bias is None else parts.bias @ linear.weight.T + linear.bias
    beta = None if parts.beta is None else parts.beta @ linear.weight.T
    whole = before @ linear.weight.T + linear.bias
    made = Parts(beta, whole - bias if beta is None else whole - bias - beta, bias)
    return made if linear.activation == "none" else linearised(linear.activation, made, after, rule)


def _keep(rows: Array) -> Sink:
    def take(t: int, phrases: Integers, h: Array) -> None:
        rows[t, phrases] = h

    return take


def _reached(touched: Spans, tracks: tuple[Track, ...], steps: int) -> Spans:
    """The steps at which anything of a phrase is in a layer's outputs, from those of its inputs."""
    found = touched.copy()
    if any(track.reverse for track in tracks):
        found[:, 0] = 0
    if not all(track.reverse for track in tracks):
        found[:, 1] = steps
    return found
