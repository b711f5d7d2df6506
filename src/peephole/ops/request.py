"""What is asked of a backend, and what it gives back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from peephole.equations import Cell
from peephole.ops.arrays import Array, Kind, device_name, dtype_name
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import Call


@dataclasses.dataclass(eq=False)
class Request:
    """A call of `run` by names, for backends that go by names; the letters and shapes are explained there."""

    cell: Cell
    rows: Array
    sizes: BatchSizes
    weights: Mapping[str, Array]
    state: Mapping[str, Array]
    reverse: bool = False
    recurrent_mask: Array | None = None
    save: tuple[str, ...] = ()
    clamp: Mapping[str, Array] = dataclasses.field(default_factory=dict)
    want_state: bool = True

    @property
    def kind(self) -> Kind:
        """Torch tensors or NumPy arrays."""
        return "numpy" if isinstance(self.rows, np.ndarray) else "torch"

    @property
    def batch_sizes(self) -> list[int]:
        """`[T]` sequences alive at each step."""
        return self.sizes.numbers

    @property
    def hidden_size(self) -> int:
        """H, units of the cell."""
        return int(self.weights["weight_ih"].shape[0]) // len(self.cell.gates)

    @property
    def output_size(self) -> int:
        """P with projection, otherwise H: the width of h."""
        return int(self.weights["weight_hh"].shape[1])

    @property
    def dtype(self) -> str:
        """Name of the rows' dtype."""
        return dtype_name(self.rows)

    @property
    def device(self) -> str:
        """Name of the rows' device."""
        return device_name(self.rows)

    @property
    def is_dense(self) -> bool:
        """Whether all sequences have the same length, so that rows are a view of `[T, N, D]`."""
        return self.sizes.is_dense


@dataclasses.dataclass(frozen=True, eq=False)
class Output:
    """What `run` returns.

    Attributes:
        rows: h of every step, packed like the input: `[R, P]`.
        state: final states, name → `[N, H]` (h: `[N, P]`); empty when they were not wanted.
        saved: the values asked for, name → `[R, H]`.
    """

    rows: Array
    state: dict[str, Array] = dataclasses.field(default_factory=dict)
    saved: dict[str, Array] = dataclasses.field(default_factory=dict)


def request_of(call: Call, sizes: BatchSizes, arrays: Sequence[Array]) -> Request:
    """The request that asks for `call` of these arrays. Rows that are a dense batch `[T, N, D]` become `[R, D]`."""
    rows = arrays[0]
    if len(getattr(rows, "shape", ())) == 3:
        rows = rows.reshape(rows.shape[0] * rows.shape[1], rows.shape[2])
    weights = dict(zip(call.weights, arrays[1:], strict=False))
    state = dict(zip(call.cell.states, arrays[call.first_state :], strict=False))
    clamp = dict(zip(call.held, arrays[call.first_held :], strict=False))
    mask = arrays[-1] if call.has_mask else None
    return Request(
        call.cell, rows, sizes, weights, state, call.reverse, mask, call.save, clamp, call.want_state
    )


def output_of(call: Call, results: Sequence[Array]) -> Output:
    """Give the results of `call` their names."""
    state = dict(zip(call.states, results[1:], strict=False))
    return Output(results[0], state, {name: results[call.where(name)] for name in call.save})


def results_of(call: Call, output: Output) -> list[Array]:
    """The results of `call` in order: what `output_of` names."""
    named = {call.where(name): value for name, value in output.saved.items()}
    values = [named[k] for k in range(1 + len(call.states), call.results)]
    return [output.rows, *output.state.values(), *values]
