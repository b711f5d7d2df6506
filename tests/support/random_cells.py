"""Cells made of random expressions: what no author would write, and every emitter must get right."""

from __future__ import annotations

import random
from collections.abc import Mapping

from peephole.equations import Cell, Matrix, Parameter, Step, Vector
from peephole.equations.functions import apply

UNARY = ["negate", "sigmoid", "tanh", "relu", "abs", "exp", "log1p"]
BINARY = ["add", "subtract", "multiply", "divide", "minimum", "maximum"]


class RandomCell(Cell):
    """A cell of random expressions: shared ones, unnamed ones, constants on either side, products of computed operands.

    Args:
        seed: draws the expressions.
        size: how many operations are drawn; what nothing uses falls away.
        states: the states, ``h`` first.
    """

    gates = ("a", "forget")

    def __init__(self, seed: int, size: int = 8, states: tuple[str, ...] = ("h", "s")) -> None:
        self.seed, self.size, self.states = seed, size, states  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def options(self):
        return {"seed": self.seed, "size": self.size, "states": self.states}

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        return {"weight_p": Vector(("a", "b")), "weight_q": Vector(("a",)), "weight_m": Matrix(("a",))}

    def step(self, pre, prev, own):
        draw = random.Random(self.seed)
        last = getattr(prev, self.states[-1])
        pool = [pre.a, pre.forget, last, own.weight_p.a * last, prev.h, pre.x.a - 0.25, own.weight_q.a]
        for _ in range(self.size):
            name = draw.choice([*UNARY, *BINARY, *BINARY, "product", "matrix", "constant"])
            x, y = draw.choice(pool), draw.choice(pool)
            if name == "product":
                pool.append(pre.recurrent(x).forget)
            elif name == "matrix":
                pool.append(own.weight_m.a @ x)
            elif name == "constant":
                number = draw.choice([1.0, -0.5, 2.0, 1e-07, 0.3])
                pair = (x, number) if draw.random() < 0.5 else (number, x)
                pool.append(apply(draw.choice(["add", "subtract", "multiply", "divide", "maximum"]), *pair))
            else:
                pool.append(apply(name, *((x,) if name in UNARY else (x, y))))
        named = {f"v{k}": value for k, value in enumerate(pool[7::3])}
        made = {state: pool[-1 - k] + getattr(prev, state) for k, state in enumerate(self.states)}
        return Step(**made, **named)
