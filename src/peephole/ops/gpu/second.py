"""Second derivatives by the kernels: the first derivative in reverse of a run of the cell's tangent."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from peephole.equations.tangent import MARK, SAME, Tangent
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import Call, call_of
from peephole.ops.precision import KEPT
from peephole.ops.torch_autograd import apply

Tensors = Sequence[Tensor | None]


def can(call: Call) -> bool:
    """Whether `second` knows this kind of call; otherwise the reference does."""
    names = (*call.cell.gates, *call.cell.values, *call.cell.parameters)
    plain = not (call.held or call.has_mask or call.has_projection)
    return plain and not any(name.startswith(MARK) or name == SAME for name in names)


def second(
    call: Call, sizes: BatchSizes, arrays: Sequence[Tensor], asked: Tensors, directions: Tensors
) -> tuple[list[Tensor | None], list[Tensor]]:
    """The gradient of Σ ⟨direction, gradient⟩, where the gradients of the arrays are those of Σ ⟨asked, result⟩.

    Args:
        call: the call.
        sizes: its batch sizes.
        arrays: its arrays.
        asked: gradients of its results, as the first derivative was given them.
        directions: what is asked of each array's gradient; None: nothing.

    Returns:
        Gradients of the arrays; and of what was asked, one for each result.
    """
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # Not the arrays themselves: what is asked, and the directions, may have come from them by other ways.
        given = [array.view_as(array) if again else array.detach() for array in arrays]
        leaves = [array if array.requires_grad else array.requires_grad_() for array in given]
        changes = [
            torch.zeros_like(array) if change is None else change.to(array.dtype)
            for array, change in zip(given, directions, strict=True)
        ]
        moved = _changes(call, sizes, leaves, changes)
        total = sum(
            (ask.to(move.dtype) * move).sum()
            for ask, move in zip(asked, moved, strict=True)
            if ask is not None
        )
        if isinstance(total, int):
            return [None] * len(given), [move.detach() for move in moved]
        found = torch.autograd.grad(total, leaves, create_graph=again, allow_unused=True)
    return list(found), moved if again else [move.detach() for move in moved]


def _changes(
    call: Call, sizes: BatchSizes, arrays: Sequence[Tensor], changes: Sequence[Tensor]
) -> list[Tensor]:
    """How the results of `call` change along `changes` of its arrays: J u."""
    tangent = Tangent(call.cell)
    value, change = (dict(zip(call.names, given, strict=True)) for given in (arrays, changes))
    wide = getattr(torch, KEPT[str(arrays[0].dtype).removeprefix("torch.")])
    save = tuple(MARK + name for name in ("h", *call.values))
    run = call_of(
        tangent,
        call.has_bias,
        False,
        False,
        (),
        save,
        call.reverse,
        call.want_state,
        call.precision,
        call.engine,
    )
    weight = value["weight_ih"]
    inner: dict[str, Tensor] = {
        "rows": torch.cat([value["rows"], change["rows"]], -1),
        "weight_ih": torch.cat(
            [torch.cat([weight, torch.zeros_like(weight)], 1), torch.cat([change["weight_ih"], weight], 1)]
        ),
        SAME: value["weight_hh"],
    }
    for name in ("weight_hh", "bias_ih", "bias_hh"):
        if name in value:
            inner[name] = torch.cat([value[name], change[name]])
    for name in call.cell.parameters:
        inner |= {name: value[name], MARK + name: change[name]}
    for name in call.cell.states:
        inner[f"state.{name}"] = value[f"state.{name}"]
        # h alone is kept in the dtype of rows; its change is a state like others.
        inner[f"state.{MARK}{name}"] = change[f"state.{name}"].to(wide)
    results = apply(run, sizes, [inner[name] for name in run.names])
    rows = results[run.where(f"{MARK}h")]
    rows = rows.reshape(*value["rows"].shape[:-1], rows.shape[-1])
    states = [results[1 + run.states.index(MARK + name)] for name in call.states]
    return [rows, *states, *(results[run.where(MARK + name)] for name in call.values)]
