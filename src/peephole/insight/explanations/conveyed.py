"""The conveyor's own contribution: what each word's write, as far as it is still there, gives to the prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from peephole.classifier.rows import LinearWeights
from peephole.equations import Expression, trace
from peephole.equations.conveyor import conveyor
from peephole.insight.belt import keep_of
from peephole.insight.explanations.attribution import Attribution, over_words
from peephole.insight.explanations.case import Case, Numbers
from peephole.insight.explanations.tracks import TrackWeights
from peephole.insight.network import Array, Track
from peephole.insight.readout import last_columns
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
    d_rows = _through_pooling(case, weights)
    inputs = [case.rows]
    for stage in case.network.stages:
        is_linear = isinstance(stage, LinearWeights)
        runs = [] if is_linear else [passage.runs[track.name].rows for track in stage]
        inputs.append(stage(inputs[-1]) if is_linear else np.concatenate(runs, axis=1))
    last = len(case.network.stages) - 1
    while isinstance(stage := case.network.stages[last], LinearWeights):
        d_rows, constant = _through(stage, d_rows, inputs[last], inputs[last + 1])
        last, base = last - 1, base + constant
    found, at = np.zeros(case.steps), 0
    for track in stage:
        own, constant = _of_track(case, track, inputs[last], d_rows[:, at : at + track.output_size])
        found, base, at = found + own, base + constant, at + track.output_size
    scores = over_words(found, case.spans)
    empty = all(conveyor(track.cell).is_empty for track in stage)
    note = "of the last layer's conveyor; gates taken as they are"
    if empty:
        note = "this cell keeps no state directly: each score is what the step itself shows"
    return Attribution(case.value, scores, base, case.value - base - float(scores.sum()), note=note)


def _through(linear: LinearWeights, weights: Numbers, before: Array, after: Array) -> tuple[Numbers, float]:
    """Weights of a linear stage's inputs, and what its biases give, from those of its outputs; rows of both alike."""
    y = before.astype(np.float64) @ linear.weight.T + linear.bias
    if linear.activation == "relu":
        weights = weights * (after > 0)
    elif linear.activation == "tanh":
        safe = np.where(y == 0, 1.0, y)
        weights = weights * np.where(y == 0, 1.0, np.tanh(safe) / safe)
    return weights @ linear.weight.astype(np.float64), float((weights @ linear.bias).sum())


def _through_pooling(case: Case, weights: Numbers) -> Numbers:
    """The weight of each element of the last layer's rows `[T, W]` in the number, from those of the pooled vector `[F]`."""
    rows = case.passage.outputs
    steps, width = rows.shape
    found = np.zeros((steps, width))
    for k, statistic in enumerate(case.reader.statistics):
        part = weights[k * width : (k + 1) * width]
        if statistic == "mean":
            found += part / steps
        elif statistic == "max":
            found[case.readout.winners[0], np.arange(width)] += part
        else:
            for track, columns in last_columns(case.passage):
                found[0 if track.reverse else -1, columns] += part[columns]
    return found


def _of_track(case: Case, track: Track, inputs: Array, d_rows: Numbers) -> tuple[Numbers, float]:
    """What each step's write gives `[T]`, and what the conveyor does not carry, from the weights of h `[T, P]`."""
    passage, state = case.passage, conveyor(track.cell).state
    if "weight_hr" in track.weights:
        d_rows = d_rows @ track.weights["weight_hr"].astype(np.float64)
    keep = keep_of(Trace(case.network, passage, single=True), track)
    after = passage.runs[track.name].saved[state].astype(np.float64)
    before = passage.before(track.name, state).astype(np.float64)
    ratio, without = (1.0, 0.0) if state == "h" else _shown(case, track, inputs, after)
    ahead = d_rows * ratio
    order = range(1, case.steps) if track.reverse else range(case.steps - 2, -1, -1)
    for t in order:  # what of a write at t is seen at all steps from t on
        later = t - 1 if track.reverse else t + 1
        ahead[t] += keep[later] * ahead[later]
    first = case.steps - 1 if track.reverse else 0
    base = float((d_rows * without).sum() + (ahead[first] * keep[first] * before[first]).sum())
    return (ahead * (after - keep * before)).sum(axis=1), base


def _shown(case: Case, track: Track, inputs: Array, state: Numbers) -> tuple[Numbers, Numbers]:
    """How many times the state is what h shows of it, and what h shows of an empty conveyor: `[T, H]` both."""
    cell, passage = track.cell, case.passage
    nodes, name = trace(cell).values, conveyor(cell).state
    before = {each: passage.before(track.name, each).astype(np.float64) for each in cell.states}
    saved = passage.runs[track.name].saved
    weights = TrackWeights(track)

    def shown(values: Numbers) -> Numbers:
        known: dict[Expression, Any] = {
            node: saved[each].astype(np.float64) for each, node in nodes.items() if each not in ("h", name)
        }
        known[nodes[name]] = values
        (h,) = weights.compute([nodes["h"]], known, inputs, before)
        return np.broadcast_to(h, values.shape)

    near = np.where(np.abs(state) < _TINY, _TINY, state)
    nothing = shown(np.zeros_like(state))
    return (shown(near) - nothing) / near, nothing
