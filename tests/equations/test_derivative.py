"""The derived backward pass of one step against autograd, for the shipped cells and for random ones."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from peephole.equations import Cell, Expression, Matrix, Step, Trace, Vector, trace
from peephole.equations.derivative import derivative
from peephole.equations.evaluate import compute
from peephole.equations.functions import apply
from support.cases import CELLS

H = 3


class Leaves:
    """Random values for the leaves and weights of a traced cell, and what autograd says of them."""

    def __init__(self, traced: Trace, seed: int, scale: float = 1.0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.traced, self.values, self.weights = traced, {}, {}
        for node in traced.nodes():
            shape = (1, H) if node.operation == "parameter" else (2, H)
            if node.operation in ("previous", "parameter", "input"):
                value = torch.randn(shape, generator=generator, dtype=torch.float64) * scale
                self.values[node] = value.requires_grad_()
            elif node.operation in ("recurrent", "matrix"):
                weight = torch.randn(H, H, generator=generator, dtype=torch.float64) * scale
                self.weights.setdefault((node.operation, node.label), weight)

    def product(self, node: Expression, operand: torch.Tensor | None) -> torch.Tensor:
        if operand is None:
            return self.values[node]
        return operand @ self.weights[node.operation, node.label].T

    def back(self, node: Expression, gradient: torch.Tensor) -> torch.Tensor:
        return gradient @ self.weights[node.operation, node.label]


def check(cell: Cell, seed: int, scale: float = 1.0) -> None:
    traced = trace(cell)
    leaves = Leaves(traced, seed, scale)
    forward: dict[Expression, torch.Tensor] = {}
    compute(traced.values.values(), forward, leaves.values.__getitem__, leaves.product)
    states = [forward[traced.values[name]] for name in traced.states]
    asked = [
        torch.cos(torch.arange(2.0 * H, dtype=torch.float64) + k).reshape(2, H) for k in range(len(states))
    ]
    wanted = [node for node in leaves.values if node.operation != "parameter"]
    inputs = [leaves.values[node] for node in leaves.values]
    expected = dict(
        zip(
            leaves.values,
            torch.autograd.grad(states, inputs, asked, allow_unused=True, materialize_grads=True),
            strict=True,
        )
    )

    found = derivative(traced)
    # The backward pass is given the saved nodes and the leaves, nothing else.
    known: dict[Expression, torch.Tensor] = {node: forward[node].detach() for node in found.saved}
    incoming = dict(zip(traced.states, asked, strict=True))

    def leaf(node: Expression) -> torch.Tensor:
        return incoming[node.label] if node.operation == "gradient" else leaves.values[node].detach()

    def forbidden(node: Expression, operand: object) -> torch.Tensor:
        raise AssertionError(f"the backward pass takes the forward product {node}")

    def gradient(expression: Expression) -> torch.Tensor:
        return torch.as_tensor(compute([expression], known, leaf, forbidden)[0]).expand(2, H)

    for operand, back in found.operands.items():
        consumers = [node for node in found.products if node.operands and node.operands[0] is operand]
        incoming[back.label] = sum(leaves.back(node, gradient(found.products[node])) for node in consumers)
    for node in wanted:
        if node.operation == "input":
            actual = (
                gradient(found.products[node])
                if node in found.products
                else torch.zeros(2, H, dtype=torch.float64)
            )
        else:
            actual = (
                gradient(found.previous[node.label])
                if node.label in found.previous
                else torch.zeros(2, H, dtype=torch.float64)
            )
            for product_node, d in found.products.items():
                if product_node.operands and product_node.operands[0] is node:
                    actual = actual + leaves.back(product_node, gradient(d))
        torch.testing.assert_close(actual, expected[node], rtol=1e-9, atol=1e-11)
    for label, d in found.parameters.items():
        node = next(n for n in leaves.values if n.operation == "parameter" and n.label == label)
        torch.testing.assert_close(gradient(d).sum(0, keepdim=True), expected[node], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("scale", [1.0, 30.0], ids=["ordinary", "saturated"])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_the_derived_backward_pass_is_autograds(cell: Cell, scale: float) -> None:
    check(cell, seed=0, scale=scale)


SAFE_UNARY = ["negate", "sigmoid", "tanh", "relu", "abs"]
BINARY = ["add", "subtract", "multiply", "minimum", "maximum"]


@st.composite
def random_cells(draw: st.DrawFn) -> Cell:
    """A cell of random expressions with one to three phases, a vector and a matrix of its own."""
    plan = [
        (
            draw(st.sampled_from(SAFE_UNARY + BINARY + ["exp", "log1p", "divide", "product", "matrix"])),
            *draw(st.tuples(*[st.integers(0, 99)] * 2)),
        )
        for _ in range(draw(st.integers(1, 9)))
    ]

    class Random(Cell):
        gates, states = ("a", "b"), ("h", "s")

        @property
        def parameters(self):
            return {"weight_p": Vector(("a",)), "weight_m": Matrix(("a",))}

        def step(self, pre, prev, own):
            pool = [pre.a, pre.b, prev.s, own.weight_p.a * prev.s, 0.5 * pre.x.a + 1]
            products = 0
            for name, first, second in plan:
                x, y = pool[first % len(pool)], pool[second % len(pool)]
                if name in ("product", "matrix"):
                    products += 1
                    if products > 2:
                        continue
                    pool.append(pre.recurrent(x).b if name == "product" else own.weight_m.a @ x)
                elif name == "divide":
                    pool.append(x / (2 + abs(y)))
                elif name == "exp":
                    pool.append(apply("exp", -abs(x)))
                elif name == "log1p":
                    pool.append(apply("log1p", abs(x)))
                else:
                    pool.append(apply(name, *((x,) if name in SAFE_UNARY else (x, y))))
            named = {f"v{k}": value for k, value in enumerate(pool[5::2])}
            return Step(h=pool[-1] * 1.0, s=apply("tanh", pool[-1] + prev.s), **named)

    return Random()


@settings(max_examples=150, deadline=None)
@given(random_cells(), st.integers(0, 1000))
def test_random_cells_are_derived_right(cell: Cell, seed: int) -> None:
    check(cell, seed)
