"""The Triton backend: `forward` and `backward` as `compiled` has them, for tensors on a GPU.

Products of the input, and of everything with the gradients of lanes, are taken for all steps at once by torch. What is in between
is one of the drivers of `rule`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import Call
from peephole.ops.gpu import forward_text
from peephole.ops.gpu.backward_pass import backward as backward
from peephole.ops.gpu.given import Given, at_home
from peephole.ops.gpu.gradients import product
from peephole.ops.gpu.launch import launch

ALIGNED = 16  # bytes; what torch.compile expects of results


@at_home
def forward(
    call: Call, sizes: BatchSizes, arrays: Sequence[Tensor], *, keep: bool = False, room: int | None = None
) -> tuple[list[Tensor], Tensor | None]:
    """As `compiled.forward`."""
    given = Given(call, sizes, arrays)
    x, hidden, total = given.rows, given.hidden, sizes.rows
    values = [x.new_empty((total, hidden), dtype=given.wide) for _ in call.values]
    count = len(call.kept_slots(given.rounds)) if keep else 0
    kept = x.new_empty((count, total if room is None else room, hidden), dtype=given.wide) if count else None
    slots = dict(zip(call.value_slots, values, strict=True))
    if kept is not None:
        slots |= {slot: kept[k] for k, slot in enumerate(call.kept_slots(given.rounds))}
    form = given.form(tuple(sorted(slots)))
    named = given.named() | {f"slot_{slot}": tensor for slot, tensor in slots.items()}
    for name in call.cell.states:
        named[f"state_{name}"] = given.array(f"state.{name}").clone(memory_format=torch.contiguous_format)
    for name in forward_text.histories(form):
        named[f"history_{name}"] = _history(named[f"state_{name}"], total)
    if total:
        bias = given.array("bias_ih") if call.has_bias else None
        named["x"] = product(x, given.array("weight_ih"), bias, given.wide)
        if given.projection is not None:
            given.projection.enter(named["x"])
        launch(form, "forward", given.driver(form), given.shape, hidden, named)
    rows = named["history_h"][given.batch :]
    if given.projection is not None:
        rows, named["state_h"] = given.projection.leave(rows)
    rows = rows.reshape(*arrays[0].shape[:-1], rows.shape[-1])
    return [rows, *(named[f"state_{name}"] for name in call.states), *values], kept


def _history(state: Tensor, total: int) -> Tensor:
    """`[N + R, H]` initial states, and room behind them: rows are given out, so they begin where any tensor might."""
    count = len(state) + total
    before = -state.numel() % (ALIGNED // state.element_size())
    found = state.new_empty(before + count * state.shape[1])[before:].view(count, state.shape[1])
    found[: len(state)] = state
    return found
