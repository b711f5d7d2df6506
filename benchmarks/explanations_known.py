"""Contributions that are known, for `explanations.py`: networks that add the marked numbers of a sequence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from explanations_methods import brief, contenders
from peephole import nn
from peephole.classifier.rows import LinearWeights
from peephole.insight.explanations import Case, Head, case_of_rows

LENGTH, MOST_MARKS, HIDDEN, UPDATES, SEQUENCES, SEEDS = 24, 4, 24, 2000, 100, (1, 2)
CELLS: dict[str, Callable[..., Any]] = {"lstm": nn.LSTM, "peephole-lstm": nn.PeepholeLSTM, "gru": nn.GRU}
# A mark is 1; or, with signs, 1 or -1, and says whether its number is added or subtracted.
TASKS = ("sum", "signed sum")


def draw(size: int, rng: np.random.Generator, task: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sequences `[T, N, 2]` of numbers and marks, their lengths, and what each step contributes `[T, N]`."""
    lengths = rng.integers(LENGTH * 3 // 4, LENGTH, size=size, endpoint=True)
    step = np.arange(LENGTH)[:, None]
    inside = step < lengths
    numbers = rng.random((LENGTH, size)) * inside
    ranks = np.argsort(np.argsort(np.where(inside, rng.random((LENGTH, size)), 2.0), axis=0), axis=0)
    marks = (ranks < rng.integers(0, MOST_MARKS, size=size, endpoint=True)).astype(np.float64)
    if task == "signed sum":
        marks *= rng.choice([-1.0, 1.0], marks.shape)
    inputs = np.stack([numbers, marks], axis=2).astype(np.float32)
    return inputs, lengths, inputs[:, :, 0] * inputs[:, :, 1]


class Adder(torch.nn.Module):
    """A recurrent layer whose last h is read by one linear unit."""

    def __init__(self, cell: str) -> None:
        super().__init__()
        self.layer = CELLS[cell](2, HIDDEN)
        self.unit = torch.nn.Linear(HIDDEN, 1)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """The answers `[N]`."""
        _, state = self.layer(x, lengths=lengths)
        h = state[0] if isinstance(state, tuple) else state
        return self.unit(h[-1])[:, 0]

    def case(self, x: np.ndarray) -> Case:
        """One sequence `[T, 2]`."""
        linear = LinearWeights(self.unit.weight.detach().numpy(), self.unit.bias.detach().numpy(), "none")
        return case_of_rows(self.layer, Head(("last",), [linear]), x, [1.0])


def train(cell: str, task: str, seed: int) -> tuple[Adder, float]:
    """A network that adds, and its mean squared error on sequences that it has not seen."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    adder = Adder(cell)
    optimiser = torch.optim.Adam(adder.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=UPDATES)
    for _ in range(UPDATES):
        x, lengths, truth = draw(32, rng, task)
        answers = adder(torch.from_numpy(x), torch.from_numpy(lengths))
        loss = ((answers - torch.from_numpy(truth.sum(axis=0))) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(adder.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    x, lengths, truth = draw(1000, np.random.default_rng(1000 + seed), task)
    with torch.no_grad():
        answers = adder(torch.from_numpy(x), torch.from_numpy(lengths)).numpy()
    return adder, float(((answers - truth.sum(axis=0)) ** 2).mean())


def known() -> Iterator[dict[str, Any]]:
    """Correlation of scores with what each step contributes, for each task, cell, seed and method."""
    for task in TASKS:
        for cell in CELLS:
            for seed in SEEDS:
                adder, error = train(cell, task, seed)
                x, lengths, truth = draw(SEQUENCES, np.random.default_rng(2000 + seed), task)
                told = np.flatnonzero(
                    truth.any(axis=0)
                ).tolist()  # where nothing is marked, there is nothing to correlate with
                found: dict[str, Any] = {}
                for name, run in contenders().items():
                    correlations: list[float] = []
                    hits = 0
                    for n in told:
                        own = truth[: lengths[n], n]
                        scores = run(adder.case(x[: lengths[n], n])).scores
                        correlations.append(float(np.corrcoef(scores, own)[0, 1]))
                        marked = np.flatnonzero(own)
                        hits += set(np.argsort(-np.abs(scores))[: len(marked)].tolist()) == set(
                            marked.tolist()
                        )
                    found[name] = {
                        "correlation": float(np.mean(correlations)),
                        "marks_on_top": hits / len(told),
                    }
                row = {"task": task, "cell": cell, "seed": seed, "squared_error": error, "methods": found}
                sys.stderr.write(
                    f"{task} {cell} {seed}: error {error:.2g}; " + brief(found, "correlation") + "\n"
                )
                yield row
