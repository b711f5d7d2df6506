"""What the operators are given, by name, and its checks: a graph may have been made elsewhere, and hand over anything."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from peephole.errors import BackendUnavailable, OptionError, ShapeError
from peephole.ops.arrays import dtype_name
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import Call, call_of
from peephole.ops.cell_names import cell_of, split
from peephole.ops.checks import check
from peephole.ops.dispatch import refusal
from peephole.ops.packing import Packing
from peephole.ops.precision import kept_places
from peephole.ops.request import request_of


class Operands:
    """The arguments that both operators have, by the names of the schema."""

    def __init__(
        self,
        x: Tensor,
        sizes: Tensor | None,
        weights: Sequence[Tensor],
        state: Sequence[Tensor],
        held: Sequence[Tensor],
        mask: Tensor | None,
        cell: str,
        held_names: str,
        save: str,
        reverse: bool,
        want_state: bool,
    ) -> None:
        known = cell_of(cell)
        extra = len(weights) - 2 - len(known.parameters)
        self.call: Call = call_of(
            known, extra >= 2, extra % 2 == 1, mask is not None, split(held_names), split(save), reverse, want_state, "highest",
            "triton" if x.is_cuda else "compiled",
        )  # fmt: skip
        self.where = f"peephole::forward({type(known).__name__})"
        masks = () if mask is None else (mask,)
        self.x, self.sizes, self.tensors = x, sizes, [x, *weights, *state, *held, *masks]
        if len(self.tensors) != len(self.call.names) or not 0 <= extra <= 3 or x.ndim not in (2, 3):
            raise ShapeError(
                f"{self.where}: x must be [R, D] or [T, N, D], with {len(known.states)} states and as many held values as names; "
                f"got x {list(x.shape)}, {len(weights)} weights, {len(state)} states, {len(held)} held values"
            )
        for name in (*split(save), *split(held_names)):
            if name not in known.values:
                raise OptionError(
                    f"{self.where}: the cell has no value {name!r}; it has: {', '.join(known.values)}"
                )
        self.hidden, self.width = self.call.hidden_size(self.tensors), weights[1].shape[1]
        self.rounds = self.call.rounds(x.dtype)
        self.kept_dtype = torch.float32 if self.rounds else x.dtype
        self.slots = len(self.call.kept_slots(self.rounds))

    def dtype_at(self, k: int) -> torch.dtype:
        """The dtype that the array at a place must have."""
        call = self.call
        is_other = k in kept_places(call.first_state, len(call.cell.states), len(call.held))
        return self.kept_dtype if is_other else self.x.dtype

    def states(self) -> list[Tensor]:
        """The initial states."""
        return self.tensors[self.call.first_state : self.call.first_held]

    def packing(self) -> Packing:
        """How the rows are packed."""
        if self.x.ndim == 2:
            return Packing(BatchSizes.of(self.where, self.sizes))
        return Packing.of(self.where, self.x, self.sizes)

    def packed(self, packing: Packing) -> list[Tensor]:
        """All arrays as the kernel takes them, checked."""
        call = self.call
        arrays = list(self.tensors)
        for k, name in enumerate(call.names):
            if name == "rows" or name.startswith("clamp."):
                arrays[k] = packing.pack(arrays[k])
            elif name == "mask" or name.startswith("state."):
                arrays[k] = packing.sort(arrays[k])
        if self.x.ndim == 3 and any(state.shape[:1] != self.x.shape[1:2] for state in self.states()):
            raise ShapeError(
                f"{self.where}: states must have N = {self.x.shape[1]} rows, as x [T, N, D] has sequences"
            )
        check(request_of(call, packing.sizes, arrays))
        reason = refusal(
            call.engine,
            call.cell,
            str(self.x.device.type),
            dtype_name(self.x),
            call.has_projection,
            call.has_mask,
        )
        if reason is None and any(array.dtype != self.dtype_at(k) for k, array in enumerate(arrays)):
            reason = "all arrays must have one dtype (with bfloat16 and float16, states other than h and held values float32)"
        if reason is not None:
            raise BackendUnavailable(f"{self.where}: {reason}")
        return arrays

    def unpacked(self, packing: Packing, results: Sequence[Tensor]) -> list[Tensor]:
        """Results as the operator gives them."""
        states = range(1, 1 + len(self.call.states))
        return [packing.unsort(r) if k in states else packing.unpack(r) for k, r in enumerate(results)]


def check_saved(
    given: Operands, saved: Sequence[Tensor], grads: Sequence[Tensor | None], wanted: Sequence[bool]
) -> None:
    """Refuse what `forward` cannot have given."""
    call, lead, other = given.call, tuple(given.x.shape[:-1]), given.kept_dtype
    rows = ((*lead, given.width), given.x.dtype)
    states = [(tuple(state.shape), state.dtype) for state in given.states()] if call.want_state else []
    values = [((*lead, given.hidden), other) for _ in call.values]
    kept = [((given.slots, math.prod(lead), given.hidden), other)] if given.slots else []
    fine = (
        [(tuple(t.shape), t.dtype) for t in saved] == [rows, *values, *kept]
        and len(grads) == call.results
        and all(
            t is None or (tuple(t.shape), t.dtype) == form
            for t, form in zip(grads, [rows, *states, *values], strict=True)
        )
        and len(wanted) == len(call.names)
        and not (call.has_mask and wanted[-1])
    )
    if not fine:
        raise ShapeError(
            "peephole::backward: saved tensors and gradients must be those of peephole::forward; got others"
        )
