"""The Triton backend: `forward` and `backward` as `compiled` has them, for tensors on a GPU.

Products of the input, and of everything with the gradients of lanes, are taken for all steps at once by torch. What is in between
is one of the drivers of `rule`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from peephole.equations.lanes import Product
from peephole.ops.arrays import where_known
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import Call
from peephole.ops.gpu import backward_text, forward_text
from peephole.ops.gpu.form import ACCUMULATED, PRECISIONS, Form
from peephole.ops.gpu.gradients import of_bias, of_matrix, of_source, product
from peephole.ops.gpu.launch import launch
from peephole.ops.gpu.projection import Projection
from peephole.ops.gpu.projection import names as projection_names
from peephole.ops.gpu.rule import SHARED, Driver, choose_driver
from peephole.ops.gpu.shape import Shape, shape_of
from peephole.ops.memory import contiguous

ALIGNED = 16  # bytes; what torch.compile expects of results
T = TypeVar("T")


def _at_home(run: Callable[..., T]) -> Callable[..., T]:
    """Run a pass on its tensors' device, since Triton launches on the current one, and without autocast, which had its way."""

    @functools.wraps(run)
    def at_home(call: Call, sizes: BatchSizes, arrays: Sequence[Tensor], *others: Any, **options: Any) -> T:
        with torch.cuda.device_of(arrays[0]), torch.autocast(arrays[0].device.type, enabled=False):
            return run(call, sizes, arrays, *others, **options)

    return at_home


@_at_home
def forward(
    call: Call, sizes: BatchSizes, arrays: Sequence[Tensor], *, keep: bool = False, room: int | None = None
) -> tuple[list[Tensor], Tensor | None]:
    """As `compiled.forward`."""
    given = _Given(call, sizes, arrays)
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


@_at_home
def backward(
    call: Call,
    sizes: BatchSizes,
    arrays: Sequence[Tensor],
    results: Sequence[Tensor | None],
    kept: Tensor | None,
    grads: Sequence[Tensor | None],
    wanted: Iterable[str],
) -> dict[str, Tensor]:
    """As `compiled.backward`."""
    given, asked_for = _Given(call, sizes, arrays), list(wanted)
    wanted = asked_for if given.projection is None else projection_names(asked_for)
    d_rows = None if grads[0] is None else contiguous(grads[0].reshape(sizes.rows, -1))
    d_final = grads[1 + call.cell.states.index("h")] if call.want_state else None
    plan, hidden, total, x = call.plan, given.hidden, sizes.rows, given.rows
    slots: dict[int, Tensor] = {}
    if given.projection is None:
        slots[call.home] = contiguous(_some(results[0]).reshape(total, hidden))
    values = results[1 + len(call.states) :]
    slots |= {slot: contiguous(_some(value)) for slot, value in zip(call.value_slots, values, strict=True)}
    if kept is not None:
        stored = contiguous(kept)  # a transform or a hook may have laid it out anew
        slots |= {slot: stored[k, :total] for k, slot in enumerate(call.kept_slots(given.rounds))}
    rows = slots[call.home].to(x.dtype)
    d_projected: Tensor | None = None
    if given.projection is not None:
        d_projected = given.projection.pull(d_rows, d_final)
        d_rows = None if d_projected is None else d_projected @ given.outer("weight_hr")
    asked = {
        plan.values.index(name): contiguous(grad)
        for name, grad in zip(call.values, grads[1 + len(call.states) :], strict=True)
        if grad is not None
    }
    held = {name: f"value.{plan.alias[name[6:]]}" for name in wanted if name.startswith("clamp.")}
    out_values = dict.fromkeys(
        held.get(name, name) for name in wanted if name.startswith(("clamp.", "value."))
    )
    numbers = {name: plan.values.index(name.removeprefix("value.")) for name in out_values}
    form = given.form(
        tuple(sorted(slots)),
        asked=tuple(sorted(asked)),
        wanted=tuple(sorted(numbers.values())),
        asked_rows=d_rows is not None,
        parameters=any(given.call.cell.parameters.get(name) is not None for name in wanted),
    )
    history = {
        name: torch.cat([given.array(f"state.{name}"), _state_rows(plan, slots, name, rows, total, hidden)])
        for name in dict.fromkeys((*backward_text.histories(form), *form.remembered))
    }
    driver = given.driver(form)
    d_lanes = x.new_empty((total, len(plan.lanes), hidden))
    named = given.named() | {f"slot_{slot}": tensor for slot, tensor in slots.items()}
    named |= {f"history_{name}": tensor for name, tensor in history.items()}
    named |= {f"d_value_{k}": grad for k, grad in asked.items()}
    named |= {f"d_state_{name}": _final(grads, call, k, given) for k, name in enumerate(call.cell.states)}
    named |= {
        f"operand_{k}": x.new_empty((total, hidden), dtype=given.wide) for k in range(len(plan.operands))
    }
    named |= {f"d_value_out_{k}": x.new_empty((total, hidden), dtype=given.wide) for k in form.wanted}
    tiles = -(-given.batch // driver.rows)
    named["d_vectors"] = x.new_zeros((tiles, len(plan.vectors), hidden), dtype=given.wide)
    named["d_lanes"] = d_lanes
    if d_rows is not None:
        named["d_rows"] = d_rows
    if total:
        launch(form, "backward", driver, given.shape, hidden, named)

    def source(p: Product) -> Tensor:
        """`[R, H]` or `[R, D]`: what a product multiplied at each row."""
        of = plan.sources[p.source]
        if of.kind == "input":
            return x
        if of.kind == "operand":
            found = named[f"operand_{of.index}"].to(x.dtype)
        else:
            found = history[call.cell.states[of.index]][given.shape.past[call.reverse]].to(x.dtype)
        return found * given.array("mask")[given.shape.sequence] if form.is_masked(p) else found

    out: dict[str, Tensor] = {}
    for name in wanted:
        if name == "rows":
            products = [p for p in plan.products if p.array == "weight_ih"]
            out[name] = of_source(d_lanes, products, given.array("weight_ih")).reshape(arrays[0].shape)
        elif name in ("bias_ih", "bias_hh"):
            out[name] = torch.zeros_like(given.array(name))
            of_bias(d_lanes, [p for p in plan.products if p.array == f"weight_{name[-2:]}"], out[name])
        elif name.startswith("state."):
            out[name] = named[f"d_{name.replace('.', '_')}"].to(given.array(name).dtype)
        elif name in out_values:
            out[name] = named[f"d_value_out_{numbers[name]}"]
        elif name in held:
            gradient = named[f"d_value_out_{numbers[held[name]]}"]
            out[name] = where_known(given.array(name).expand(total, hidden), gradient)
        else:
            out[name] = torch.zeros_like(given.array(name), memory_format=torch.contiguous_format)
            of_matrix(d_lanes, [p for p in plan.products if p.array == name], source, out[name])
    _vectors(form, named["d_vectors"], out, hidden)
    if given.projection is not None:
        if "state.h" in asked_for:
            out["state.h"] = given.projection.of_initial(d_lanes, d_final)
        if "weight_hh" in out:
            out["weight_hh"], out["weight_hr"] = given.projection.of_weights(
                d_lanes, out["weight_hh"], d_projected, rows
            )
    return {name: out[name] for name in asked_for}


def _history(state: Tensor, total: int) -> Tensor:
    """`[N + R, H]` initial states, and room behind them: rows are given out, so they begin where any tensor might."""
    count = len(state) + total
    before = -state.numel() % (ALIGNED // state.element_size())
    found = state.new_empty(before + count * state.shape[1])[before:].view(count, -1)
    found[: len(state)] = state
    return found


def _state_rows(
    plan: Any, slots: dict[int, Tensor], name: str, rows: Tensor, total: int, hidden: int
) -> Tensor:
    """`[R, H]` a state after each row; of h what was given out, rounded as it was."""
    return rows.reshape(total, hidden) if name == "h" else slots[plan.slot_of_state(name)]


def _final(grads: Sequence[Tensor | None], call: Call, k: int, given: _Given) -> Tensor:
    """A fresh tensor `[N, H]` of what the loss asks of a final state."""
    grad = grads[1 + k] if call.want_state else None
    if grad is None or (call.has_projection and call.cell.states[k] == "h"):
        return given.rows.new_zeros((given.batch, given.hidden), dtype=given.wide)
    return grad.to(given.wide, copy=True, memory_format=torch.contiguous_format)


def _vectors(form: Form, sums: Tensor, out: dict[str, Tensor], hidden: int) -> None:
    """Write the gradients of parameters per unit, tiles of sequences summed in order."""
    for k in range(len(form.plan.vectors)):
        name, part = form.vector(k)
        if name in out:
            out[name].view(-1, hidden)[part] = sums[:, k].sum(0).to(out[name].dtype)


def _some(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return tensor


@functools.cache
def shared_memory(device: torch.device) -> int:
    """Bytes of shared memory that a program may use."""
    if device.type != "cuda":
        return SHARED
    return int(getattr(torch.cuda.get_device_properties(device), "shared_memory_per_block_optin", 99 << 10))


class _Given:
    """The arrays of a call, as the kernels take them."""

    def __init__(self, call: Call, sizes: BatchSizes, arrays: Sequence[Tensor]) -> None:
        self.call, self._arrays = call, arrays
        rows = arrays[0]
        self.rows = rows.reshape(-1, rows.shape[-1])
        self.hidden: int = call.hidden_size(arrays)
        self.batch = int(arrays[call.first_state].shape[0])
        self.dtype = str(rows.dtype).removeprefix("torch.")
        self.wide: torch.dtype = getattr(torch, ACCUMULATED[self.dtype])
        self.rounds = self.wide != rows.dtype
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
