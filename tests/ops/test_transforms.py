"""`torch.func`, forward differentiation and derivatives of derivatives through the compiled backend, against the reference.

Numbers are compared in float64; and the kernel's calls are counted, since numbers agree too when the reference ran all along.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap
from torch.utils._pytree import tree_leaves

from peephole import cells
from peephole.equations import Cell
from peephole.ops import run, run_padded
from peephole.ops.library import library
from support.cases import CELLS, case
from support.counting import kernel_calls
from support.tolerances import FLOAT64

pytestmark = [
    pytest.mark.skipif(library().handle is None, reason=library().reason),
    # Torch's own: the first forward differentiation of a process loads rules that it compiles in a way that it has deprecated.
    pytest.mark.filterwarnings("ignore:.torch.jit.*. is deprecated:DeprecationWarning"),
]

SOME = [cells.LSTM(), cells.PeepholeLSTM("full"), cells.GRU("before"), cells.RNN()]


def detached(cell: Cell, lengths: list[int], inputs: int = 2, hidden: int = 3, **options: Any) -> Any:
    rows, sizes, weights, state = case(cell, lengths, inputs, hidden, **options)
    return (
        rows.detach(),
        sizes,
        {name: w.detach() / 2 for name, w in weights.items()},
        {name: s.detach() / 2 for name, s in state.items()},
    )


class Problem:
    """A loss of rows, a weight and a state, on either backend."""

    def __init__(
        self, cell: Cell, lengths: list[int], *, reverse: bool = False, padded: bool = False, **options: Any
    ) -> None:
        self.cell, self.reverse, self.padded, self.options = cell, reverse, padded, options
        self.rows, self.sizes, self.weights, self.state = detached(cell, lengths)
        if padded:
            self.rows = self.rows.reshape(lengths[0], len(lengths), -1)
        self.arguments = (self.rows, self.weights["weight_hh"], self.state["h"])

    def outputs(self, backend: str) -> Any:
        def function(rows: Tensor, weight: Tensor, h: Tensor) -> tuple[Tensor, ...]:
            weights, state = {**self.weights, "weight_hh": weight}, {**self.state, "h": h}
            door, sizes = (run_padded, None) if self.padded else (run, self.sizes)
            out = door(
                self.cell, rows, sizes, weights, state, backend=backend, reverse=self.reverse, **self.options
            )
            return out.rows, *out.state.values(), *out.saved.values()

        return function

    def loss(self, backend: str) -> Any:
        def function(*arguments: Tensor) -> Tensor:
            outputs = self.outputs(backend)(*arguments)
            return sum(
                (torch.sin(torch.arange(o.numel(), dtype=o.dtype).reshape(o.shape) + 1) * o.tanh()).sum()
                for o in outputs
            )

        return function


def agree(actual: Any, expected: Any) -> None:
    ours, theirs = tree_leaves(actual), tree_leaves(expected)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, **FLOAT64)


def stacked(results: Iterable[tuple[Tensor, ...]]) -> list[Tensor]:
    return [torch.stack(each) for each in zip(*results, strict=True)]


ALL = (0, 1, 2)


@pytest.mark.parametrize("padded", [False, True], ids=["packed", "dense"])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_gradients_by_torch_func(cell: Cell, padded: bool) -> None:
    problem = Problem(cell, [3, 3] if padded else [3, 1, 0], padded=padded, reverse=padded)
    with kernel_calls() as calls:
        actual = grad(problem.loss("auto"), ALL)(*problem.arguments)
    assert calls.both == (1, 1)
    agree(actual, grad(problem.loss("reference"), ALL)(*problem.arguments))


@pytest.mark.parametrize("padded", [False, True], ids=["packed", "dense"])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_copies_of_a_batch_are_one_larger_batch(cell: Cell, padded: bool) -> None:
    problem = Problem(cell, [3, 3] if padded else [3, 1, 0], padded=padded)
    rows, weight, h = problem.arguments
    many = (torch.stack([rows, 2 * rows, -rows], 1), torch.stack([h, -h, h / 3]))
    ours, theirs = problem.outputs("auto"), problem.outputs("reference")
    with kernel_calls() as calls:
        actual = vmap(ours, in_dims=(1, None, 0))(many[0], weight, many[1])
    assert calls.both == (1, 0)
    agree(actual, stacked(theirs(many[0].select(1, k), weight, many[1][k]) for k in range(3)))
    with kernel_calls() as calls:  # the state alone
        actual = vmap(ours, in_dims=(None, None, 0))(rows, weight, many[1])
    assert calls.both == (1, 0)
    agree(actual, stacked(theirs(rows, weight, h) for h in many[1]))


def test_each_copy_may_have_weights_of_its_own() -> None:
    problem = Problem(cells.GRU(), [3, 1])
    rows, weight, h = problem.arguments
    weights = torch.stack([weight, weight / 2, -weight])
    with kernel_calls() as calls:
        actual = vmap(problem.loss("auto"), in_dims=(None, 0, None))(rows, weights, h)
    assert calls.both == (3, 0)
    agree(actual, torch.stack([problem.loss("reference")(rows, w, h) for w in weights]))


@pytest.mark.parametrize("cell", SOME, ids=repr)
def test_a_gradient_for_each_sample(cell: Cell) -> None:
    problem = Problem(cell, [3, 1])
    rows, weight, h = problem.arguments
    samples = torch.stack([rows, 2 * rows, -rows])
    with kernel_calls() as calls:
        actual = vmap(grad(problem.loss("auto"), ALL), in_dims=(0, None, None))(samples, weight, h)
    assert calls.both == (1, 3)  # weights' gradients belong to one sample each
    gradients = grad(problem.loss("reference"), ALL)
    agree(actual, stacked(gradients(x, weight, h) for x in samples))
    with kernel_calls() as calls:
        actual = vmap(grad(problem.loss("auto")), in_dims=(0, None, None))(samples, weight, h)
    assert calls.both == (1, 1)  # inputs' gradients: one larger batch again
    agree(actual, torch.stack([grad(problem.loss("reference"))(x, weight, h) for x in samples]))


@pytest.mark.parametrize("cell", SOME, ids=repr)
def test_forwards(cell: Cell) -> None:
    problem = Problem(cell, [3, 1], save=cell.values)
    tangents = tuple(
        torch.cos(torch.arange(a.numel(), dtype=a.dtype).reshape(a.shape)) for a in problem.arguments
    )
    with kernel_calls() as calls:
        actual = jvp(problem.outputs("auto"), problem.arguments, tangents)
    assert calls.both == (1, 0)  # the outputs; their derivatives are the reference's
    agree(actual, jvp(problem.outputs("reference"), problem.arguments, tangents))
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(a, t) for a, t in zip(problem.arguments, tangents, strict=True)]
        outputs = [forward_ad.unpack_dual(out) for out in problem.outputs("auto")(*duals)]
        agree([out.primal for out in outputs], actual[0])
        agree([out.tangent for out in outputs], actual[1])


@pytest.mark.parametrize(
    ("name", "transform"),
    [
        ("jacrev", lambda f, _: jacrev(f, ALL)),
        ("jacfwd", lambda f, _: jacfwd(f, ALL)),
        ("hessian", lambda _, f: hessian(f, ALL)),
        ("grad of grad", lambda _, f: jacrev(grad(f, ALL), ALL)),
        ("backwards of forwards", lambda _, f: jacrev(jacfwd(f, ALL), ALL)),
        ("forwards of forwards", lambda _, f: jacfwd(jacfwd(f, ALL), ALL)),
        ("third", lambda _, f: jacfwd(jacfwd(jacrev(f)))),
        ("vmap of hessian", lambda _, f: lambda x, w, h: vmap(hessian(f), (0, None, None))(torch.stack([x, -x]), w, h)),
        ("vjp", lambda f, _: lambda *a: vjp(f, *a)[1](tuple(o.cos() for o in f(*a)))),
    ],
)  # fmt: skip
def test_transforms_of_transforms(name: str, transform: Any) -> None:
    for cell in (cells.LSTM(), cells.GRU()):
        problem = Problem(cell, [2, 1])
        with kernel_calls() as calls:
            actual = transform(problem.outputs("auto"), problem.loss("auto"))(*problem.arguments)
        assert calls.forward > 0
        expected = transform(problem.outputs("reference"), problem.loss("reference"))(*problem.arguments)
        agree(actual, expected)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_second_derivatives_are_the_references(cell: Cell) -> None:
    problem = Problem(cell, [3, 2], save=cell.values)
    arguments = [a.clone().requires_grad_() for a in problem.arguments]
    with kernel_calls() as calls:
        assert torch.autograd.gradcheck(problem.outputs("auto"), arguments, check_forward_ad=True)
        assert torch.autograd.gradgradcheck(problem.outputs("auto"), arguments)
    assert calls.backward > 0

    def penalty(backend: str) -> Any:
        first = torch.autograd.grad(problem.loss(backend)(*arguments), arguments, create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), arguments)

    with kernel_calls() as calls:
        actual = penalty("auto")
    # First derivatives are the kernel's, even where second ones follow: the loss's, and those that the gradients ask for.
    assert calls.both == (1, 2)
    agree(actual, penalty("reference"))


def test_forwards_over_a_gradient_that_was_recorded_before() -> None:
    problem = Problem(cells.LSTM(), [3, 2])

    def second(backend: str) -> Tensor:
        x = problem.rows.clone().requires_grad_()
        outputs = problem.outputs(backend)(x, *problem.arguments[1:])
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(
                torch.ones_like(outputs[0]), torch.arange(15.0).reshape(5, 3).double()
            )
            (gradient,) = torch.autograd.grad(outputs[0], x, dual)
            return forward_ad.unpack_dual(gradient).tangent

    agree(second("auto"), second("reference"))


def test_held_values_and_masks_in_transforms() -> None:
    cell = cells.PeepholeLSTM()
    rows, sizes, weights, state = detached(cell, [3, 1])
    mask = torch.tensor([[0.0, 2.0, 2.0], [2.0, 0.0, 2.0]], dtype=torch.float64)
    held = torch.linspace(0.1, 0.9, 3, dtype=torch.float64)

    def loss(backend: str) -> Any:
        def function(x: Tensor, value: Tensor, mask: Tensor) -> Tensor:
            out = run(
                cell, x, sizes, weights, state, backend=backend, clamp={"f": value}, save=("c", "i"), recurrent_mask=mask
            )  # fmt: skip
            return out.rows.square().sum() + out.saved["c"].sum() + out.saved["i"].square().sum()

        return function

    def twice(*both: Tensor) -> Tensor:
        return torch.stack(both)

    for transform in (
        lambda f: grad(f, (0, 1)),
        lambda f: grad(f, (0, 1, 2)),  # a mask's gradient is the reference's
        lambda f: lambda x, v, m: vmap(f, (0, 0, None))(twice(x, -x), twice(v, v / 2), m),
        lambda f: lambda x, v, m: vmap(grad(f, (0, 1)), (None, 0, 0))(x, twice(v, v / 2), twice(m, 1 - m)),
        lambda f: hessian(f, (0, 1)),
    ):  # fmt: skip
        with kernel_calls() as calls:
            actual = transform(loss("auto"))(rows, held, mask)
        assert calls.forward > 0
        agree(actual, transform(loss("reference"))(rows, held, mask))
