"""The network that learns a task: one recurrent layer, and one linear layer at the steps that count."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peephole.nn import Recurrent
from peephole.ops import Sequences
from peephole.studies.compare.contenders import Contender, layer_parameters
from peephole.studies.tasks import Batch, Task
from peephole.studies.tasks.task import Floats, Loss


class TaskNetwork(nn.Module):
    """A recurrent layer of a contender's cell and a linear layer.

    Args:
        task: how wide a step is, and what is asked.
        contender: the cell; its `init` goes before `init`.
        hidden: units, at least 1.
        init: first weights of a cell with gates: ``"orthogonal"``, with forget biases of 1, or ``"chrono"``, for memories of up
            to the task's length.

    Example:
        >>> from peephole.studies.compare.contenders import CONTENDERS
        >>> from peephole.studies.tasks import make_task
        >>> task = make_task("adding", length=20)
        >>> network = TaskNetwork(task, CONTENDERS["gru"], 4, "orthogonal")
        >>> network(task.batch(3, np.random.default_rng(0))).shape
        torch.Size([3, 1])
    """

    def __init__(self, task: Task, contender: Contender, hidden: int, init: str) -> None:
        super().__init__()
        cell, first = contender.make_cell(), contender.init or init
        chrono = first == "chrono"
        self.layer = Recurrent(
            cell,
            task.inputs,
            hidden,
            init=first,
            chrono_length=float(max(task.length, 3)) if chrono else None,
            forget_bias=1.0 if "f" in cell.gates and not chrono else None,
        )
        self.head = nn.Linear(hidden, task.outputs)

    def forward(self, batch: Batch) -> Tensor:
        """Return the outputs `[S, O]` at the steps that count, in the order of `batch.counted_sequences`."""
        sequences = Sequences.from_lengths(batch.lengths)
        time, place = sequences.row_time, sequences.row_batch
        rows = self.layer.outputs(torch.from_numpy(batch.inputs[time, place]), sequences.batch_sizes)
        return self.head(rows.index_select(0, torch.from_numpy(counted_rows(batch, sequences))))

    @torch.no_grad()
    def answer(self, batch: Batch) -> Floats:
        """Return the same as NumPy array, without what a gradient would need."""
        return self(batch).numpy()


def counted_rows(batch: Batch, sequences: Sequences) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return which packed row each counted step is, in the order of `batch.counted_sequences`: `[S]`."""
    row = np.zeros(batch.counted.shape, np.int64)
    row[sequences.row_time, sequences.row_batch] = np.arange(sequences.rows)
    return row[batch.counted]


def task_parameters(task: Task, contender: Contender, hidden: int) -> int:
    """Count the numbers that a `TaskNetwork` learns."""
    return layer_parameters(contender.make_cell(), task.inputs, hidden) + task.outputs * (hidden + 1)


def loss_of(kind: Loss, outputs: Tensor, targets: Floats) -> Tensor:
    """Return the loss of outputs `[S, O]`: mean squared error, or nats a step.

    Args:
        kind: as `Task.loss` says.
        outputs: before any squashing.
        targets: `[S, O]`.
    """
    wanted = torch.from_numpy(targets)
    if kind == "squared":
        return F.mse_loss(outputs, wanted)
    if kind == "classes":
        return F.cross_entropy(outputs, wanted)
    return F.binary_cross_entropy_with_logits(outputs, wanted, reduction="sum") / len(wanted)
