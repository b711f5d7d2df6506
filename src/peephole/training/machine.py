"""The device, the precision and the processes of a run: all that `accelerate` gives, behind a few names."""

from __future__ import annotations

import atexit
import functools
import importlib
import os
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peephole.errors import OptionError, PeepholeError, ProcessLost, require

T = TypeVar("T")

# How long a process waits for the others, such as for the first one to read the texts. One that has ended is noticed at once.
_PATIENCE = timedelta(hours=3)
_TABLE = 300  # rows from which a matrix counts as a table of vectors, of which most rows are untouched


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
        several = int(os.environ.get("WORLD_SIZE", "1")) > 1
        options = [accelerate.InitProcessGroupKwargs(timeout=_PATIENCE)] if several else []
        try:
            # Unless told that there is no GPU, it looks for processes on GPUs alone: each would believe itself the only one.
            no_gpu = cpu or not _has_gpu()
            self.accelerator: Any = accelerate.Accelerator(
                mixed_precision=precision, cpu=no_gpu, kwargs_handlers=options
            )
        except ValueError as error:
            raise OptionError(
                f"train: precision {precision!r}, cpu={cpu} cannot be had; accelerate says: {error}",
                hint="one Python process trains in one precision and on one device: use a new process",
            ) from error
        except RuntimeError as error:
            if not several:
                raise
            raise _lost(int(os.environ["WORLD_SIZE"]), error) from error
        self.device: torch.device = self.accelerator.device
        self._precision = precision
        self.processes: int = self.accelerator.num_processes
        self.process: int = self.accelerator.process_index
        if several and self.processes == 1:
            raise OptionError(
                f"train: the {os.environ['WORLD_SIZE']} processes that were started cannot share this device, {self.device}",
                hint="start one process, or train on the processor (--cpu, cpu=True in Python)",
            )
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
        """Make chance in a step a function of the seed and the step, the same in every process, whatever was drawn before."""
        words = np.random.SeedSequence([seed, step, 0]).generate_state(2, np.uint32)
        torch.manual_seed(int(words[0]) << 32 | int(words[1]))

    def agree(self, *flags: bool) -> tuple[bool, ...]:
        """Tell of each flag whether it is raised in any process."""
        if self.processes == 1:
            return flags
        votes = self.total(torch.tensor([float(flag) for flag in flags], device=self.device))
        return tuple(bool(vote > 0) for vote in votes.tolist())

    def sum(self, value: float) -> float:
        """Return the sum of the numbers of all processes."""
        return (
            value
            if self.processes == 1
            else float(self.total(torch.tensor(value, dtype=torch.float64, device=self.device)))
        )

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of the tensors of all processes."""
        if self.processes == 1:
            return values
        with self._together():
            return self.accelerator.reduce(values, "sum")

    def spread(self, values: Tensor) -> Tensor:
        """Return the standard deviation of all numbers that the processes have, a float32 scalar; 0 of fewer than two.

        Each process finds the mean and the squares of its own, in float64, and they are put together by Chan, Golub & LeVeque's
        rule (1979), so that numbers far from zero lose nothing.
        """
        own = torch.zeros(self.processes, 3, dtype=torch.float64, device=values.device)
        if count := values.numel():
            mean = values.mean(dtype=torch.float64)
            squares = (values.double() - mean).square().sum()
            own[self.process] = torch.stack([torch.full_like(mean, count), mean, squares])
        counts, means, squares = self.total(own).unbind(1)
        total = counts.sum()
        mean = (counts * means).sum() / total.clamp_min(1)
        squares = squares.sum() + (counts * (means - mean).square()).sum()
        return (squares / (total - 1).clamp_min(1)).sqrt().float()

    def from_main(self, value: T) -> T:
        """Return the main process's value (text, numbers, records, tensors, None) in every process."""
        if self.processes == 1:
            return value
        utils = require("accelerate.utils", extra="train", purpose="training")
        with self._together():
            return cast("T", utils.broadcast_object_list([value])[0])

    def by_main(self, action: Callable[[], T]) -> T:
        """Return in every process what the main process's `action` returns, or raise in every process what it raises.

        Raises:
            OptionError, PeepholeError: of the others, with the message of the main process.
        """
        if self.processes == 1:
            return action()
        value, failure = cast("T", None), None
        if self.is_main:
            try:
                value = action()
            except (PeepholeError, OSError) as error:
                failure = error
        said = self.from_main(None if failure is None else (isinstance(failure, OptionError), str(failure)))
        if failure is not None:
            raise failure
        if said is not None:
            usage, message = said
            raise (OptionError if usage else PeepholeError)(message)
        return self.from_main(value)

    def share_weights(self, parameters: Sequence[Tensor]) -> None:
        """Give every process the main process's weights."""
        if self.processes == 1:
            return
        utils = require("accelerate.utils", extra="train", purpose="training")
        with torch.no_grad(), self._together():
            for parameter in parameters:
                parameter.copy_(utils.broadcast(parameter.detach().clone()))

    def share_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Replace each gradient by its sum over the processes.

        Of a table of vectors a batch touches few rows: on a processor only those that any process has touched are added up.
        """
        if self.processes == 1:
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        touched = self._touched_rows(gradients)
        parts = [
            gradient if rows is None else gradient.index_select(0, rows)
            for gradient, rows in zip(gradients, touched, strict=True)
        ]
        total = self.total(torch.cat([part.flatten() for part in parts]))
        pieces = total.split([part.numel() for part in parts])
        for n, parameter in enumerate(parameters):
            rows, piece = touched[n], pieces[n].view_as(parts[n])
            parameter.grad = piece if rows is None else gradients[n].index_copy_(0, rows, piece)

    def _touched_rows(self, gradients: Sequence[Tensor]) -> list[Tensor | None]:
        """Return of each table of vectors the rows that are not zero in every process; None of what is no table."""
        tables = [
            n for n, g in enumerate(gradients) if g.dim() == 2 and len(g) >= _TABLE and g.device.type == "cpu"
        ]
        found: list[Tensor | None] = [None] * len(gradients)
        if tables:
            own = torch.cat([gradients[n].abs().amax(dim=1) != 0 for n in tables])
            votes = self.total(own.float()).split([len(gradients[n]) for n in tables])
            for n, vote in zip(tables, votes, strict=True):
                found[n] = vote.nonzero().flatten()
        return found

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.processes > 1:
            with self._together():
                self.accelerator.wait_for_everyone()

    @contextmanager
    def _together(self) -> Generator[None]:
        """Say in our words that another process has gone, where torch says that a connection was closed."""
        try:
            yield
        except RuntimeError as error:  # whatever the backend: gloo has no class of its own for it
            raise _lost(self.processes, error) from error


def _lost(processes: int, error: RuntimeError) -> ProcessLost:
    first = re.sub(r"^\[[^]]*\]\s*", "", str(error).partition("\n")[0]).partition(". ")[
        0
    ]  # no file of torch's, no advice
    return ProcessLost(
        f"training: all {processes} processes must go on together; got no answer from another one ({first})"
    )


@functools.cache
def _part_at_exit() -> None:
    """Let the processes part in order when Python ends; their threads may abort one another otherwise."""
    atexit.register(lambda: torch.distributed.is_initialized() and torch.distributed.destroy_process_group())
