"""The compiled backend as torch differentiates it.

The kernel knows a first derivative in reverse. `Forward` and `Backward` give it to `torch.func` and forward differentiation too,
with a rule for `vmap`; all other derivatives are the reference's. `EagerForward` is `Forward` for plain calls, which torch makes
in half the time: without `setup_context` it neither binds arguments by name nor looks for transforms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from peephole.errors import ShapeError
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import Call
from peephole.ops.torch_derivatives import (
    Tensors,
    derive,
    pullback,
    pushforward,
    reference,
)
from peephole.ops.torch_launch import is_plain, launch_backward, launch_forward
from peephole.ops.torch_state import in_forward_mode, in_transform
from peephole.ops.torch_vmap import vmap_backward, vmap_forward

Gradients = Sequence[Tensor | None]


def apply(call: Call, sizes: BatchSizes, arrays: list[Tensor]) -> list[Tensor]:
    """The results of `call`, differentiable where the arrays are."""
    for k in range(call.first_held, call.first_held + len(call.held)):
        arrays[k] = arrays[k].expand(sizes.rows, call.hidden_size(arrays))  # and torch sums their gradients
    if in_transform() or in_forward_mode():
        return list(Forward.apply(call, sizes, *arrays)[: call.results])
    if torch.is_grad_enabled() and any(array.requires_grad for array in arrays):
        return list(EagerForward.apply(call, sizes, *arrays))
    return launch_forward(call, sizes, arrays, keep=False)[0]


def has_second(call: Call) -> bool:
    """Whether kernels know second derivatives of a call."""
    if call.engine != "triton":
        return False
    from peephole.ops.gpu import second

    return second.can(call)


def _save(
    ctx: Any,
    call: Call,
    sizes: BatchSizes,
    arrays: Sequence[Tensor],
    results: Sequence[Tensor],
    kept: Tensor | None,
) -> None:
    """Keep the arrays, and what the kernel's backward pass reads besides: rows, values, and what was kept."""
    values = results[1 + len(call.states) :]
    saved = (*arrays, results[0], *values, *(() if kept is None else (kept,)))
    ctx.call, ctx.sizes = call, sizes
    ctx.shapes, ctx.dtypes = [tensor.shape for tensor in saved], [tensor.dtype for tensor in saved]
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*saved)


def _backward(ctx: Any, grads: Gradients) -> tuple[Any, ...]:
    """Gradients of `call`, `sizes` and the arrays."""
    call, sizes, saved = ctx.call, ctx.sizes, ctx.saved_tensors
    if [tensor.shape for tensor in saved] != ctx.shapes or [tensor.dtype for tensor in saved] != ctx.dtypes:
        raise ShapeError(
            f"{type(call.cell).__name__}: tensors saved for the backward pass must come back as they were; "
            "got another shape or dtype from a saved-tensors hook"
        )
    wanted = ctx.needs_input_grad[2:]
    arrays = saved[: len(call.names)]
    if call.has_mask and wanted[-1]:  # the kernel has no gradient of the mask
        found = pullback(call, sizes, arrays, grads)
        return (
            None,
            None,
            *(gradient if want else None for gradient, want in zip(found, wanted, strict=True)),
        )
    if torch.is_grad_enabled() or in_transform() or in_forward_mode():
        found = iter(Backward.apply(call, sizes, wanted, len(saved), *saved, *grads))
    else:
        found = iter(launch_backward(call, sizes, saved, grads, wanted))
    return (None, None, *(next(found) if want else None for want in wanted))


class EagerForward(Function):
    """`call` of plain tensors. Arguments: the call, batch sizes, arrays. Returns the results."""

    @staticmethod
    def forward(ctx: Any, call: Call, sizes: BatchSizes, *arrays: Tensor) -> Tensors:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Run the kernel."""
        results, kept = launch_forward(call, sizes, arrays, keep=True)
        _save(ctx, call, sizes, arrays, results, kept)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Run the kernel's backward pass."""
        return _backward(ctx, grads)


class Forward(Function):
    """`call` of tensors in any transform. Arguments: the call, batch sizes, arrays. Returns the results, and what was kept."""

    @staticmethod
    def forward(call: Call, sizes: BatchSizes, *arrays: Tensor) -> Tensors:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Run the kernel."""
        results, kept = launch_forward(call, sizes, arrays, keep=True)
        return (*results, *(() if kept is None else (kept,)))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensors) -> None:
        """Keep what derivatives need."""
        call, sizes, *arrays = inputs
        kept = output[call.results] if len(output) > call.results else None
        if kept is not None:
            ctx.mark_non_differentiable(kept)
        _save(ctx, call, sizes, arrays, output[: call.results], kept)
        ctx.save_for_forward(*arrays)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Run the kernel's backward pass."""
        return _backward(ctx, grads[: ctx.call.results])

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Through the reference."""
        call, sizes = ctx.call, ctx.sizes

        def function(*arrays: Tensor) -> Tensors:
            return reference(call, sizes, arrays)

        arrays = ctx.saved_tensors[: len(call.names)]
        found = pushforward(function, arrays, tangents[2:])
        return (*found, *((None,) if call.kept_slots(call.rounds(arrays[0].dtype)) else ()))

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], call: Call, sizes: BatchSizes, *arrays: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """As one larger batch, where the weights are shared."""
        return vmap_forward(Forward.apply, info.batch_size, in_dims[2:], call, sizes, arrays)


class Backward(Function):
    """First derivatives, which can be differentiated.

    Arguments: the call, batch sizes, which arrays' gradients are wanted, how many tensors were saved, those (arrays, rows,
    values, what was kept), and gradients of the results. Returns the wanted gradients.
    """

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        call: Call, sizes: BatchSizes, wanted: tuple[bool, ...], count: int, *tensors: Tensor
    ) -> Tensors:
        """Run the kernel's backward pass."""
        return tuple(launch_backward(call, sizes, tensors[:count], tensors[count:], wanted))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensors) -> None:
        """Keep what derivatives need: what the kernel stored follows from the arrays."""
        call, sizes, wanted, count, *tensors = inputs
        ctx.call, ctx.sizes, ctx.wanted, ctx.count = call, sizes, wanted, count
        kept = (*tensors[: len(call.names)], *tensors[count:])
        ctx.save_for_backward(*kept)
        ctx.save_for_forward(*kept)

    @staticmethod
    def _split(ctx: Any) -> tuple[Any, list[Tensor], list[int]]:
        """The derivative as a function, the tensors it takes, and where they stand among the arguments."""
        call, sizes, wanted = ctx.call, ctx.sizes, ctx.wanted
        saved = ctx.saved_tensors
        present = [k for k, tensor in enumerate(saved) if tensor is not None]
        skipped = ctx.count - len(call.names)
        places = [4 + (k if k < len(call.names) else k + skipped) for k in present]

        def function(*given: Tensor) -> Tensors:
            tensors: list[Any] = [None] * len(saved)
            for k, tensor in zip(present, given, strict=True):
                tensors[k] = tensor
            found = pullback(call, sizes, tensors[: len(call.names)], tensors[len(call.names) :])
            return tuple(gradient for gradient, want in zip(found, wanted, strict=True) if want)

        return function, [saved[k] for k in present], places

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """By the kernels where they can, or through the reference."""
        out: list[Tensor | None] = [None] * len(ctx.needs_input_grad)
        call, count = ctx.call, len(ctx.call.names)
        if (
            not (in_transform() or in_forward_mode())
            and is_plain((*ctx.saved_tensors, *grads))
            and has_second(call)
        ):
            from peephole.ops.gpu.second import second

            of_wanted = iter(grads)
            directions = [next(of_wanted) if want else None for want in ctx.wanted]
            arrays, asked = ctx.saved_tensors[:count], ctx.saved_tensors[count:]
            of_arrays, of_asked = second(call, ctx.sizes, arrays, asked, directions)
            out[4 : 4 + count] = of_arrays
            for k, (ask, found) in enumerate(zip(asked, of_asked, strict=True)):
                out[4 + ctx.count + k] = None if ask is None else found.to(ask.dtype)
            return tuple(out)
        function, tensors, places = Backward._split(ctx)
        _, pull = derive(function, *tensors)
        for place, gradient in zip(places, pull(grads), strict=True):
            out[place] = gradient
        return tuple(out)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensors:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Through the reference."""
        function, tensors, places = Backward._split(ctx)
        return pushforward(function, tensors, [tangents[place] for place in places])

    @staticmethod
    def vmap(  # pyright: ignore[reportIncompatibleMethodOverride]
        info: Any,
        in_dims: tuple[Any, ...],
        call: Call,
        sizes: BatchSizes,
        wanted: tuple[bool, ...],
        count: int,
        *tensors: Tensor,
    ) -> Any:
        """As one larger batch where no weights' gradients are wanted; otherwise one after the other."""
        return vmap_backward(
            Backward.apply, info.batch_size, in_dims[4:], call, sizes, wanted, count, tensors
        )
