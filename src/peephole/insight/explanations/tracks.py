"""Contextual decomposition along one direction of one layer, for many phrases at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from peephole.equations import trace
from peephole.equations.expression import Expression
from peephole.equations.split import BiasRule, Parts, SplitPlan, plus, split_plan, split_step
from peephole.insight.explanations.case import Spans
from peephole.insight.explanations.values import values_of
from peephole.insight.network import Array, Track
from peephole.insight.passage import Passage
from peephole.insight.stopping import stop_if_asked
from peephole.ops.sequences import Integers

# What of the inputs of a layer comes of each phrase: `[T, K, D]`; None where the phrase's own rows are what comes of it.
Inputs = Array | None
# Takes a step, the positions of some phrases, and what of the track's h at that step comes of each `[k, P]`; of others, nothing.
Sink = Callable[[int, Integers, Array], None]


class SplitTrack:
    """One direction of a layer, ready to be decomposed for the one sequence that a passage ran.

    Args:
        track: the direction.
        passage: of one sequence; every value of it is kept.
        inputs: `[T, D]` the rows that the layer read.
        rule: how activations treat biases.
    """

    def __init__(self, track: Track, passage: Passage, inputs: Array, rule: BiasRule = "first") -> None:
        self._track = track
        self._rule: BiasRule = rule
        self._plan: SplitPlan = split_plan(track.cell)
        self._weights = track.by_gate
        self._before = {name: passage.before(track.name, name) for name in track.cell.states}
        self._after = passage.runs[track.name].saved
        named = trace(track.cell).values
        known: dict[Expression, Any] = {
            node: self._after[name]
            for name, node in named.items()
            if name != "h" or "weight_hr" not in track.weights
        }
        values_of(track, self._plan.order, known, inputs, self._before)
        self._whole = known  # `[T, H]` of each node; of a leaf that no step changes, its number or `[H]`
        own = self._plan.gates_of("input")
        self._columns = {gate: slice(k * self._hidden, (k + 1) * self._hidden) for k, gate in enumerate(own)}
        self._input_weight = self._weights.stacked("weight_ih", own)
        self._inputs = inputs @ self._input_weight.T  # [T, G'·H] without bias
        seen = [
            node.label
            for node in self._plan.order
            if node.operation == "recurrent" and node.operands[0].operation == "previous"
        ]
        self._seen = {gate: slice(k * self._hidden, (k + 1) * self._hidden) for k, gate in enumerate(seen)}
        self._seen_weight = self._weights.stacked("weight_hh", seen) if seen else None

    @property
    def _hidden(self) -> int:
        return self._track.hidden_size

    def run(self, spans: Spans, touched: Spans, inputs: Inputs, sink: Sink) -> float:
        """Decompose for K phrases.

        Args:
            spans: `[K, 2]` the steps of each.
            touched: `[K, 2]` the steps at which anything of a phrase is in the inputs; outside of them it adds nothing.
            inputs: what of the inputs comes of it.
            sink: is given what of h comes of each phrase, step by step in the order of reading.

        Returns:
            The largest difference, at any step and in any state, between β + γ and the state itself.
        """
        steps, reverse = len(self._inputs), self._track.reverse
        begin = steps - touched[:, 1] if reverse else touched[:, 0]
        order = np.argsort(begin, kind="stable")
        alive = np.searchsorted(begin[order], np.arange(steps), side="right").tolist()
        first, end = spans[order, 0], spans[order, 1]
        states: dict[str, tuple[Array, Array]] = {
            name: (
                np.zeros((len(order), rows.shape[1]), rows.dtype),
                np.empty((len(order), rows.shape[1]), rows.dtype),
            )
            for name, rows in self._before.items()
        }
        worst, before = 0.0, 0
        for at in range(steps):
            t, count = steps - 1 - at if reverse else at, alive[at]
            if not count:
                continue
            stop_if_asked()
            for name, (_, gamma) in states.items():  # phrases that begin here: so far, all is of the rest
                gamma[before:count] = self._before[name][t]
            before = count
            inside = ((first[:count] <= t) & (t < end[:count])).astype(self._inputs.dtype)[:, None]
            # NumPy now and then warns of invalid numbers that a product left in rows that are no part of it. Where there is one
            # in truth, the difference below is NaN.
            with np.errstate(invalid="ignore"):
                parts = self._step(
                    t, {name: (beta[:count], gamma[:count]) for name, (beta, gamma) in states.items()}, inside,
                    None if inputs is None else inputs[t, order[:count]],
                )  # fmt: skip
            for name, (beta, gamma) in states.items():
                one = self._projected(parts[name]) if name == "h" else parts[name]
                beta[:count] = 0.0 if one.beta is None else one.beta
                gamma[:count] = 0.0 if one.gamma is None else one.gamma
                off = np.abs(beta[:count] + gamma[:count] - self._after[name][t]).max()
                worst = float(np.maximum(worst, off))  # NaN, where one of them is
            sink(t, order[:count], states["h"][0][:count])
        return worst

    def _step(
        self, t: int, states: Mapping[str, tuple[Array, Array]], inside: Array, inputs: Inputs
    ) -> dict[str, Parts]:
        whole = self._at(t)
        read = None if inputs is None else inputs @ self._input_weight.T
        seen = None if self._seen_weight is None else states["h"][0] @ self._seen_weight.T

        def leaf(node: Expression) -> Parts:
            if node.operation == "previous":
                return Parts(*states[node.label])
            return Parts(bias=self._weights.own[node.label])

        def product(node: Expression, operand: Parts) -> Parts:
            if node.operation == "input":
                bias, at = self._weights.bias("bias_ih", node.label), self._columns[node.label]
                if read is None:
                    own = self._inputs[t, at]
                    return Parts(inside * own, (1 - inside) * own, bias)
                return _parts(read[:, at], bias, whole(node))
            if node.operation == "recurrent":
                bias = self._weights.bias("bias_hh", node.label)
                if seen is not None and node.operands[0].operation == "previous":
                    return _parts(seen[:, self._seen[node.label]], bias, whole(node))
                weight = self._weights.gate("weight_hh", node.label)
            else:
                bias, weight = None, self._weights.own[node.label]
            if operand.bias is not None:
                constant = np.asarray(operand.bias, weight.dtype)
                bias = plus(
                    np.broadcast_to(constant, (*constant.shape[:-1], weight.shape[1])) @ weight.T, bias
                )
            return _parts(None if operand.beta is None else operand.beta @ weight.T, bias, whole(node))

        return split_step(self._plan, whole, leaf, product, inside, self._rule)

    def _projected(self, h: Parts) -> Parts:
        weight = self._track.weights.get("weight_hr")
        if weight is None:
            return h
        return Parts(*(None if part is None else part @ weight.T for part in h))

    def _at(self, t: int) -> Callable[[Expression], Any]:
        def whole(node: Expression) -> Any:
            value = self._whole[node]
            return value[t] if isinstance(value, np.ndarray) and value.ndim == 2 else value

        return whole


def _parts(beta: Array | None, bias: Array | None, whole: Array) -> Parts:
    """The parts of a linear node, whose γ is what is left of the whole."""
    taken = plus(beta, bias)
    return Parts(beta, whole if taken is None else whole - taken, bias)
