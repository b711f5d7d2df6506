"""Cells and batches that several tests run."""

from __future__ import annotations

import pytest
import torch

from peephole import cells
from peephole.equations import Cell
from peephole.ops import Sequences

CELLS: list[Cell] = [
    cells.RNN(),
    cells.RNN("relu"),
    cells.LSTM(),
    cells.PeepholeLSTM(),
    cells.PeepholeLSTM(output_peephole="previous"),
    cells.PeepholeLSTM("full"),
    cells.PeepholeLSTM("full", "previous"),
    cells.GRU(),
    cells.GRU("before"),
    cells.CoupledLSTM(),
]


def by_speed(backend: str, *others: object, id: str | None = None):
    """A parameter set, marked slow where the backend is: Triton's interpreter takes a second for what a kernel does in none."""
    return pytest.param(backend, *others, id=id, marks=[pytest.mark.slow] if backend == "triton" else [])


def case(
    cell: Cell,
    lengths: list[int],
    inputs: int,
    hidden: int,
    *,
    bias: bool = True,
    projection: int | None = None,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
):
    """Random (rows, batch_sizes, weights, state) for `run`, as leaves that require gradients."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()

    sequences = Sequences.from_lengths(lengths)
    gates, width = len(cell.gates), projection or hidden
    weights = {"weight_ih": random(gates * hidden, inputs), "weight_hh": random(gates * hidden, width)}
    if bias:
        weights |= {"bias_ih": random(gates * hidden), "bias_hh": random(gates * hidden)}
    if projection:
        weights["weight_hr"] = random(projection, hidden)
    weights |= {name: random(*shape) for name, shape in cell.parameter_shapes(hidden).items()}
    state = {name: random(len(lengths), width if name == "h" else hidden) for name in cell.states}
    return random(sequences.rows, inputs), sequences.batch_sizes, weights, state
