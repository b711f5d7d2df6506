"""Derivatives through the reference: what the kernel does not know, which is everything beyond a first derivative in reverse.

They are written with `torch.func`, so that they are right at any order and inside any transform, and can be differentiated again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import Call
from peephole.ops.reference import run_reference
from peephole.ops.request import request_of, results_of
from peephole.ops.torch_state import in_transform

Tensors = tuple[Tensor, ...]


def reference(call: Call, sizes: BatchSizes, arrays: Sequence[Tensor]) -> Tensors:
    """The results of `call` by the reference, in order; rows in the shape in which they are given."""
    x = arrays[0]
    rounds = call.rounds(x.dtype)
    given = [array.float() for array in arrays] if rounds else list(arrays)
    with torch.autocast(x.device.type, enabled=False):  # what is given has its dtypes by now
        rows, *others = results_of(call, run_reference(request_of(call, sizes, given)))
    if rounds:  # as the kernel does: rows and the final h, which is the first state
        rows = rows.to(x.dtype)
        others = [other.to(x.dtype) if k < len(call.states[:1]) else other for k, other in enumerate(others)]
    return (rows.reshape(*x.shape[:-1], rows.shape[-1]), *others)


def derive(function: Callable[..., Tensors], *primals: Any) -> tuple[Tensors, Callable[..., Any]]:
    """`torch.func.vjp`: a function's results, and its derivative in reverse there."""
    results, pull, *_ = torch.func.vjp(function, *primals)
    return results, pull


def pullback(
    call: Call, sizes: BatchSizes, arrays: Sequence[Tensor], grads: Sequence[Tensor | None]
) -> Tensors:
    """Gradients of all arrays, from gradients of the results."""

    def function(*arrays: Tensor) -> Tensors:
        return reference(call, sizes, arrays)

    results, pull = derive(function, *arrays)
    return pull(tuple(torch.zeros_like(r) if g is None else g for r, g in zip(results, grads, strict=True)))


def pushforward(
    function: Callable[..., Tensors], primals: Sequence[Tensor], tangents: Sequence[Tensor | None]
) -> Tensors:
    """Derivatives of a function's results along `tangents`, for the `jvp` of a `torch.autograd.Function`.

    The derivative forwards is that of the derivative in reverse, which is linear in what it is given: `torch.func.jvp` would open
    a second level of forward differentiation, which torch has not.
    """
    level: Any = contextlib.nullcontext()
    if in_transform():
        # Torch calls `jvp` with forward differentiation off, and with tensors that carry their tangents. An outer level needs
        # it on: otherwise derivatives of derivatives would be zero without a word.
        level = forward_ad._set_fwd_grad_enabled(True)  # pyright: ignore[reportPrivateUsage]
    with level:
        if in_transform():
            primals = [forward_ad.unpack_dual(primal).primal for primal in primals]
        results, pull = derive(function, *primals)
        _, push = derive(pull, tuple(torch.zeros_like(result) for result in results))
        given = tuple(torch.zeros_like(p) if t is None else t for p, t in zip(primals, tangents, strict=True))
        return push(given)[0]
