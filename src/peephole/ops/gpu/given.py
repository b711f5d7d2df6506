"""The arrays of a call as the GPU's kernels take them, and the surroundings that a pass needs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import Call
from peephole.ops.gpu.form import PRECISIONS, Form
from peephole.ops.gpu.projection import Projection
from peephole.ops.gpu.rule import SHARED, Driver, choose_driver
from peephole.ops.gpu.shape import Shape, shape_of
from peephole.ops.memory import contiguous
from peephole.ops.precision import KEPT

T = TypeVar("T")


def at_home(run: Callable[..., T]) -> Callable[..., T]:
    """Run a pass on its tensors' device, since Triton launches on the current one, and without autocast, which had its way."""

    @functools.wraps(run)
    def run_at_home(
        call: Call, sizes: BatchSizes, arrays: Sequence[Tensor], *others: Any, **options: Any
    ) -> T:
        with torch.cuda.device_of(arrays[0]), torch.autocast(arrays[0].device.type, enabled=False):
            return run(call, sizes, arrays, *others, **options)

    return run_at_home


@functools.cache
def shared_memory(device: torch.device) -> int:
    """Bytes of shared memory that a program may use."""
    if device.type != "cuda":
        return SHARED
    return int(getattr(torch.cuda.get_device_properties(device), "shared_memory_per_block_optin", 99 << 10))


class Given:
    """The arrays of a call, as the kernels take them."""

    def __init__(self, call: Call, sizes: BatchSizes, arrays: Sequence[Tensor]) -> None:
        self.call, self._arrays = call, arrays
        rows = arrays[0]
        self.x_shape = rows.shape
        self.rows = rows.reshape(-1, rows.shape[-1])
        self.hidden: int = call.hidden_size(arrays)
        self.batch = int(arrays[call.first_state].shape[0])
        self.dtype = str(rows.dtype).removeprefix("torch.")
        self.wide: torch.dtype = getattr(torch, KEPT[self.dtype])
        self.rounds = call.rounds(rows.dtype)
        self.shape: Shape = shape_of(sizes, self.batch, rows.device)
        self.projection: Projection | None = None
        self._folded: dict[str, Tensor] = {}
        if call.has_projection:
            self.projection = Projection(
                call.plan, self.outer("weight_hh"), self.outer("weight_hr"), self.outer("state.h"), self.shape,
                call.reverse, self.wide,
            )  # fmt: skip
            self._folded["weight_hh"] = self.projection.weight()
            self._folded["state.h"] = rows.new_zeros((self.batch, self.hidden))

    def array(self, name: str) -> Tensor:
        """One of the arrays, contiguous, as the kernels see it."""
        return self._folded[name] if name in self._folded else self.outer(name)

    def outer(self, name: str) -> Tensor:
        """One of the arrays, contiguous, as it was given."""
        return contiguous(self._arrays[self.call.place[name]])

    def form(self, slots: tuple[int, ...], **asked: Any) -> Form:
        """The form of a pass."""
        call = self.call
        held = tuple(sorted(call.plan.values.index(name) for name in call.held_at))
        precision = PRECISIONS[call.precision] if self.dtype == "float32" else "ieee"
        return Form(
            call.cell, self.dtype, call.reverse, call.has_bias, call.has_mask, held, slots, precision, **asked
        )

    def driver(self, form: Form) -> Driver:
        """The driver of a pass."""
        return choose_driver(form, self.batch, self.hidden, shared_memory(self.rows.device))

    def named(self) -> dict[str, Tensor]:
        """What both passes read."""
        call, total = self.call, self.shape.sizes.rows
        named = {f"w_{name}": self.array(name) for name in ("weight_hh", *call.cell.parameters)}
        named |= {f"p_{name}": self.array(name) for name in call.cell.parameters}
        if call.has_bias:
            named["bias"] = self.array("bias_hh")
        if call.has_mask:
            named["mask"] = self.array("mask")
        for name, place in call.held_at.items():
            held = contiguous(self._arrays[place].expand(total, self.hidden))
            named[f"held_{call.plan.values.index(name)}"] = held
        return named
