"""Calling the kernel with tensors: directly, or as an operator where somebody wants to see it.

The operator costs a way through torch's dispatcher, which a plain call saves. It is needed where a tensor is not one (a fake one,
or a subclass with a dispatch of its own), and where a mode records what is called.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from peephole.ops import compiled
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import Call
from peephole.ops.cell_names import join, name_of

_PLAIN = frozenset((Tensor, Parameter, type(None)))


def is_plain(tensors: Sequence[Tensor | None]) -> bool:
    """Whether nothing stands between these tensors and their memory, and nobody looks on."""
    if torch._C._len_torch_dispatch_stack() > 0:  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
        return False
    kinds = set(map(type, tensors))
    if kinds <= _PLAIN:
        return True
    direct: object = torch._C._disabled_torch_dispatch_impl  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    return all(getattr(kind, "__torch_dispatch__", None) is direct for kind in kinds - _PLAIN)


def engine(call: Call) -> Any:
    """The module whose `forward` and `backward` run a call."""
    return compiled if call.engine == "compiled" else _gpu()


@functools.cache
def _gpu() -> Any:
    from peephole.ops.gpu import backend

    return backend


def launch_forward(
    call: Call, sizes: BatchSizes, arrays: Sequence[Tensor], *, keep: bool
) -> tuple[list[Tensor], Tensor | None]:
    """As `compiled.forward`."""
    if is_plain(arrays):
        return engine(call).forward(call, sizes, arrays, keep=keep)
    with torch._C._AutoDispatchBelowAutograd():  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
        rows, *found = torch.ops.peephole.forward(*_arguments(call, sizes, arrays), keep)
    results = [rows.reshape(*arrays[0].shape[:-1], rows.shape[-1]), *found]
    return results[: call.results], results[call.results] if len(results) > call.results else None


def launch_backward(
    call: Call,
    sizes: BatchSizes,
    saved: Sequence[Tensor],
    grads: Sequence[Tensor | None],
    wanted: Sequence[bool],
) -> list[Tensor]:
    """As `compiled.backward`, of what was saved (arrays, rows, values, what was kept): the wanted gradients, in order."""
    count = len(call.names)
    if is_plain(saved) and is_plain(grads):
        results, kept = unpack_saved(call, saved)
        names = call.gradient_names(wanted)
        found = engine(call).backward(call, sizes, saved[:count], results, kept, grads, names)
        return [found[name] for name in names]
    rows, *others = saved[count:]
    d_rows, *d_others = grads
    with torch._C._AutoDispatchBelowAutograd():  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
        out = torch.ops.peephole.backward(
            *_arguments(call, sizes, saved[:count]),
            [_flat(rows), *others],
            [None if d_rows is None else _flat(d_rows), *d_others],
            list(wanted),
        )
    return [out[0].reshape(saved[0].shape), *out[1:]] if wanted[0] else out


def unpack_saved(call: Call, saved: Sequence[Tensor]) -> tuple[list[Tensor | None], Tensor | None]:
    """The results and what was kept, from what was saved; final states were not."""
    rows, *rest = saved[len(call.names) :]
    values, kept = rest[: len(call.values)], rest[len(call.values) :]
    return [rows, *(None for _ in call.states), *values], kept[0] if kept else None


def _arguments(call: Call, sizes: BatchSizes, arrays: Sequence[Tensor]) -> tuple[object, ...]:
    """What the operators take first."""
    return (
        _flat(arrays[0]),
        torch.from_numpy(sizes.array.copy()),
        list(arrays[1 : call.first_state]),
        list(arrays[call.first_state : call.first_held]),
        list(arrays[call.first_held : call.first_held + len(call.held)]),
        arrays[-1] if call.has_mask else None,
        name_of(call.cell),
        join(call.held),
        join(call.save),
        call.reverse,
        call.want_state,
    )


def _flat(rows: Tensor) -> Tensor:
    return rows.reshape(-1, rows.shape[-1])
