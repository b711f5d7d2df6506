"""The backward pass on a GPU: what the kernels are given, and the gradients that follow from those of lanes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from peephole.equations.lanes import Product
from peephole.ops.arrays import where_known
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import Call
from peephole.ops.gpu import backward_text
from peephole.ops.gpu.form import Form
from peephole.ops.gpu.given import Given, at_home
from peephole.ops.gpu.gradients import of_bias, of_matrix, of_source
from peephole.ops.gpu.launch import launch
from peephole.ops.gpu.projection import names as projection_names
from peephole.ops.memory import contiguous


@at_home
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
    given, wanted = Given(call, sizes, arrays), list(wanted)
    slots = _stored(given, results, kept)
    d_rows = None if grads[0] is None else contiguous(grads[0].reshape(sizes.rows, grads[0].shape[-1]))
    d_final = grads[1 + call.cell.states.index("h")] if call.want_state else None
    if given.projection is None:
        found = _Pass(given, slots, d_rows, grads, wanted)
        return {name: found.gradient(name) for name in wanted}
    d_projected = given.projection.pull(d_rows, d_final)
    d_hidden = None if d_projected is None else d_projected @ given.outer("weight_hr")
    found = _Pass(given, slots, d_hidden, grads, projection_names(wanted))
    out = {name: found.gradient(name) for name in projection_names(wanted)}
    if "state.h" in wanted:
        out["state.h"] = given.projection.of_initial(found.d_lanes, d_final)
    if "weight_hh" in out:
        out["weight_hh"], out["weight_hr"] = given.projection.of_weights(
            found.d_lanes, out["weight_hh"], d_projected, found.rows
        )
    return {name: out[name] for name in wanted}


def _stored(given: Given, results: Sequence[Tensor | None], kept: Tensor | None) -> dict[int, Tensor]:
    """Slot → what the forward pass stored of it, `[R, H]`."""
    call, total = given.call, given.shape.sizes.rows
    slots: dict[int, Tensor] = {}
    if given.projection is None:
        slots[call.home] = contiguous(_some(results[0]).reshape(total, given.hidden))
    values = results[1 + len(call.states) :]
    slots |= {slot: contiguous(_some(value)) for slot, value in zip(call.value_slots, values, strict=True)}
    if kept is not None:
        stored = contiguous(kept)  # a transform or a hook may have laid it out anew
        slots |= {slot: stored[k, :total] for k, slot in enumerate(call.kept_slots(given.rounds))}
    return slots


def _some(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return tensor


class _Pass:
    """One launch of a backward driver, and what follows from it.

    Args:
        given: the arrays.
        slots: slot → `[R, H]`.
        d_rows: what is asked of h of every row `[R, H]`; None: nothing.
        grads: gradients of the call's results; the first is not read.
        wanted: names of gradients, as `gradient` takes them.
    """

    def __init__(
        self,
        given: Given,
        slots: dict[int, Tensor],
        d_rows: Tensor | None,
        grads: Sequence[Tensor | None],
        wanted: Sequence[str],
    ) -> None:
        call, hidden, x, total = given.call, given.hidden, given.rows, given.shape.sizes.rows
        plan = call.plan
        self._given, self._plan = given, plan
        asked = {
            plan.values.index(name): contiguous(grad)
            for name, grad in zip(call.values, grads[1 + len(call.states) :], strict=True)
            if grad is not None
        }
        whole = {self._value(name) for name in wanted if name.startswith(("clamp.", "value."))}
        self.form: Form = given.form(
            tuple(sorted(slots)),
            asked=tuple(sorted(asked)),
            wanted=tuple(sorted(whole)),
            asked_rows=d_rows is not None,
            parameters=any(name in call.cell.parameters for name in wanted),
        )
        self.rows = slots[call.home].to(x.dtype)  # of h what was given out, rounded as it was
        self._history = {
            name: torch.cat(
                [given.array(f"state.{name}"), self.rows if name == "h" else slots[plan.slot_of_state(name)]]
            )
            for name in dict.fromkeys((*backward_text.histories(self.form), *self.form.remembered))
        }
        driver = given.driver(self.form)
        tiles = -(-given.batch // driver.rows)
        self.d_lanes = x.new_empty((total, len(plan.lanes), hidden))
        self._named = {
            **given.named(),
            **{f"slot_{slot}": tensor for slot, tensor in slots.items()},
            **{f"history_{name}": tensor for name, tensor in self._history.items()},
            **{f"d_value_{k}": grad for k, grad in asked.items()},
            **{f"d_state_{name}": self._final(k, grads) for k, name in enumerate(call.cell.states)},
            **{f"operand_{k}": self._room() for k in range(len(plan.operands))},
            **{f"d_value_out_{k}": self._room() for k in self.form.wanted},
            "d_vectors": x.new_zeros((tiles, len(plan.vectors), hidden), dtype=given.wide),
            "d_lanes": self.d_lanes,
        }
        if d_rows is not None:
            self._named["d_rows"] = d_rows
        if total:
            launch(self.form, "backward", driver, given.shape, hidden, self._named)

    def _room(self) -> Tensor:
        given = self._given
        return given.rows.new_empty((given.shape.sizes.rows, given.hidden), dtype=given.wide)

    def _value(self, name: str) -> int:
        """Which value ``value.NAME`` or ``clamp.NAME`` is of."""
        kind, value = name.split(".", 1)
        return self._plan.values.index(self._plan.alias[value] if kind == "clamp" else value)

    def _final(self, k: int, grads: Sequence[Tensor | None]) -> Tensor:
        """A fresh tensor `[N, H]` of what the loss asks of a final state; of a projected h that is asked of rows."""
        given, call = self._given, self._given.call
        grad = grads[1 + k] if call.want_state else None
        if grad is None or (call.has_projection and call.cell.states[k] == "h"):
            return given.rows.new_zeros((given.batch, given.hidden), dtype=given.wide)
        return grad.to(given.wide, copy=True, memory_format=torch.contiguous_format)

    def gradient(self, name: str) -> Tensor:
        """The gradient of ``rows``, of weights, of ``state.NAME``, ``clamp.NAME`` or ``value.NAME``."""
        given, plan = self._given, self._plan
        if name == "rows":
            products = [p for p in plan.products if p.array == "weight_ih"]
            return of_source(self.d_lanes, products, given.array("weight_ih")).reshape(given.x_shape)
        if name.startswith("state."):
            return self._named[f"d_{name.replace('.', '_')}"].to(given.array(name).dtype)
        if name.startswith("value."):
            return self._named[f"d_value_out_{self._value(name)}"]
        if name.startswith("clamp."):
            held = given.array(name).expand(given.shape.sizes.rows, given.hidden)
            return where_known(held, self._named[f"d_value_out_{self._value(name)}"])
        out = torch.zeros_like(given.array(name), memory_format=torch.contiguous_format)
        if name.startswith("bias_"):
            of_bias(self.d_lanes, [p for p in plan.products if p.array == f"weight_{name[-2:]}"], out)
        else:
            of_matrix(self.d_lanes, [p for p in plan.products if p.array == name], self._source, out)
            self._add_vectors(name, out)
        return out

    def _source(self, p: Product) -> Tensor:
        """`[R, H]` or `[R, D]`: what a product multiplied at each row."""
        given, of = self._given, self._plan.sources[p.source]
        if of.kind == "input":
            return given.rows
        if of.kind == "operand":
            found = self._named[f"operand_{of.index}"]
        else:
            past = given.shape.past_in_reverse if given.call.reverse else given.shape.past
            found = self._history[given.call.cell.states[of.index]][past]
        found = found.to(given.rows.dtype)
        return found * given.array("mask")[given.shape.sequence] if self.form.is_masked(p) else found

    def _add_vectors(self, name: str, out: Tensor) -> None:
        """Write the gradients of a parameter per unit, tiles of sequences summed in order."""
        for k in range(len(self._plan.vectors)):
            array, part = self.form.vector(k)
            if array == name:
                sums = self._named["d_vectors"][:, k].sum(0)
                out.view(-1, self._given.hidden)[part] = sums.to(out.dtype)
