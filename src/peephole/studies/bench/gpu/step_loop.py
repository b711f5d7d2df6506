"""One step of a cell as a graph of torch's operations, and the loop over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from peephole.equations import Cell, Expression, trace
from peephole.equations.evaluate import evaluate
from peephole.ops.gate_weights import GateWeights


def step_graph(cell: Cell, like: Mapping[str, Tensor], batch: int) -> nn.Module:
    """Return a module that computes one step.

    It takes what the input gives all gates `[N, G·H]`, the previous states `[N, H]` in the order of `cell.states`, and the
    weights but ``weight_ih`` and ``bias_ih`` in the order of `like`; and returns the new states.

    Args:
        cell: the equations.
        like: those weights, which give shapes, dtype and device.
        batch: N.
    """
    from torch.fx.experimental.proxy_tensor import make_fx

    names, traced = list(like), trace(cell)
    hidden = like["weight_hh"].shape[1]

    def step(x_gates: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        states = dict(zip(cell.states, rest, strict=False))
        weights = dict(zip(names, rest[len(cell.states) :], strict=True))
        cut = GateWeights(cell, weights, hidden)
        h_gates = linear(states["h"], weights["weight_hh"], weights["bias_hh"])

        def leaf(node: Expression) -> Tensor:
            return states[node.label] if node.operation == "previous" else cut.own[node.label]

        def product(node: Expression, operand: Any) -> Tensor:
            if node.operation == "matrix":
                return linear(operand, cut.own[node.label])
            at = cut.at[node.label]
            if node.operation == "input":
                return x_gates[:, at]
            if operand is states["h"]:
                return h_gates[:, at]
            return linear(operand, weights["weight_hh"][at], weights["bias_hh"][at])

        values = evaluate(traced, leaf, product, {})
        return tuple(cast("Tensor", values[name]) for name in cell.states)

    weights = [tensor.detach() for tensor in like.values()]
    gates = weights[0].new_zeros(batch, len(cell.gates) * hidden)
    with torch.no_grad():
        return make_fx(step)(gates, *[gates[:, :hidden].clone() for _ in cell.states], *weights)


class StepLoop:
    """The loop; it is called with `[T, N, D]` and returns `[T, N, H]`, and None in place of final states.

    Args:
        cell: the equations.
        layer: holds the weights, which torch's names have.
        compiler: takes the step.
    """

    def __init__(
        self, cell: Cell, layer: nn.Module, compiler: Callable[[nn.Module], Callable[..., Any]]
    ) -> None:
        self._cell, self._layer, self._compiler = cell, layer, compiler
        self._names = [name for name, _ in layer.named_parameters() if "_ih_" not in name]
        self._step: Callable[..., Any] | None = None

    def __call__(self, x: Tensor) -> tuple[Tensor, None]:
        """Run it; the first call makes and compiles the step."""
        weights = dict(self._layer.named_parameters())
        recurrent = [weights[name] for name in self._names]
        hidden = weights["weight_hh_l0"].shape[1]
        if self._step is None:
            like = {name.removesuffix("_l0"): tensor for name, tensor in zip(self._names, recurrent, strict=True)}  # fmt: skip
            self._step = self._compiler(step_graph(self._cell, like, x.shape[1]))
        # Zeros that ask for a gradient, as all later states do: else the first step would be compiled apart.
        zeros = x.new_zeros(x.shape[1], hidden)
        states: Any = [zeros.clone().requires_grad_(torch.is_grad_enabled()) for _ in self._cell.states]
        # All steps at once, as the reference does it.
        x_gates = linear(x, weights["weight_ih_l0"], weights["bias_ih_l0"])
        outputs: list[Tensor] = []
        at = self._cell.states.index("h")
        for gates in x_gates.unbind(0):
            states = self._step(gates, *states, *recurrent)
            outputs.append(states[at])
        return torch.stack(outputs), None
