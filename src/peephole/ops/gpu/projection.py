"""A projected h: h = W_hr h̃, with h̃ what the cell computes, and only products see the h before the step.

So U h_prev = (U W_hr) h̃_prev: the kernels run the cell on h̃ with the product of both matrices, and all rows are projected at once
afterwards. An initial h, which no h̃ need have, enters with the input of each sequence's first step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from peephole.equations.lanes import Product
from peephole.equations.plan import Plan
from peephole.ops.gpu.gradients import of_matrix, of_source, product
from peephole.ops.gpu.shape import Shape


def can_fold(plan: Plan) -> bool:
    """Whether each product of h_prev is added to the input's product of the same gate, so that what it adds can enter there.

    >>> from peephole import cells
    >>> from peephole.equations.plan import plan
    >>> can_fold(plan(cells.PeepholeLSTM())), can_fold(plan(cells.GRU()))
    (True, False)
    """
    inputs = {(p.lane, p.block) for p in plan.products if plan.sources[p.source].kind == "input"}
    return all((p.lane, p.block) in inputs for p in of_h(plan))


def of_h(plan: Plan) -> list[Product]:
    """The products of h_prev."""
    h = plan.cell.states.index("h")
    return [
        p for p in plan.products
        if plan.sources[p.source].kind == "previous" and plan.sources[p.source].index == h
    ]  # fmt: skip


class Projection:
    """The products around the kernels.

    Args:
        plan: the cell's plan.
        weight_hh: U `[G·H, P]`.
        weight_hr: W_hr `[P, H]`.
        initial: h before the first step `[N, P]`.
        shape: batch sizes on the device.
        reverse: whether sequences are read from their ends.
        wide: dtype that is computed in.
    """

    def __init__(
        self, plan: Plan, weight_hh: Tensor, weight_hr: Tensor, initial: Tensor, shape: Shape, reverse: bool,
        wide: torch.dtype,
    ) -> None:  # fmt: skip
        self._plan, self._weight_hh, self._weight_hr = plan, weight_hh, weight_hr
        self._initial, self._wide, self._shape = initial, wide, shape
        first, last = shape.ends
        self._first, self._last = (last, first) if reverse else (first, last)
        self._alive = shape.sizes.batch  # the sequences that have a row

    def weight(self) -> Tensor:
        """U W_hr `[G·H, H]`."""
        return product(self._weight_hh, self._weight_hr.t(), None, self._wide).to(self._weight_hh.dtype)

    def enter(self, x: Tensor) -> None:
        """Add what the initial h gives to the input's products `[R, G·H]`."""
        if self._alive:
            given = product(self._initial[: self._alive], self._weight_hh, None, self._wide)
            used = torch.zeros_like(given)
            width = len(given[0]) // len(self._plan.cell.gates)
            for p in of_h(self._plan):
                at = slice(p.block * width, (p.block + 1) * width)
                used[:, at] = given[:, at]
            x[self._first] += used

    def leave(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """From h̃ `[R, H]`: the rows `[R, P]`, and h after the last step of each sequence `[N, P]`."""
        rows = torch.nn.functional.linear(hidden, self._weight_hr)
        return rows, torch.cat([rows[self._last], self._initial[self._alive :]])

    def pull(self, d_rows: Tensor | None, d_final: Tensor | None) -> Tensor | None:
        """What is asked of the rows `[R, P]`, with what is asked of the last of each sequence."""
        if d_final is None:
            return d_rows
        if d_rows is None:
            d_rows = d_final.new_zeros((self._shape.sizes.rows, d_final.shape[1]))
        return d_rows.index_add(0, self._last, d_final[: self._alive])

    def of_initial(self, d_lanes: Tensor, d_final: Tensor | None) -> Tensor:
        """The gradient of the initial h `[N, P]`."""
        found = torch.zeros_like(self._initial)
        found[: self._alive] = of_source(d_lanes[self._first], of_h(self._plan), self._weight_hh)
        if d_final is not None:
            found[self._alive :] = d_final[self._alive :]
        return found

    def of_weights(
        self, d_lanes: Tensor, d_folded: Tensor, d_rows: Tensor | None, hidden: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The gradients of U and W_hr, from that of their product; `d_rows`: as `pull` gives it; `hidden`: h̃ of each row."""
        d_weight_hh = d_folded @ self._weight_hr.t()
        initial = self._initial[: self._alive]
        of_matrix(d_lanes[self._first], of_h(self._plan), lambda _: initial, d_weight_hh)
        d_weight_hr = self._weight_hh.t() @ d_folded
        if d_rows is not None:
            d_weight_hr.addmm_(d_rows.t(), hidden)
        return d_weight_hh, d_weight_hr


def names(wanted: Sequence[str]) -> list[str]:
    """The gradients that the kernels must give for those that are wanted of a projected layer."""
    inner = [name for name in wanted if name not in ("weight_hr", "state.h")]
    return inner if "weight_hh" in inner or "weight_hr" not in wanted else [*inner, "weight_hh"]
