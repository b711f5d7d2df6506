"""Small layers, heads and phrases for tests of contextual decomposition."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from peephole import nn
from peephole.classifier.rows import LinearWeights
from peephole.equations import Cell
from peephole.insight.explanations import Head

D, H, T = 3, 4, 7
SPANS = np.array([[0, T], [0, 1], [T - 1, T], [2, 5], [1, T], [3, 3], [4, 5]])


def head_of(width: int, seed: int = 0, activation: str = "relu") -> Head:
    rng = np.random.default_rng(seed)
    return Head(
        ("last", "max", "mean"),
        [
            LinearWeights(rng.normal(size=(5, 3 * width)), rng.normal(size=5), activation),
            LinearWeights(rng.normal(size=(2, 5)), rng.normal(size=2), "none"),
        ],
    )


def plain(width: int, statistics: tuple[str, ...] = ("last",)) -> Head:
    """A head without biases: the number is a fixed sum of what is pooled."""
    weight = np.random.default_rng(3).normal(size=(1, len(statistics) * width))
    return Head(statistics, [LinearWeights(weight, np.zeros(1), "none")])


def layer_of(cell: Cell, seed: int = 0, **options: Any) -> Any:
    torch.manual_seed(seed)
    layer = nn.Recurrent(cell, D, H, dtype=torch.float64, **options)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return layer


def rows(seed: int = 1, steps: int = T) -> Any:
    return np.random.default_rng(seed).normal(size=(steps, D))


def share(f: Any, b: Any, g: Any, c: Any) -> tuple[Any, Any, Any]:
    """L(β), L(γ), L(bias), the bias first; insight: ½[s(β + c) − s(c) + s(β + γ + c) − s(γ + c)]."""
    return (
        0.5 * (f(b + c) - f(c) + f(b + g + c) - f(g + c)),
        0.5 * (f(g + c) - f(c) + f(b + g + c) - f(b + c)),
        f(c),
    )
