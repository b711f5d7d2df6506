"""The driver of large states: a launch for every phase of every step, from a graph of launches that serves every call.

The kernels read T and all addresses from a table on the device, and the step from a counter there. So a graph of `AHEAD` steps is
captured once for a kind of call and a number of sequences, and replayed as often as a sequence has steps; those beyond its end do
nothing. Where nothing can be captured (in a graph of the caller's, in Triton's interpreter) the same kernels are launched one by
one.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from peephole.ops.batch_sizes import Integers
from peephole.ops.gpu.rule import Driver
from peephole.ops.gpu.shape import Shape
from peephole.ops.gpu.transfer import is_captured, to_device

AHEAD = 32  # steps of a graph
_MOST = 64  # graphs that are kept


def run_steps(
    kernels: tuple[Any, ...],
    arguments: Sequence[Tensor],
    driver: Driver,
    shape: Shape,
    hidden: int,
    *,
    once_more: bool,
) -> None:
    """Launch all phases of all steps.

    Args:
        kernels: one for each phase.
        arguments: tensors, in the order in which the kernels find them in the table.
        driver: the size of tiles.
        shape: batch sizes on the device.
        hidden: H.
        once_more: whether the first kernel is launched once more at the end.
    """
    device = arguments[0].device
    steps = shape.sizes.steps + int(once_more)
    # Where 16 divides H, the kernels count on addresses that it divides too, as those of all that they write to are.
    if hidden % 16 == 0:
        arguments = [tensor if tensor.data_ptr() % 16 == 0 else tensor.clone() for tensor in arguments]
    addresses = np.array([shape.sizes.steps, *(tensor.data_ptr() for tensor in arguments)], np.int64)
    if device.type == "cuda" and not is_captured(device):
        key = (kernels, driver, shape.batch, hidden, device, torch.cuda.current_stream(device))
        with _lock:
            if key not in _graphs:
                if len(_graphs) >= _MOST:
                    _graphs.pop(next(iter(_graphs)))
                _graphs[key] = _Graph(kernels, driver, shape.batch, hidden, addresses, device)
            _graphs[key].run(addresses, steps)
        return
    table, counter = to_device(addresses, device), torch.zeros(1, dtype=torch.int64, device=device)
    for step in range(steps):
        _launch(kernels, table, counter, step, driver, shape.batch, hidden)


def _launch(
    kernels: tuple[Any, ...],
    table: Tensor,
    counter: Tensor,
    ahead: int,
    driver: Driver,
    batch: int,
    hidden: int,
) -> None:
    grid = (-(-batch // driver.rows), -(-hidden // driver.units))
    for kernel in kernels:
        kernel[grid](
            table, counter, ahead, batch, hidden, BN=driver.rows, BH=driver.units, BK=driver.depth,
            num_warps=driver.warps, num_stages=driver.stages,
        )  # fmt: skip


class _Graph:
    """A captured graph of `AHEAD` steps, with its table and counter.

    Args:
        kernels: what is launched, as `run_steps` takes it; so for all but the last two.
        driver: likewise.
        batch: N.
        hidden: H.
        addresses: the table of a first call.
        device: where the kernels run, the current one.
    """

    @torch.inference_mode(False)  # tensors of that mode could not be written to outside of it
    def __init__(
        self,
        kernels: tuple[Any, ...],
        driver: Driver,
        batch: int,
        hidden: int,
        addresses: Integers,
        device: torch.device,
    ) -> None:
        self.table = to_device(addresses, device)
        self.counter = torch.zeros(1, dtype=torch.int64, device=device)
        self.graph = torch.cuda.CUDAGraph()

        def launch(ahead: int) -> None:
            _launch(kernels, self.table, self.counter, ahead, driver, batch, hidden)

        # Kernels are compiled and loaded before a capture, in which they cannot be. With T = 0 they change nothing.
        self.table[0] = 0
        launch(0)
        # A stream of this device, whatever torch captured on before; other threads may do as they like meanwhile.
        stream = torch.cuda.Stream(device)
        with torch.cuda.graph(self.graph, stream=stream, capture_error_mode="thread_local"):
            for ahead in range(AHEAD):
                launch(ahead)
            self.counter.add_(AHEAD)

    def run(self, addresses: Integers, steps: int) -> None:
        """Fill the table and replay."""
        self.table.copy_(torch.from_numpy(addresses).pin_memory(), non_blocking=True)
        self.counter.zero_()
        for _ in range(0, steps, AHEAD):
            self.graph.replay()


# A graph on two streams at once would share its table, and so would two threads on one stream, between filling it and the last
# replay.
_graphs: dict[tuple[Any, ...], _Graph] = {}
_lock = threading.Lock()
