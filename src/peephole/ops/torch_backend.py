"""The torch backend: torch's own LSTM, GRU and RNN, where it has one.

Torch has two paths on a CPU: a fast one for dense batches, and a loop of small operators for packed ones. So a ragged batch is
spread out to a dense one and gathered back, which gives the same numbers, unless the final cell state of each sequence is wanted
(torch gives it for the last step only) or the batch is so ragged that a dense one would waste most of its steps.
A reversed layer is run forwards on sequences turned round within their own lengths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from peephole import cells
from peephole.equations import Cell
from peephole.ops.request import Output, Request
from peephole.ops.sequences import Integers, reversal, sorted_lengths

if TYPE_CHECKING:
    import torch

# Beyond this many dense steps per real one, the packed loop is the lesser evil, and the dense copy may not fit.
DENSE_WASTE = 16


_KERNELS: dict[Cell, str] = {
    cells.LSTM(): "lstm",
    cells.GRU(): "gru",
    cells.RNN("tanh"): "rnn_tanh",
    cells.RNN("relu"): "rnn_relu",
}


def torch_kernel(cell: Cell) -> str | None:
    """Name of torch's kernel for exactly this cell, or None.

    >>> torch_kernel(cells.GRU()), torch_kernel(cells.GRU(reset="before"))
    ('gru', None)
    """
    return _KERNELS.get(cell)


def run_torch(request: Request) -> Output:
    """Run a checked request for which `torch_kernel` names a kernel."""
    sizes = request.batch_sizes
    if len(sizes) == 0:
        return Output(request.rows.new_empty((0, request.output_size)), dict(request.state))
    if request.is_dense:
        return _run_dense(request)
    wasteful = len(sizes) * sizes[0] > DENSE_WASTE * sum(sizes)
    needs_cell = request.want_state and "c" in request.cell.states
    return _run_packed(request) if wasteful or needs_cell else _run_spread(request)


def _call(
    request: Request, data: torch.Tensor, batch_sizes: Integers | None
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """One layer, one direction, forwards: dense `[T, n, D]`, or packed rows with `batch_sizes`."""
    import torch

    kernel = torch_kernel(request.cell)
    assert kernel is not None
    weights, alive = request.weights, request.batch_sizes[0]
    names = [
        name for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr") if name in weights
    ]
    states = [request.state[name][:alive].unsqueeze(0) for name in request.cell.states]
    flat = [weights[name] for name in names]
    training = any(tensor.requires_grad for tensor in (data, *states, *flat)) and torch.is_grad_enabled()
    hidden: Any = tuple(states) if kernel == "lstm" else states[0]
    options = (
        "bias_ih" in weights,
        1,
        0.0,
        training,
        False,
    )  # biases, layers, dropout, training, bidirectional
    function = getattr(torch._VF, kernel)  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    if batch_sizes is None:
        rows, *finals = function(data, hidden, flat, *options, False)  # False: not batch-first
    else:
        rows, *finals = function(data, torch.from_numpy(batch_sizes), hidden, flat, *options)
    return rows, [final.squeeze(0) for final in finals]


def _with_never_alive(request: Request, finals: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Final states of all N sequences: those of length zero keep their initial state."""
    import torch

    alive = request.batch_sizes[0]
    states: dict[str, torch.Tensor] = {}
    for name, final in zip(request.cell.states, finals, strict=True):
        initial = request.state[name][alive:]
        states[name] = torch.cat([final, initial]) if initial.shape[0] else final
    return states


def _run_dense(request: Request) -> Output:
    steps, batch = len(request.batch_sizes), request.batch_sizes[0]
    data = request.rows.reshape(steps, batch, -1)
    rows, finals = _call(request, data.flip(0) if request.reverse else data, None)
    rows = (rows.flip(0) if request.reverse else rows).reshape(steps * batch, -1)
    return Output(rows, _with_never_alive(request, finals) if request.want_state else {})


def _run_packed(request: Request) -> Output:
    sizes = np.asarray(request.batch_sizes)
    turn = _indices(reversal(sizes), request.rows) if request.reverse else None
    data = request.rows if turn is None else request.rows.index_select(0, turn)
    rows, finals = _call(request, data, sizes)
    rows = rows if turn is None else rows.index_select(0, turn)
    return Output(rows, _with_never_alive(request, finals) if request.want_state else {})


def _run_spread(request: Request) -> Output:
    sizes = np.asarray(request.batch_sizes)
    lengths = sorted_lengths(sizes)
    steps, batch = len(sizes), int(sizes[0])
    offsets = np.cumsum(sizes) - sizes
    # Beyond its end, a sequence reads its own last row again: nobody looks at the result, and nobody else's NaN gets in.
    time = np.minimum(np.arange(steps)[:, None], lengths[None, :] - 1)
    if request.reverse:
        time = lengths[None, :] - 1 - time
    spread = (offsets[time] + np.arange(batch)[None, :]).reshape(-1)
    data = request.rows.index_select(0, _indices(spread, request.rows)).reshape(steps, batch, -1)
    dense, _ = _call(request, data, None)
    dense = dense.reshape(steps * batch, -1)
    row_time = np.repeat(np.arange(steps), sizes)
    sequence = np.arange(int(sizes.sum())) - offsets[row_time]
    if request.reverse:
        row_time = lengths[sequence] - 1 - row_time
    rows = dense.index_select(0, _indices(row_time * batch + sequence, dense))
    if not request.want_state:
        return Output(rows)
    last = dense.index_select(0, _indices((lengths - 1) * batch + np.arange(batch), dense))
    return Output(rows, _with_never_alive(request, [last]))


def _indices(indices: Integers, like: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(indices)).to(like.device)
