"""Launching a driver's kernels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from peephole.ops.gpu import backward_text, forward_text
from peephole.ops.gpu.form import Form
from peephole.ops.gpu.module import kernels
from peephole.ops.gpu.rule import Driver
from peephole.ops.gpu.shape import Shape
from peephole.ops.gpu.steps import run_steps


def launch(
    form: Form, direction: str, driver: Driver, shape: Shape, hidden: int, named: dict[str, Tensor]
) -> None:
    """Run a pass.

    Args:
        form: its form.
        direction: ``forward`` or ``backward``.
        driver: how to run it.
        shape: batch sizes on the device.
        hidden: H.
        named: name → tensor, contiguous, of all that `forward_text.pointers` or `backward_text.pointers` names but batch sizes.
    """
    writer: Any = forward_text if direction == "forward" else backward_text
    given = {**named, "offsets": shape.offsets, "lengths": shape.lengths}
    arguments = [given[name] for name in writer.pointers(form)]
    if driver.name != "on_chip":
        like = arguments[-1].new_empty((), dtype=getattr(torch, form.accumulated))
        arguments += [like.new_empty((shape.batch, hidden)) for _ in writer.scratch(form)]
    found = kernels(form, direction, driver.name)
    if driver.name == "steps":
        run_steps(found, arguments, driver, shape, hidden, once_more=direction == "backward")
        return
    tiles = -(-shape.batch // driver.rows)
    sizes = {"BN": driver.rows, "BH": driver.units, "num_warps": driver.warps, "num_stages": driver.stages}
    if driver.name == "tiled":
        sizes["BK"] = driver.depth
    found[0][(tiles,)](*arguments, shape.batch, shape.sizes.steps, hidden, **sizes)
