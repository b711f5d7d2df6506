"""Packed rows that are made when they are asked for, one block of time steps after the other.

A batch's rows are time-major, so a block of steps is a slice of them, and the batch sizes of the block are a batch of their own:
`ops.run` takes it with the states that the block before left. So a text of a million tokens never has all its rows in memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from peephole.classifier.storage import Array as Array
from peephole.classifier.storage import Tensor, gather
from peephole.equations import Cell
from peephole.ops import Sequences, run
from peephole.ops.sequences import Integers

States = Mapping[str, Array]


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """Some steps of a batch.

    Attributes:
        rows: which of the batch's packed rows.
        batch_sizes: `[t]` sequences alive at each of the steps.
    """

    rows: slice
    batch_sizes: Integers


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """A batch of N sequences, cut into blocks of steps of at most `limit` rows (or one step, where that is more)."""

    sequences: int
    blocks: tuple[Block, ...]

    @staticmethod
    def of(batch: Sequences, limit: int) -> Plan:
        """Cut a batch."""
        return Plan.of_sizes(len(batch.lengths), batch.batch_sizes, limit)

    @staticmethod
    def of_sizes(sequences: int, batch_sizes: Integers, limit: int) -> Plan:
        """Cut a batch given by its sizes."""
        ends = np.cumsum(batch_sizes)
        blocks: list[Block] = []
        first, start = 0, 0
        while first < len(batch_sizes):
            end = max(int(np.searchsorted(ends, start + limit, side="right")), first + 1)
            stop = int(ends[end - 1])
            blocks.append(Block(slice(start, stop), batch_sizes[first:end]))
            first, start = end, stop
        return Plan(sequences, tuple(blocks))

    @property
    def rows(self) -> int:
        """R, all rows."""
        return self.blocks[-1].rows.stop if self.blocks else 0


class Rows(Protocol):
    """Where the rows of a batch come from."""

    width: int
    again: bool  # whether any block may be read at any time; else each once, first to last

    def read(self, block: Block) -> Array:
        """Return the rows of a block `[r, width]`."""
        ...


class Embedded:
    """The vectors of tokens.

    Args:
        weight: `[V, D]`, as it is stored.
        ids: `[R]` packed.
    """

    again = True

    def __init__(self, weight: Tensor, ids: npt.NDArray[np.integer]) -> None:
        self._weight, self._ids = weight, ids
        self.width = int(weight.shape[1])

    def read(self, block: Block) -> Array:
        """See `Rows`."""
        return gather(self._weight, self._ids[block.rows])


class Kept:
    """Rows in memory."""

    again = True

    def __init__(self, rows: Array) -> None:
        self._rows = rows
        self.width = int(rows.shape[1])

    def read(self, block: Block) -> Array:
        """See `Rows`."""
        return self._rows[block.rows]


@dataclasses.dataclass(frozen=True, eq=False)
class Direction:
    """One direction of one recurrent layer.

    Attributes:
        cell: its equations.
        weights: as `ops.run` takes them.
        reverse: whether it reads from the end.
        backend: as `ops.run` takes it.
        precision: likewise.
    """

    cell: Cell
    weights: Mapping[str, Array]
    reverse: bool
    backend: str
    precision: str

    @property
    def hidden_size(self) -> int:
        """H."""
        return int(self.weights["weight_hh"].shape[1])

    def start(self, sequences: int) -> States:
        """Return zero states for N sequences."""
        return {name: np.zeros((sequences, self.hidden_size), np.float32) for name in self.cell.states}

    def advance(self, rows: Array, block: Block, states: States) -> tuple[Array, States]:
        """Run over a block: its outputs `[r, H]`, and the states after it (before it in time, when reversed)."""
        out = run(
            self.cell,
            rows,
            block.batch_sizes,
            self.weights,
            states,
            backend=self.backend,
            reverse=self.reverse,
            precision=self.precision,
        )
        return out.rows, out.state

    def sweep(self, source: Rows, plan: Plan) -> Iterator[tuple[Block, Array, States]]:
        """Run over a whole batch in the direction's order, yielding each block with its outputs and the states after it."""
        states = self.start(plan.sequences)
        for block in reversed(plan.blocks) if self.reverse else plan.blocks:
            outputs, states = self.advance(source.read(block), block, states)
            yield block, outputs, states


class Running:
    """The outputs of a forward direction, run as they are read."""

    again = False

    def __init__(self, direction: Direction, source: Rows, states: States) -> None:
        self._direction, self._source = direction, source
        self.states = states
        self.width = direction.hidden_size

    def read(self, block: Block) -> Array:
        """See `Rows`."""
        outputs, self.states = self._direction.advance(self._source.read(block), block, self.states)
        return outputs


class Mapped:
    """`activation(x Wᵀ + b)` of other rows."""

    def __init__(self, linear: LinearWeights, source: Rows) -> None:
        self._linear, self._source = linear, source
        self.again = source.again
        self.width = int(linear.weight.shape[0])

    def read(self, block: Block) -> Array:
        """See `Rows`."""
        return self._linear(self._source.read(block))


@dataclasses.dataclass(frozen=True, eq=False)
class LinearWeights:
    """A linear stage: `weight` `[features, F]`, `bias` `[features]`, and an activation."""

    weight: Array
    bias: Array
    activation: str

    def __call__(self, x: Array) -> Array:
        """Apply it to the last axis."""
        y = x @ self.weight.T + self.bias
        if self.activation == "relu":
            return np.maximum(y, np.float32(0))
        return np.tanh(y) if self.activation == "tanh" else y

    def backward(self, d_y: Array, y: Array) -> Array:
        """Return the gradient in x, from that in y and y itself; relu's is 0 at 0."""
        if self.activation == "relu":
            d_y = d_y * (y > 0)
        elif self.activation == "tanh":
            d_y = d_y * (np.float32(1) - y * y)
        return d_y @ self.weight


def keep(source: Rows, plan: Plan) -> Kept:
    """Read all rows of a batch into memory `[R, F]`."""
    rows = np.empty((plan.rows, source.width), np.float32)
    for block in plan.blocks:
        rows[block.rows] = source.read(block)
    return Kept(rows)


def keep_directions(directions: tuple[Direction, ...], source: Rows, plan: Plan) -> Kept:
    """Run a layer over a batch and keep its rows `[R, K·H]`, the forward direction's columns first."""
    width = directions[0].hidden_size
    rows = np.empty((plan.rows, len(directions) * width), np.float32)
    for index, direction in enumerate(directions):
        for block, outputs, _ in direction.sweep(source, plan):
            rows[block.rows, index * width : (index + 1) * width] = outputs
    return Kept(rows)
