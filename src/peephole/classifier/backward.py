"""The way back through a classifier on NumPy: from gradients of logits to gradients of the embedded rows.

Forwards, a recurrent layer keeps the states that each block of time steps began with. Backwards, blocks are run again, in the
opposite order, and gone back through one by one. So in memory are one block's gates and, between layers, a batch's rows and
their gradients: what a long text needs grows with its rows alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from peephole.classifier.forward import Forward, Layer
from peephole.classifier.kept_pool import KeptPool
from peephole.classifier.rows import Array, Block, Direction, Kept, LinearWeights, Mapped, Plan, Rows, States
from peephole.ops import Sequences
from peephole.ops.recording import Recording, record

# Gradients of rows `[r, F]`, made for a block when they are asked for.
Back = Callable[[Block], Array]

_KEPT_VALUES = 4  # a block's backward pass reads about as many times the numbers that its forward pass makes


class Backward:
    """A batch of texts on its way through a classifier and back.

    Args:
        forward: the stages with their weights.
        rows: the embedded rows of each text `[T_n, E]`, float32.

    Attributes:
        logits: `[N, C]`.
    """

    def __init__(self, forward: Forward, rows: Sequence[Array]) -> None:
        self._batch = batch = Sequences.from_lengths([len(own) for own in rows])
        self._plan = plan = Plan.of(batch, max(1, forward.row_limit // _KEPT_VALUES))
        self._forward = forward
        source: Rows = Kept(batch.pack(rows, np.float32, int(forward.embedding.shape[1])))
        self._width = source.width
        self._stages: list[_Linear | _Layer] = []
        for number, stage in enumerate(forward.row_stages, 1):
            made = _Linear(stage, source) if isinstance(stage, LinearWeights) else _Layer(stage, source, plan)
            self._stages.append(made)
            if number < len(forward.row_stages) or isinstance(made, _Linear):
                source = made.rows()
        last = self._stages[-1] if self._stages else None
        if isinstance(last, _Layer):  # its rows go into the pools as they are made
            self._pools = [self._pool(track.forward(), track.width) for track in last.tracks]
            finals = [track.last for track in last.tracks]
        else:
            made_rows = ((block, source.read(block)) for block in plan.blocks)
            self._pools, finals = [self._pool(made_rows, source.width)], [None]
        parts = [
            pool.values.result(name, final)
            for name in forward.statistics
            for pool, final in zip(self._pools, finals, strict=True)
        ]
        self._passed = forward.through_head(np.concatenate(parts, axis=1)[batch.inverse])
        self.logits = self._passed[-1]

    def gradients(self, d_logits: Array) -> list[Array]:
        """Return the gradient in each text's embedded rows `[T_n, E]`, from that in the logits `[N, C]`."""
        d_pooled = d_logits
        for linear, y in zip(reversed(self._forward.head), reversed(self._passed[1:]), strict=True):
            d_pooled = linear.backward(d_pooled, y)
        back, d_last = self._through_pools(d_pooled[self._batch.order])
        for stage in reversed(self._stages):
            back = stage.backward(back) if isinstance(stage, _Linear) else stage.backward(back, d_last)
            d_last = []  # only the states of the last layer are pooled
        packed = np.empty((self._plan.rows, self._width), np.float32)
        for block in self._plan.blocks:
            packed[block.rows] = back(block)
        return [packed[self._batch.rows_of(n)] for n in range(len(self._batch.lengths))]

    def _pool(self, made: Iterator[tuple[Block, Array]], width: int) -> KeptPool:
        pooled = KeptPool(self._forward.statistics, self._batch, width)
        for block, rows in made:
            pooled.add(block, rows)
        return pooled

    def _through_pools(self, d_pooled: Array) -> tuple[Back, list[Array]]:
        """The gradients of the last rows, and those of each direction's final h, which may be none."""
        given: list[dict[str, Array]] = [{} for _ in self._pools]
        at = 0
        for name in self._forward.statistics:
            for pool, own in zip(self._pools, given, strict=True):
                own[name] = d_pooled[:, at : at + pool.width]
                at += pool.width

        def back(block: Block) -> Array:
            parts = [pool.backward(block, own) for pool, own in zip(self._pools, given, strict=True)]
            return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

        return back, [own["last"] for own in given if "last" in own]


class _Linear:
    """A linear stage on rows."""

    def __init__(self, linear: LinearWeights, source: Rows) -> None:
        self._linear, self._source = linear, source

    def rows(self) -> Rows:
        """Its outputs."""
        return Mapped(self._linear, self._source)

    def backward(self, back: Back) -> Back:
        """From gradients of its outputs to those of its inputs."""

        def before(block: Block) -> Array:
            return self._linear.backward(back(block), self._linear(self._source.read(block)))

        return before


class _Layer:
    """A recurrent layer."""

    def __init__(self, layer: Layer, source: Rows, plan: Plan) -> None:
        self.tracks = [_Track(direction, source, plan) for direction in layer]
        self._plan, self._inputs = plan, source.width

    def rows(self) -> Rows:
        """Its outputs `[R, K·H]`, the forward direction's columns first."""
        rows = np.empty((self._plan.rows, sum(track.width for track in self.tracks)), np.float32)
        for columns, track in self._columns():
            for block, outputs in track.forward():
                rows[block.rows, columns] = outputs
        return Kept(rows)

    def backward(self, back: Back, d_last: Sequence[Array]) -> Back:
        """From gradients of its outputs, and of each direction's final h (or of none), to those of its inputs."""
        d_rows = np.zeros((self._plan.rows, self._inputs), np.float32)
        for number, (columns, track) in enumerate(self._columns()):

            def own(block: Block, columns: slice = columns) -> Array:
                return np.ascontiguousarray(back(block)[:, columns])

            for block, part in track.backward(own, d_last[number] if d_last else None):
                d_rows[block.rows] += part
        return lambda block: d_rows[block.rows]

    def _columns(self) -> Iterator[tuple[slice, _Track]]:
        at = 0
        for track in self.tracks:
            yield slice(at, at + track.width), track
            at += track.width


class _Track:
    """One direction of a layer over a batch, forwards and then back."""

    def __init__(self, direction: Direction, source: Rows, plan: Plan) -> None:
        self._direction, self._source, self._plan = direction, source, plan
        self._began: list[tuple[Block, States]] = []
        self._only: Recording | None = None  # of the only block: that one needs not be run again
        self.width = direction.hidden_size
        self.last = direction.start(plan.sequences)["h"]

    def forward(self) -> Iterator[tuple[Block, Array]]:
        """Yield the outputs `[r, H]` of each block, in the direction's order; then `last` is the final h `[N, H]`."""
        states = self._direction.start(self._plan.sequences)
        for block in reversed(self._plan.blocks) if self._direction.reverse else self._plan.blocks:
            self._began.append((block, states))
            recording = self._record(block, states)
            self._only = recording if len(self._plan.blocks) == 1 else None
            states = recording.output.state
            yield block, recording.output.rows
        self.last = states["h"]

    def backward(self, back: Back, d_last: Array | None) -> Iterator[tuple[Block, Array]]:
        """Yield the gradient of the input rows `[r, D]` of each block, in the opposite order."""
        d_state: dict[str, Array] = {} if d_last is None else {"h": d_last}
        wanted = ("rows", *(f"state.{name}" for name in self._direction.cell.states))
        for block, states in reversed(self._began):
            recording = self._only or self._record(block, states)
            found = recording.backward(back(block), d_state, wanted=wanted)
            d_state = {name: found[f"state.{name}"] for name in self._direction.cell.states}
            yield block, found["rows"]

    def _record(self, block: Block, states: States) -> Recording:
        run = self._direction
        return record(
            run.cell, self._source.read(block), block.batch_sizes, run.weights, states, reverse=run.reverse
        )
