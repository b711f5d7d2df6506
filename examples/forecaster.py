"""A time-series forecaster: a GRU reads two days of hourly values and a linear layer says the next six.

It is written for torch.nn, and trained a second time with one name changed: the module that GRU is taken from.

    python examples/forecaster.py
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

import peephole.nn

PAST, AHEAD, BATCH = 48, 6, 32  # hours read, hours forecast, windows of a step


class Forecaster(nn.Module):
    """The last `PAST` values → the next `AHEAD`."""

    def __init__(self, layers: Any, width: int) -> None:
        super().__init__()
        self.gru = layers.GRU(3, width, num_layers=2, batch_first=True)
        self.head = nn.Linear(width, AHEAD)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(x)[0][:, -1])


def series(hours: int) -> Tensor:
    """A synthetic load: daily and weekly waves, and noise that lasts; with the hour of the day, `[T, 3]`."""
    generator = torch.Generator().manual_seed(3)
    t = torch.arange(hours, dtype=torch.float64)
    day, week = 2 * math.pi * t / 24, 2 * math.pi * t / (7 * 24)
    noise, level = (
        torch.randn(hours, generator=generator, dtype=torch.float64),
        torch.zeros(hours, dtype=torch.float64),
    )
    for hour in range(1, hours):
        level[hour] = 0.9 * level[hour - 1] + 0.1 * noise[hour]
    value = day.sin() + 0.3 * (2 * day).cos() + 0.5 * week.sin() + level
    return torch.stack([value, day.sin(), day.cos()], dim=1)


class Training:
    """The training of one model; `step` trains on random windows and returns the mean squared error."""

    def __init__(
        self, layers: Any = torch.nn, *, width: int = 64, hours: int = 2000, dtype: Any = torch.float32
    ) -> None:
        torch.manual_seed(0)
        self.values = series(hours).to(dtype)
        self.model = Forecaster(layers, width).to(dtype)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=2e-3)

    def step(self) -> float:
        starts = torch.randint(0, len(self.values) - PAST - AHEAD, (BATCH, 1))
        x = self.values[starts + torch.arange(PAST)]
        target = self.values[starts + PAST + torch.arange(AHEAD), 0]
        loss = nn.functional.mse_loss(self.model(x), target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


def main() -> None:
    losses = {}
    for name, layers in (("torch.nn", torch.nn), ("peephole.nn", peephole.nn)):
        training = Training(layers, width=32)
        losses[name] = [training.step() for _ in range(40)]
        print(
            f"{name:<12} squared error of the first step {losses[name][0]:.6f}, of the last {losses[name][-1]:.6f}"
        )
    apart = max(abs(a - b) / a for a, b in zip(*losses.values(), strict=True))
    print(f"largest relative difference of any step's error: {apart:.1e}")


if __name__ == "__main__":
    main()
