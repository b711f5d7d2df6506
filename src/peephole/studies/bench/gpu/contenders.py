"""Who takes part on a GPU: our kernels, cuDNN through torch, and the loops over the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from peephole.errors import BackendUnavailable
from peephole.ops import choose_backend
from peephole.ops.gpu.form import Form
from peephole.ops.gpu.given import shared_memory
from peephole.ops.gpu.rule import choose_driver
from peephole.studies.bench.contender import Contender, Refusal
from peephole.studies.bench.gpu.graph import Recording, record_graph
from peephole.studies.bench.gpu.step_loop import StepLoop
from peephole.studies.bench.problem import Problem
from peephole.studies.bench.torch_contenders import LayerContender, RunContender, torch_module

SETS = 3  # of inputs, taken in turn: other numbers in another place at every call
NO_GPU = "it needs a GPU of CUDA; the tensors are on the CPU"


class RotatingContender(LayerContender):
    """A layer that is given other inputs at every call."""

    def __init__(
        self, problem: Problem, layer: nn.Module, call: Callable[[Any], tuple[Any, Any]] | None = None
    ) -> None:
        self._sets = [
            (problem.rows.roll(k, 1).clone(), problem.d_outputs.roll(k, 1).clone()) for k in range(SETS)
        ]
        self._next = 1
        super().__init__(problem, layer, call)

    def change(self) -> None:  # noqa: D102
        super().change()
        self._take_set(self._next)
        self._next = (self._next + 1) % SETS

    def restore(self) -> None:  # noqa: D102
        super().restore()
        self._take_set(0)

    def _take_set(self, k: int) -> None:
        rows, d_outputs = self._sets[k]
        self._take(rows.detach(), d_outputs)


class GraphContender(RotatingContender):
    """A layer whose whole pass is recorded once as a CUDA graph and replayed.

    Its inputs are copied to where the graph reads them, and that is not timed. A pass is recorded when it is first run.

    Args:
        problem: inputs, weights and right answers.
        layer: the layer; it is given the problem's weights.
        record: makes the recording.
    """

    def __init__(
        self, problem: Problem, layer: nn.Module, record: Callable[[Callable[[], Tensor]], Recording] = record_graph
    ) -> None:  # fmt: skip
        self._record = record
        self._recordings: dict[str, Recording] = {}
        self._found: dict[str, Tensor] = {}
        self._fixed = (problem.rows.clone(), problem.d_outputs.clone())
        super().__init__(problem, layer)

    def _take_set(self, k: int) -> None:
        for fixed, given in zip(self._fixed, self._sets[k], strict=True):
            fixed.copy_(given)
        self._take(self._fixed[0].detach(), self._fixed[1])

    def forward(self) -> Tensor:  # noqa: D102
        return self._replay("forward", super().forward)

    def training(self) -> Tensor:  # noqa: D102
        return self._replay("training", super().training)

    def _replay(self, kind: str, body: Callable[[], Tensor]) -> Tensor:
        if kind not in self._recordings:

            def fresh() -> Tensor:
                self._forget()  # so that a pass writes gradients, and adds to none
                return body()

            self._recordings[kind] = self._record(fresh)
            if kind == "training":  # where every replay writes them
                self._found = dict(super().gradients())
        recording = self._recordings[kind]
        recording.replay()
        return recording.result

    def gradients(self) -> Mapping[str, Tensor]:  # noqa: D102
        return self._found


def driver_of(problem: Problem) -> str:
    """Return which of Triton's drivers runs a problem."""
    form = Form(problem.cell, problem.dtype, False, True, False, (), ())
    shared = shared_memory(torch.device(problem.device))
    return choose_driver(form, problem.case.batch, problem.case.hidden, shared).name


def _triton(problem: Problem) -> Contender | Refusal:
    return _refusal(problem) or RotatingContender(problem, problem.layer("triton", _dtype(problem)))


def _triton_run(problem: Problem, *, values: bool) -> Contender | Refusal:
    return _refusal(problem) or RunContender(problem, values=values, backend="triton")


def _refusal(problem: Problem) -> Refusal | None:
    try:
        choose_backend(problem.cell, backend="triton", dtype=problem.dtype, device=problem.device)
    except BackendUnavailable as error:
        return Refusal(error.message)
    return None


def _cudnn(problem: Problem) -> Contender | Refusal:
    """Torch's layer, where cuDNN runs it.

    Torch may have no bfloat16 for cuDNN, and run a loop of its own instead. Then the rival is cuDNN in float16, which has as many
    bits.
    """
    if problem.device == "cpu":
        return Refusal(NO_GPU)
    names = (problem.dtype, "float16") if problem.dtype == "bfloat16" else (problem.dtype,)
    for dtype in names:
        one = problem
        if dtype != problem.dtype:
            one = type(problem)(problem.case, problem.cell_name, dtype, problem.device)
        module = torch_module(one)
        if isinstance(module, Refusal):
            return module
        if _is_cudnns(module, one):
            return RotatingContender(one, module)
    return Refusal(f"torch does not give {problem.dtype} to cuDNN here")


def _is_cudnns(module: nn.Module, problem: Problem) -> bool:
    """Whether cuDNN runs a layer: one step shows it."""
    try:
        return recorded_by(module(problem.rows[:1].view(1, 1, -1))[0], "Cudnn")
    except RuntimeError:  # cuDNN was asked, and has no such layer in this dtype
        return False


def recorded_by(result: Tensor, name: str) -> bool:
    """Whether an operation whose backward pass has a name that begins so is among the last that made a result.

    Example:
        >>> recorded_by(torch.ones(2, requires_grad=True).exp().view(1, 2), "Exp")
        True
    """
    nodes: list[Any] = [result.grad_fn]
    for _ in range(20):
        if not nodes:
            return False
        node = nodes.pop(0)
        if node is None:
            continue
        if node.name().startswith(name):
            return True
        nodes += [below for below, _ in node.next_functions]
    return False


def _loop(problem: Problem) -> Contender | Refusal:
    return RotatingContender(problem, problem.layer("reference", _dtype(problem)))


def _graph(problem: Problem) -> Contender | Refusal:
    if problem.device == "cpu":
        return Refusal(NO_GPU)
    return GraphContender(problem, problem.layer("reference", _dtype(problem)))


def _compile(problem: Problem) -> Contender | Refusal:
    if problem.device == "cpu":
        return Refusal(NO_GPU)
    return step_loop(problem, lambda step: torch.compile(step, dynamic=False))


def step_loop(problem: Problem, compiler: Callable[[nn.Module], Callable[..., Any]]) -> Contender | Refusal:
    """Return the loop over one step that a compiler has had.

    Not the whole loop, which would be unrolled: compiling takes longer with every step.

    Args:
        problem: dense, of one layer and direction.
        compiler: takes the step.
    """
    case = problem.case
    if case.is_ragged or case.layers > 1 or case.directions > 1:
        return Refusal("a compiled step is looped over dense batches of one layer and direction only")
    layer = problem.layer("reference", _dtype(problem))
    return RotatingContender(problem, layer, StepLoop(problem.cell, layer, compiler))


def _dtype(problem: Problem) -> torch.dtype:
    return getattr(torch, problem.dtype)


# Who takes part → how to make the contender.
MAKERS: dict[str, Callable[[Problem], Contender | Refusal]] = {
    "triton": _triton,
    "triton-run": lambda problem: _triton_run(problem, values=False),
    "triton-values": lambda problem: _triton_run(problem, values=True),
    "cudnn": _cudnn,
    "loop": _loop,
    "graph": _graph,
    "compile": _compile,
}
