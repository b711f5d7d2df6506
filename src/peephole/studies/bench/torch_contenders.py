"""Contenders that are torch modules: ours on the compiled backend, the reference looped in eager torch, and torch's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from peephole.errors import BackendUnavailable
from peephole.ops import Output, choose_backend, run
from peephole.studies.bench.contender import Contender, Refusal, Trainer
from peephole.studies.bench.problem import Errors, Problem

# torch.compile unrolls the loop over time: a minute of compiling for 25 steps, two for 50, five for 100.
COMPILED_STEPS = 25
_STEP = 2.0**-10  # what a weight changes by, up and down in turn; large enough for bfloat16


class LayerContender(Trainer):
    """A layer that is called as `torch.nn.LSTM` is: with `[T, N, D]`, or with a `PackedSequence` where lengths differ.

    Args:
        problem: inputs, weights and right answers.
        layer: the layer; it is given the problem's weights.
        call: what is called with the input; the layer itself by default.
    """

    def __init__(
        self, problem: Problem, layer: nn.Module, call: Callable[[Any], tuple[Any, Any]] | None = None
    ) -> None:
        super().__init__(problem)
        self.layer, self._call = layer, layer if call is None else call
        self._take(problem.rows.clone(), problem.d_outputs)
        self._parameters = list(layer.parameters())
        self.restore()

    def _take(self, rows: Tensor, d_outputs: Tensor) -> None:
        """Run on these rows from now on; they become a leaf."""
        case = self.problem.case
        if case.is_ragged:
            self._input, self._d_outputs = rows.requires_grad_(), d_outputs
            sizes = torch.from_numpy(self.problem.sequences.batch_sizes)
            self._data: Tensor | PackedSequence = PackedSequence(self._input, sizes)
        else:
            shape = (case.steps, case.batch, -1)
            self._input, self._d_outputs = rows.view(shape).requires_grad_(), d_outputs.view(shape)
            self._data = self._input

    def forward(self) -> Tensor:  # noqa: D102
        with torch.no_grad():
            return self._run()

    def training(self) -> Tensor:  # noqa: D102
        outputs = self._run()
        outputs.backward(self._d_outputs)
        return outputs

    def _run(self) -> Tensor:
        outputs = self._call(self._data)[0]
        return outputs.data if isinstance(outputs, PackedSequence) else outputs

    def rows_of(self, result: object) -> Tensor:  # noqa: D102
        return cast("Tensor", result).detach().flatten(0, -2)

    def gradients(self) -> Mapping[str, Tensor]:  # noqa: D102
        found = {name: weight.grad for name, weight in self.layer.named_parameters()}
        found["rows"] = None if self._input.grad is None else self._input.grad.flatten(0, -2)
        return {name: gradient for name, gradient in found.items() if gradient is not None}

    def change(self) -> None:  # noqa: D102
        self._forget()
        self._sign = _move(self._parameters, self._sign)

    def restore(self) -> None:  # noqa: D102
        self._forget()
        self.layer.load_state_dict(self.problem.weights)
        self._sign = 1.0

    def _forget(self) -> None:
        self._input.grad = None
        self.layer.zero_grad(set_to_none=True)


class RunContender(Contender):
    """`peephole.ops.run` on one layer and direction, with or without all named values of every step.

    Args:
        problem: inputs, weights and right answers; one layer, one direction.
        values: whether the values are asked for.
        backend: what runs it.
    """

    def __init__(self, problem: Problem, *, values: bool, backend: str = "compiled") -> None:
        super().__init__(problem)
        self._backend = backend
        self._save = tuple(name for name in problem.cell.values if values and name != "h")
        self.restore()

    def forward(self) -> Output:  # noqa: D102
        return self._run(self._backend, self.problem.rows, self._weights)

    def _run(self, backend: str, rows: Tensor, weights: Mapping[str, Tensor]) -> Output:
        problem, size = self.problem, (self.problem.case.batch, self.problem.case.hidden)
        state = {name: rows.new_zeros(size) for name in problem.cell.states}
        sizes = problem.sequences.batch_sizes
        with torch.no_grad():
            return run(problem.cell, rows, sizes, weights, state, backend=backend, save=self._save)

    def rows_of(self, result: object) -> Tensor:  # noqa: D102
        return cast("Output", result).rows

    def forward_errors(self) -> Errors:
        """Compare the outputs, and every value that was asked for."""
        self.restore()
        weights = {name: weight.double() for name, weight in self._weights.items()}
        found, right = self.forward(), self._run("reference", self.problem.rows.double(), weights)
        pairs = [(found.rows, right.rows), *((found.saved[name], right.saved[name]) for name in self._save)]
        return Errors(max(self.problem.error(*pair) for pair in pairs), None, self.problem.bound)

    def change(self) -> None:  # noqa: D102
        self._sign = _move(list(self._weights.values()), self._sign)

    def restore(self) -> None:  # noqa: D102
        weights = self.problem.weights
        self._weights = {name.removesuffix("_l0"): weight.clone() for name, weight in weights.items()}
        self._sign = 1.0


def _move(weights: list[Any], sign: float) -> float:
    """Add a little to all weights, or take it away again; return the sign for the next time."""
    with torch.no_grad():
        torch._foreach_add_(weights, sign * _STEP)  # pyright: ignore[reportPrivateImportUsage, reportPrivateUsage]
    return -sign


def ours(problem: Problem) -> Contender | Refusal:
    """Our layer on the compiled backend, which is named so that no other can stand in for it."""
    kind = getattr(torch, problem.dtype)
    return _refusal(problem) or LayerContender(problem, problem.layer("compiled", kind))


def ours_by_run(problem: Problem, *, values: bool) -> Contender | Refusal:
    """One call of the compiled kernel, with or without all named values."""
    return _refusal(problem) or RunContender(problem, values=values)


def _refusal(problem: Problem) -> Refusal | None:
    try:
        choose_backend(problem.cell, backend="compiled", dtype=problem.dtype)
    except BackendUnavailable as error:
        return Refusal(error.message)
    return None


def reference(problem: Problem) -> Contender | Refusal:
    """The equations, looped over time in eager torch."""
    return LayerContender(problem, problem.layer("reference", getattr(torch, problem.dtype)))


def torch_layer(problem: Problem) -> Contender | Refusal:
    """`torch.nn.LSTM`, `GRU` or `RNN`."""
    module = torch_module(problem)
    return module if isinstance(module, Refusal) else LayerContender(problem, module)


def torch_module(problem: Problem) -> nn.Module | Refusal:
    """Torch's layer, where it has one for the cell, with weights of its own."""
    names = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}
    if problem.cell_name not in names:
        return Refusal(f"torch.nn has no {problem.cell_name}")
    case, kind = problem.case, getattr(nn, names[problem.cell_name])
    both, dtype = case.directions == 2, getattr(torch, problem.dtype)
    return kind(case.inputs, case.hidden, case.layers, bidirectional=both, dtype=dtype, device=problem.device)


def compiled_reference(problem: Problem) -> Contender | Refusal:
    """The same loop under `torch.compile`."""
    case = problem.case
    steps = case.steps * case.layers * case.directions
    if steps > COMPILED_STEPS:
        return Refusal(
            f"torch.compile unrolls the loop, and more than {COMPILED_STEPS} steps take it minutes; here are {steps:,}"
        )
    layer = problem.layer("reference", getattr(torch, problem.dtype))
    return LayerContender(problem, layer, torch.compile(layer))
