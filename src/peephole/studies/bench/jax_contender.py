"""JAX: the equations as `jax.lax.scan`, compiled by `jax.jit`, the products with the inputs taken for all steps at once."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from peephole.errors import MissingExtra, require
from peephole.studies.bench.contender import Contender, Refusal, Trainer
from peephole.studies.bench.problem import Problem

Weights = dict[str, Any]


class JaxContender(Trainer):
    """Compiled functions of weights and inputs. Sequences of different length are padded and masked.

    Args:
        problem: inputs, weights and right answers.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        jax, jnp = importlib.import_module("jax"), importlib.import_module("jax.numpy")
        case, sequences = problem.case, problem.sequences
        self._at = (sequences.row_time, sequences.row_sorted)

        def padded(rows: Tensor) -> Any:
            dense = np.zeros((case.steps, case.batch, rows.shape[1]), np.float32)
            dense[self._at] = rows.numpy()
            return jnp.asarray(dense)

        weights = {name: weight.numpy() for name, weight in problem.weights.items()}
        # An array of JAX's cannot be changed: two sets of weights stand for those before and after an optimiser's step.
        self._both = [
            {name: jnp.asarray(weight + step) for name, weight in weights.items()} for step in (0.0, 2.0**-10)
        ]
        self._weights = self._both[0]
        self._input, d_outputs = padded(problem.rows), padded(problem.d_outputs)
        alive = None
        if case.is_ragged:
            alive = jnp.asarray(np.arange(case.steps)[:, None, None] < np.array(case.lengths)[None, :, None])
        layers = _layers(problem, alive)

        def loss(weights: Weights, x: Any) -> tuple[Any, Any]:
            outputs = layers(weights, x)
            return jnp.vdot(outputs, d_outputs), outputs

        self._ready: Callable[[Any], Any] = jax.block_until_ready
        self._forward = jax.jit(layers)
        self._training = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))
        self._gradients: tuple[Weights, Any] = ({}, None)

    def forward(self) -> Any:  # noqa: D102
        return self._ready(self._forward(self._weights, self._input))

    def training(self) -> Any:  # noqa: D102
        (_, outputs), self._gradients = self._ready(self._training(self._weights, self._input))
        return outputs

    def rows_of(self, result: object) -> Tensor:  # noqa: D102
        return torch.from_numpy(np.array(cast("Any", result))[self._at])

    def gradients(self) -> Mapping[str, Tensor]:  # noqa: D102
        weights, rows = self._gradients
        found = {name: torch.from_numpy(np.array(gradient)) for name, gradient in weights.items()}
        return {**found, "rows": self.rows_of(rows)}

    def change(self) -> None:  # noqa: D102
        self._weights = self._both[1 if self._weights is self._both[0] else 0]

    def restore(self) -> None:  # noqa: D102
        self._weights = self._both[0]


def jax_scan(problem: Problem, threads: int) -> Contender | Refusal:
    """`jax.lax.scan` over the cells of which a JAX user would find the equations."""
    if problem.cell_name not in _STEPS:
        return Refusal(f"no equations of {problem.cell_name} are written in JAX here")
    if problem.dtype != "float32":
        return Refusal(f"JAX is timed in float32; this is {problem.dtype}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if threads != cores:
        return Refusal(
            f"JAX takes all {cores} cores, and is timed with as many threads only; this is {threads}"
        )
    try:
        require("jax", extra="bench", purpose="timing JAX")
    except MissingExtra as error:
        return Refusal(error.message, error.hint)
    return JaxContender(problem)


def _layers(problem: Problem, alive: Any) -> Callable[[Weights, Any], Any]:
    """Return the function of weights and inputs `[T, N, D]` that gives the outputs `[T, N, K·H]`."""
    jax, jnp = importlib.import_module("jax"), importlib.import_module("jax.numpy")
    case, step = problem.case, _STEPS[problem.cell_name]

    def direction(weights: Weights, suffix: str, x: Any) -> Any:
        own = {name.removesuffix(suffix): value for name, value in weights.items() if name.endswith(suffix)}
        gates = x @ own["weight_ih"].T + own["bias_ih"]
        begin = {name: jnp.zeros((case.batch, case.hidden)) for name in problem.cell.states}

        def one(state: dict[str, Any], now: tuple[Any, Any]) -> tuple[dict[str, Any], Any]:
            x_gates, here = now
            new = step(jax, own, x_gates, state)
            if here is not None:  # past its end, or before its beginning, a sequence keeps its state
                new = {name: jnp.where(here, value, state[name]) for name, value in new.items()}
            return new, new["h"]

        return jax.lax.scan(one, begin, (gates, alive), reverse=suffix.endswith("_reverse"))[1]

    def layers(weights: Weights, x: Any) -> Any:
        for layer in range(case.layers):
            suffixes = (f"_l{layer}", f"_l{layer}_reverse")[: case.directions]
            x = jnp.concatenate([direction(weights, suffix, x) for suffix in suffixes], axis=-1)
        return x

    return layers


def _split(jax: Any, own: Weights, x_gates: Any, h: Any, count: int) -> list[Any]:
    return jax.numpy.split(x_gates + h @ own["weight_hh"].T + own["bias_hh"], count, axis=-1)


def _lstm(jax: Any, own: Weights, x_gates: Any, state: dict[str, Any]) -> dict[str, Any]:
    i, f, g, o = _split(jax, own, x_gates, state["h"], 4)
    c = jax.nn.sigmoid(f) * state["c"] + jax.nn.sigmoid(i) * jax.numpy.tanh(g)
    return {"h": jax.nn.sigmoid(o) * jax.numpy.tanh(c), "c": c}


def _peephole_lstm(jax: Any, own: Weights, x_gates: Any, state: dict[str, Any]) -> dict[str, Any]:
    i, f, g, o = _split(jax, own, x_gates, state["h"], 4)
    p_i, p_f, p_o = own["weight_ch"]
    i, f = jax.nn.sigmoid(i + p_i * state["c"]), jax.nn.sigmoid(f + p_f * state["c"])
    c = f * state["c"] + i * jax.numpy.tanh(g)
    return {"h": jax.nn.sigmoid(o + p_o * c) * jax.numpy.tanh(c), "c": c}


def _gru(jax: Any, own: Weights, x_gates: Any, state: dict[str, Any]) -> dict[str, Any]:
    x_r, x_z, x_n = jax.numpy.split(x_gates, 3, axis=-1)
    h_r, h_z, h_n = jax.numpy.split(state["h"] @ own["weight_hh"].T + own["bias_hh"], 3, axis=-1)
    r, z = jax.nn.sigmoid(x_r + h_r), jax.nn.sigmoid(x_z + h_z)
    n = jax.numpy.tanh(x_n + r * h_n)
    return {"h": (1 - z) * n + z * state["h"]}


def _gru_before(jax: Any, own: Weights, x_gates: Any, state: dict[str, Any]) -> dict[str, Any]:
    h, hidden = state["h"], state["h"].shape[-1]
    weight, bias = own["weight_hh"], own["bias_hh"]
    x_rz, x_n = x_gates[:, : 2 * hidden], x_gates[:, 2 * hidden :]
    r, z = jax.numpy.split(jax.nn.sigmoid(x_rz + h @ weight[: 2 * hidden].T + bias[: 2 * hidden]), 2, axis=-1)
    n = jax.numpy.tanh(x_n + (r * h) @ weight[2 * hidden :].T + bias[2 * hidden :])
    return {"h": (1 - z) * n + z * h}


def _rnn(jax: Any, own: Weights, x_gates: Any, state: dict[str, Any]) -> dict[str, Any]:
    (a,) = _split(jax, own, x_gates, state["h"], 1)
    return {"h": jax.numpy.tanh(a)}


_STEPS: dict[str, Callable[[Any, Weights, Any, dict[str, Any]], dict[str, Any]]] = {
    "lstm": _lstm,
    "peephole-lstm": _peephole_lstm,
    "gru": _gru,
    "gru-before": _gru_before,
    "rnn": _rnn,
}
