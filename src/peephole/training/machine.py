"""The device, the precision and the processes of a run: all that `accelerate` gives, behind a few names."""

from __future__ import annotations

import atexit
import functools
import importlib
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peephole.errors import OptionError, require

T = TypeVar("T")


def _has_gpu() -> bool:
    """Whether torch sees anything faster than a processor."""
    xpu = getattr(torch, "xpu", None)
    return (
        torch.cuda.is_available()
        or torch.backends.mps.is_available()
        or (xpu is not None and xpu.is_available())
    )


class Machine:
    """What a run is executed on. With several processes each has one, and they must call it in step.

    Args:
        precision: ``"no"``, ``"bf16"`` or ``"fp16"``.
        cpu: do not use a GPU.

    Raises:
        OptionError: the precision or device is not to be had here, or this Python process has begun another run
            with another one (`accelerate` fixes both for the life of a process).
        MissingExtra: `accelerate` is not installed.
    """

    def __init__(self, precision: str = "no", *, cpu: bool = False) -> None:
        accelerate = require("accelerate", extra="train", purpose="training")
        if precision == "fp16" and (cpu or not torch.cuda.is_available()):
            raise OptionError(
                "recipe: precision 'fp16' needs a GPU; got a CPU",
                hint="on a CPU use precision 'bf16' or 'no'",
            )
        if torch.distributed.is_available():
            # Torch imports it when an optimiser is first used, and the default arguments of its functions then keep the group of
            # all processes that there is: the group would outlive `destroy_process_group`, and its threads the interpreter,
            # which aborts the process. Imported before there is a group, it keeps none.
            importlib.import_module("torch.distributed.nn.functional")
        try:
            # Unless told that there is no GPU, it looks for processes on GPUs alone: each would believe itself the only one.
            no_gpu = cpu or not _has_gpu()
            self.accelerator: Any = accelerate.Accelerator(mixed_precision=precision, cpu=no_gpu)
        except ValueError as error:
            raise OptionError(
                f"train: precision {precision!r}, cpu={cpu} cannot be had; accelerate says: {error}",
                hint="one Python process trains in one precision and on one device: use a new process",
            ) from error
        self.device: torch.device = self.accelerator.device
        self._precision = precision
        self.processes: int = self.accelerator.num_processes
        self.process: int = self.accelerator.process_index
        if self.processes > 1:
            _part_at_exit()

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.process == 0

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which the network runs in the chosen precision."""
        return self.accelerator.autocast()

    @contextmanager
    def autocast_products(self) -> Generator[None]:
        """In bfloat16 on a CPU, multiply float32 matrices as bfloat16, with float32 sums and results, where torch can.

        For what autocast would round more than that: scores that an exponential follows. It holds for all threads.
        """
        options: Any = torch.backends.mkldnn
        if self._precision != "bf16" or self.device.type != "cpu" or not hasattr(options, "matmul"):
            yield
            return
        before = options.matmul.fp32_precision
        options.matmul.fp32_precision = "bf16"
        try:
            yield
        finally:
            options.matmul.fp32_precision = "none"  # as torch's wider settings say
            if options.matmul.fp32_precision != before:
                options.matmul.fp32_precision = before

    def tensor(self, values: NDArray[Any]) -> Tensor:
        """Return an array as a tensor on the device."""
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)

    def seed_step(self, seed: int, step: int) -> None:
        """Make chance in a step a function of the seed, the step and the process, whatever was drawn before."""
        words = np.random.SeedSequence([seed, step, self.process]).generate_state(2, np.uint32)
        torch.manual_seed(int(words[0]) << 32 | int(words[1]))

    def agree(self, flag: bool) -> bool:
        """Tell whether any process says so."""
        if self.processes == 1:
            return flag
        votes = self.accelerator.reduce(torch.tensor([float(flag)], device=self.device), "sum")
        return bool(votes.item() > 0)

    def mean(self, value: float) -> float:
        """Return the mean of the numbers of all processes."""
        if self.processes == 1:
            return value
        return float(self.accelerator.reduce(torch.tensor(value, device=self.device), "mean"))

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of the tensors of all processes."""
        return values if self.processes == 1 else self.accelerator.reduce(values, "sum")

    def from_main(self, value: T) -> T:
        """Return the main process's value (text, numbers, None) in every process."""
        if self.processes == 1:
            return value
        utils = require("accelerate.utils", extra="train", purpose="training")
        return cast("T", utils.broadcast_object_list([value])[0])

    def share_weights(self, parameters: Sequence[Tensor]) -> None:
        """Give every process the main process's weights."""
        if self.processes == 1:
            return
        utils = require("accelerate.utils", extra="train", purpose="training")
        with torch.no_grad():
            for parameter in parameters:
                parameter.copy_(utils.broadcast(parameter.detach().clone()))

    def share_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Replace each gradient by its mean over the processes."""
        if self.processes == 1:
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        mean = self.accelerator.reduce(torch.cat([gradient.flatten() for gradient in gradients]), "mean")
        pieces = mean.split([parameter.numel() for parameter in parameters])
        for parameter, piece in zip(parameters, pieces, strict=True):
            parameter.grad = piece.view_as(parameter)

    def wait(self) -> None:
        """Wait until every process is here."""
        self.accelerator.wait_for_everyone()


@functools.cache
def _part_at_exit() -> None:
    """Let the processes part in order when Python ends; their threads may abort one another otherwise."""
    atexit.register(lambda: torch.distributed.is_initialized() and torch.distributed.destroy_process_group())
