"""Cells that are hard to lay out for a kernel: products of products, operands used twice, states that are named and held."""

from __future__ import annotations

from collections.abc import Mapping

from peephole.equations import Cell, Matrix, Parameter, Step, Vector, sigmoid, tanh


class Chain(Cell):
    """A product of a product of a product; the first operand is also used by the last product."""

    gates, states = ("a", "b"), ("h", "s")

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        return {"weight_p": Vector(("a",)), "weight_m": Matrix(("a",))}

    def step(self, pre, prev, own):
        u = own.weight_p.a * prev.s
        v = 0.5 * (own.weight_m.a @ u)
        w = pre.recurrent(tanh(v)).b
        h = tanh(pre.a + pre.recurrent(u).b + w)
        return Step(h=h, s=tanh(v + prev.s), v=v)


class Shared(Cell):
    """One operand in three products of different depth, one of them with the weights of another."""

    gates, states = ("a", "b"), ("h",)

    def step(self, pre, prev):
        r = sigmoid(pre.a)
        first = pre.recurrent(r * prev.h)
        n = tanh(pre.x.b + first.b)
        m = tanh(pre.recurrent(n).a + first.a)
        return Step(h=(1 - r) * m + r * prev.h, r=r, n=n, m=m)


class Remembers(Cell):
    """Names the state before the step, so that it can be held."""

    gates, states = ("a",), ("h",)

    def step(self, pre, prev):
        return Step(h=tanh(pre.a) + 0.25 * prev.h, before=prev.h)


class Late(Cell):
    """Reads a state before the step when the new one is known. Its name begins as h does, and 0.1 is no float32."""

    gates, states = ("a", "b"), ("h", "heat")

    def step(self, pre, prev):
        heat = tanh(pre.a) + 0.1 * prev.heat
        return Step(h=tanh(pre.x.b + pre.recurrent(heat).b + prev.heat), heat=heat)


class Unused(Cell):
    """Gates of which one half, or everything, is not used: their weights have a gradient of zero."""

    gates, states = ("a", "b", "idle"), ("h",)

    def step(self, pre, prev):
        return Step(h=tanh(pre.x.a) * sigmoid(pre.h.b))
