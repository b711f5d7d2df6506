"""Layers of Keras with random weights, and the cells of ours that compute them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from peephole import cells

N, T, D, H = 3, 5, 4, 6

# Keras's class, its options, our cell.
MAPPABLE: list[tuple[str, dict[str, Any], Any]] = [
    ("LSTM", {}, cells.LSTM()),
    ("LSTM", {"unit_forget_bias": False}, cells.LSTM()),
    ("GRU", {"reset_after": True}, cells.GRU("after")),
    ("GRU", {"reset_after": False}, cells.GRU("before")),
    ("SimpleRNN", {}, cells.RNN("tanh")),
    ("SimpleRNN", {"activation": "relu"}, cells.RNN("relu")),
]
IDS = ["-".join([name, *map(str, options.values())]) for name, options, _ in MAPPABLE]


def build(keras: Any, name: str, *, bidirectional: bool = False, inputs: int = D, **options: Any) -> Any:
    """A layer with random weights and biases, in float64."""
    options = {"dtype": "float64", "return_sequences": True, **options}
    layer = getattr(keras.layers, name)(H, **options)
    if bidirectional:
        layer = keras.layers.Bidirectional(layer, dtype=options["dtype"])
    layer.build((N, None, inputs))
    rng = np.random.default_rng(5)
    layer.set_weights([rng.normal(0, 0.5, array.shape) for array in layer.get_weights()])
    return layer


def batch(inputs: int = D) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).normal(size=(N, T, inputs))).requires_grad_()


def weigh(value: torch.Tensor) -> torch.Tensor:
    return (value * torch.arange(1, value.numel() + 1, dtype=value.dtype).view_as(value).sin()).sum()
