"""The conveyor's own contribution: what each word's write, as far as it is still there, gives to the prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from peephole.classifier.rows import LinearWeights
from peephole.equations import Expression, trace
from peephole.equations.conveyor import conveyor
from peephole.insight.belt import belt_of, seen_along
from peephole.insight.explanations.attribution import Attribution, over_words
from peephole.insight.explanations.case import Case
from peephole.insight.explanations.values import values_of
from peephole.insight.network import Array, Track
from peephole.insight.trace import Trace

_TINY = 1e-6  # a state nearer to 0 than this is read as this: the ratio has a limit there


def conveyed(case: Case) -> Attribution:
    """Return what of the number comes of each step's write on the conveyor of the last layer.

    Exact: a state is the sum of what is left of all writes (`peephole.insight.belts`); so scores and base add up to the value.
    Taken as they are: every gate, which other words set too; what a cell shows of its state, such as o · tanh(c), as the number
    of times that it is the state; the units of a head that are on; the step that won a maximum. A step's write is made of what
    the layer reads at that step, which in all layers but the first, and in h, is not that word alone.

    Source: Du, Liu, Yang, Ji & Hu, "On attribution of recurrent neural network predictions via additive decomposition" (WWW
        2019), eq. 9 for a GRU. We differ for the LSTM, where they divide by the output gate of the step before, which may be 0.
    """
    readout, passage = case.readout, case.passage
    weights, base = case.weights, 0.0
    for linear, before, after in zip(
        reversed(case.reader.head), readout.passed[-2::-1], readout.passed[:0:-1], strict=True
    ):
        weights, constant = _through(linear, weights[None], before, after)
        weights, base = weights[0], base + constant
    d_rows, d_last = readout.through_pool(weights[None])
    inputs = [*passage.inputs, passage.outputs]
    last = len(case.network.stages) - 1
    while isinstance(stage := case.network.stages[last], LinearWeights):
        d_rows, constant = _through(stage, d_rows, inputs[last], inputs[last + 1])
        last, base = last - 1, base + constant
    found, at = np.zeros(case.steps), 0
    for track in stage:
        seen = passage.with_last(
            d_rows[:, at : at + track.output_size], d_last.get(track.name), track.reverse
        )
        own, constant = _of_track(case, track, inputs[last], seen)
        found, base, at = found + own, base + constant, at + track.output_size
    scores = over_words(found, case.spans)
    empty = all(conveyor(track.cell).is_empty for track in stage)
    note = "of the last layer's conveyor; gates taken as they are"
    if empty:
        note = "this cell keeps no state directly: each score is what the step itself shows"
    return Attribution(case.value, scores, base, case.value - base - float(scores.sum()), note=note)


def _through(linear: LinearWeights, weights: Array, before: Array, after: Array) -> tuple[Array, float]:
    """Weights of a linear stage's inputs, and what its biases give, from those of its outputs; rows of both alike."""
    y = before.astype(np.float64) @ linear.weight.T + linear.bias
    if linear.activation == "relu":
        weights = weights * (after > 0)
    elif linear.activation == "tanh":
        safe = np.where(y == 0, 1.0, y)
        weights = weights * np.where(y == 0, 1.0, np.tanh(safe) / safe)
    return weights @ linear.weight.astype(np.float64), float((weights @ linear.bias).sum())


def _of_track(case: Case, track: Track, inputs: Array, d_rows: Array) -> tuple[Array, float]:
    """What each step's write gives `[T]`, and what the conveyor does not carry, from the weights of h `[T, P]`."""
    if "weight_hr" in track.weights:
        d_rows = d_rows @ track.weights["weight_hr"].astype(np.float64)
    passage, belt = case.passage, belt_of(Trace(case.network, case.passage, single=True), track)
    ratio, without = (1.0, 0.0)
    if belt.state != "h":
        ratio, without = _shown(
            case, track, inputs, passage.runs[track.name].saved[belt.state].astype(np.float64)
        )
    ahead = seen_along(belt.keep, d_rows * ratio, passage.sequences, track.reverse)
    first = -1 if track.reverse else 0
    start = passage.before(track.name, belt.state)[first]
    base = float((d_rows * without).sum() + (ahead[first] * belt.keep[first] * start).sum())
    return (ahead * belt.write).sum(axis=1), base


def _shown(case: Case, track: Track, inputs: Array, state: Array) -> tuple[Array, Array]:
    """How many times the state is what h shows of it, and what h shows of an empty conveyor: `[T, H]` both."""
    cell, passage = track.cell, case.passage
    nodes, name = trace(cell).values, conveyor(cell).state
    before = {each: passage.before(track.name, each).astype(np.float64) for each in cell.states}
    saved = passage.runs[track.name].saved

    def shown(values: Array) -> Array:
        known: dict[Expression, Any] = {
            node: saved[each].astype(np.float64) for each, node in nodes.items() if each not in ("h", name)
        }
        known[nodes[name]] = values
        (h,) = values_of(track, [nodes["h"]], known, inputs, before)
        return np.broadcast_to(h, values.shape)

    near = np.where(np.abs(state) < _TINY, _TINY, state)
    nothing = shown(np.zeros_like(state))
    return (shown(near) - nothing) / near, nothing
