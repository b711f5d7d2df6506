"""Random cells whose values stay of order one, so that float64 results can be compared to the last few bits."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from peephole.equations import Cell, Matrix, Parameter, Step, Vector, trace
from peephole.equations.functions import apply

UNARY = ["negate", "sigmoid", "tanh", "relu", "abs"]
BINARY = ["add", "subtract", "multiply", "minimum", "maximum"]


class TameCell(Cell):
    """A cell of random expressions: one to four phases, vectors and a matrix of its own, halves used apart and together.

    Divisors are at least 2, exponents at most 0, and states end in a tanh.

    Args:
        seed: draws the expressions.
    """

    gates, states = ("a", "b"), ("h", "s")

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @property
    def options(self) -> dict[str, Any]:
        return {"seed": self.seed}

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        return {"weight_p": Vector(("a", "unused")), "weight_m": Matrix(("unused", "a"))}

    def step(self, pre, prev, own):
        draw = random.Random(self.seed)
        pool = [pre.a, pre.b, prev.s, own.weight_p.a * prev.s, 0.5 * pre.x.a + 1, prev.h]
        products = 0
        for _ in range(draw.randint(1, 9)):
            name = draw.choice([*UNARY, *BINARY, "exp", "log1p", "divide", "product", "matrix"])
            x, y = draw.choice(pool), draw.choice(pool)
            if name in ("product", "matrix"):
                products += 1
                if products <= 3:
                    pool.append(0.5 * (pre.recurrent(x).b if name == "product" else own.weight_m.a @ x))
            elif name == "divide":
                pool.append(x / (2 + abs(y)))
            elif name in ("exp", "log1p"):
                pool.append(apply(name, -abs(x) if name == "exp" else abs(x)))
            else:
                pool.append(apply(name, *((x,) if name in UNARY else (x, y))))
        named = {f"v{k}": value for k, value in enumerate(pool[5::2])}
        return Step(h=apply("tanh", pool[-1] * 1.0), s=apply("tanh", pool[-1] + prev.s), **named)


def tame_cells(phases: int, count: int, first: int = 0) -> list[TameCell]:
    """The first `count` cells with so many phases, from the seed `first` on."""
    found: list[TameCell] = []
    seed = first
    while len(found) < count:
        cell = TameCell(seed)
        if trace(cell).phases == phases:
            found.append(cell)
        seed += 1
    return found
