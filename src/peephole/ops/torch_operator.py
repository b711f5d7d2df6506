"""The kernel as two operators of torch, ``peephole::forward`` and ``peephole::backward``.

`torch.compile` and `torch.export` see one for each layer, direction and pass. An operator takes packed rows and batch sizes, or a
padded batch and lengths: were it packed outside, shapes in the graph would depend on the lengths' values. Cells go by name.

A loaded graph needs the operators: ``import peephole.nn``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import Call
from peephole.ops.torch_autograd import Backward, apply
from peephole.ops.torch_launch import engine, is_plain, unpack_saved
from peephole.ops.torch_operands import Operands, check_saved
from peephole.ops.torch_state import in_forward_mode, in_transform

Grads = Sequence[Tensor | None]

# x: packed rows [R, D], or a padded batch [T, N, D]. sizes: batch sizes [T] of the first; lengths [N] of the second, none: all T.
# weights, state, held: in the order of `Call.names`; states in the order of the sequences; held values [R, H] or [T, N, H].
# held_names, save: names with commas between them, since torch.jit.trace takes no list of strings.
_ARGUMENTS = (
    "Tensor x, Tensor? sizes, Tensor[] weights, Tensor[] state, Tensor[] held, Tensor? mask, "
    "str cell, str held_names, str save, bool reverse, bool want_state"
)
_library = torch.library.Library("peephole", "DEF")
# The results of `Call`, padded as x is; with keep, what backward reads besides.
_library.define(f"forward({_ARGUMENTS}, bool keep=False) -> Tensor[]", tags=(torch.Tag.pt2_compliant_tag,))
# saved: rows, values, what was kept. grads: of the results. wanted: of which arrays, in the order of `Call.names`.
_library.define(
    f"backward({_ARGUMENTS}, Tensor[] saved, Tensor?[] grads, bool[] wanted) -> Tensor[]",
    tags=(torch.Tag.pt2_compliant_tag,),
)


def _forward(*args: Any) -> list[Tensor]:
    *shared, keep = args if len(args) == 12 else (*args, False)
    given = Operands(*shared)
    packing = given.packing()
    lead = given.x.shape[:-1]
    arrays = given.packed(packing)
    results, kept = engine(given.call).forward(
        given.call, packing.sizes, arrays, keep=keep, room=math.prod(lead)
    )
    return [*given.unpacked(packing, results), *(() if kept is None else (kept,))]


def _backward(*args: Any) -> list[Tensor]:
    def run(
        call: Call, sizes: BatchSizes, saved: list[Tensor], grads: Grads, wanted: Sequence[bool]
    ) -> list[Tensor]:
        results, kept = unpack_saved(call, saved)
        names = call.gradient_names(wanted)
        found = engine(call).backward(call, sizes, saved[: len(call.names)], results, kept, grads, names)
        return [found[name] for name in names]

    return _backward_by(run, *args)


def _backward_by(run: Callable[..., Sequence[Tensor]], *args: Any) -> list[Tensor]:
    """The backward operator, with `run` for packed rows: what was saved, gradients of the results → those that are wanted."""
    *shared, saved, grads, wanted = args
    given = Operands(*shared)
    call, packing = given.call, given.packing()
    arrays = given.packed(packing)
    check_saved(given, saved, grads, wanted)
    results, kept = unpack_saved(call, [*arrays, *saved])
    states = range(1, 1 + len(call.states))
    stored = [packing.pack(result) for result in results if result is not None]
    if kept is not None:
        stored.append(kept[:, : packing.sizes.rows])
    packed = [
        g if g is None else packing.sort(g) if k in states else packing.pack(g) for k, g in enumerate(grads)
    ]
    found = run(call, packing.sizes, [*arrays, *stored], packed, wanted)
    names = call.gradient_names(wanted)
    return [
        packing.unpack(gradient)
        if name == "rows" or name.startswith("clamp.")
        else packing.unsort(gradient)
        if name.startswith("state.")
        else gradient
        for name, gradient in zip(names, found, strict=True)
    ]


def _fake_forward(*args: Any, keep: bool = False) -> list[Tensor]:
    *shared, keep = args if len(args) == 12 else (*args, keep)
    given = Operands(*shared)
    call, x, lead = given.call, given.x, given.x.shape[:-1]
    states = given.tensors[call.first_state : call.first_held] if call.want_state else []
    other = given.kept_dtype
    kept = (
        [x.new_empty((given.slots, math.prod(lead), given.hidden), dtype=other)]
        if keep and given.slots
        else []
    )
    return [
        x.new_empty((*lead, given.width)),
        *(state.new_empty(state.shape) for state in states),
        *(x.new_empty((*lead, given.hidden), dtype=other) for _ in call.values),
        *kept,
    ]


def _fake_backward(*args: Any) -> list[Tensor]:
    *shared, _saved, _grads, wanted = args
    given = Operands(*shared)
    return [
        tensor.new_empty(tensor.shape) for tensor, want in zip(given.tensors, wanted, strict=True) if want
    ]


class _Traced(Function):
    """The operator's derivative in a graph: the other operator."""

    @staticmethod
    def forward(ctx: Any, given: Operands, shared: tuple[Any, ...], *tensors: Tensor) -> tuple[Tensor, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Run forward, keeping what backward reads."""
        call = given.call
        with _below_autograd():
            found = torch.ops.peephole.forward(*shared, True)
        results = found[: call.results]
        values = results[1 + len(call.states) :]
        ctx.call, ctx.statics = call, shared[6:]
        ctx.set_materialize_grads(False)
        sizes = () if given.sizes is None else (given.sizes,)
        ctx.save_for_backward(*tensors, results[0], *values, *found[call.results :], *sizes)
        ctx.has_sizes = given.sizes is not None
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Run backward."""
        call, wanted = ctx.call, ctx.needs_input_grad[2:]
        if call.has_mask and wanted[-1]:
            raise NotImplementedError("peephole::backward: a recurrent mask has no gradient inside a graph")
        *saved, sizes = ctx.saved_tensors if ctx.has_sizes else (*ctx.saved_tensors, None)
        count = len(call.names)
        arrays = saved[:count]
        found = iter(
            torch.ops.peephole.backward(
                arrays[0],
                sizes,
                arrays[1 : call.first_state],
                arrays[call.first_state : call.first_held],
                arrays[call.first_held : call.first_held + len(call.held)],
                arrays[-1] if call.has_mask else None,
                *ctx.statics,
                saved[count:],
                list(grads),
                list(wanted),
            )
        )
        return (None, None, *(next(found) if want else None for want in wanted))


def _below_autograd() -> Any:
    return torch._C._AutoDispatchBelowAutograd()  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]


def _is_recorded(*tensors: Tensor | None) -> bool:
    recorded = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)
    if (recorded or in_forward_mode()) and in_transform():
        raise NotImplementedError(
            "peephole::forward: torch.func cannot differentiate a program that is already compiled or exported; transform first"
        )
    return recorded or in_forward_mode()


def _forward_with_autograd(*args: Any) -> list[Tensor]:
    *shared, keep = args if len(args) == 12 else (*args, False)
    given = Operands(*shared)
    if keep or not _is_recorded(*given.tensors):
        with _below_autograd():
            return torch.ops.peephole.forward(*shared, keep)
    if not is_plain((*given.tensors, given.sizes)):  # a compiler looks on
        return list(_Traced.apply(given, tuple(shared), *given.tensors))
    packing = given.packing()
    return given.unpacked(packing, apply(given.call, packing.sizes, given.packed(packing)))


def _backward_with_autograd(*args: Any) -> list[Tensor]:
    tensors = [
        t
        for each in args
        for t in (each if isinstance(each, (list, tuple)) else [each])
        if isinstance(t, Tensor)
    ]
    if not _is_recorded(*tensors):
        with _below_autograd():
            return torch.ops.peephole.backward(*args)
    if not is_plain(tensors):
        return list(_TracedBackward.apply(args, *tensors))

    def run(
        call: Call, sizes: BatchSizes, saved: list[Tensor], grads: Grads, wanted: Sequence[bool]
    ) -> Sequence[Tensor]:
        return Backward.apply(call, sizes, tuple(wanted), len(saved), *saved, *grads)

    return _backward_by(run, *args)


class _TracedBackward(Function):
    """The backward operator in a graph that records it."""

    @staticmethod
    def forward(ctx: Any, args: tuple[Any, ...], *tensors: Tensor) -> tuple[Tensor, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Run backward."""
        with _below_autograd():
            return tuple(torch.ops.peephole.backward(*args))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Refuse."""
        raise NotImplementedError(
            "peephole::backward: a graph has no second derivatives; differentiate twice, then compile"
        )


def _register(
    name: str, kernel: Callable[..., Any], fake: Callable[..., Any], autograd: Callable[..., Any]
) -> None:
    for device in ("CPU", "CUDA"):
        _library.impl(name, kernel, device)
    _library.impl(name, autograd, "Autograd")
    torch.library.register_fake(f"peephole::{name}", fake, lib=_library)


_register("forward", _forward, _fake_forward, _forward_with_autograd)
_register("backward", _backward, _fake_backward, _backward_with_autograd)
