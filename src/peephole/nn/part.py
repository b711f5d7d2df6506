"""The part of a batch that one of several processes has: chance is drawn for the whole batch, and each takes what falls on it.

So a mask that drops tokens or features is the same however many processes share a batch.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peephole.ops import Sequences

# Draws numbers in a shape.
Draw = Callable[[tuple[int, ...]], Tensor]


class Part(Protocol):
    """What a recurrent layer asks of the part of a batch that it runs on."""

    def of_rows(self, draw: Draw, own: Tensor) -> Tensor:
        """Draw for all rows of the whole batch, and return what falls on `own`, in its shape."""
        ...

    def of_states(self, draw: Draw, own: Tensor) -> Tensor:
        """Draw for all states of the whole batch `[N, P]`, and return what falls on `own`, in its shape."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class PackedPart:
    """Some texts of a batch of packed rows.

    Args:
        whole: the lengths of all texts of the batch.
        places: where each own text stands in the batch `[N]`, rising.

    Example:
        >>> part = PackedPart(Sequences.from_lengths([2, 1, 3]), np.array([0, 2]))
        >>> part.rows.tolist(), part.own.lengths.tolist()  # whole: c0 a0 b0 c1 a1 c2
        ([0, 1, 3, 4, 5], [2, 3])
    """

    whole: Sequences
    places: NDArray[np.int64]

    @functools.cached_property
    def own(self) -> Sequences:
        """The lengths of the own texts."""
        return Sequences.from_lengths(self.whole.lengths[self.places])

    @functools.cached_property
    def rows(self) -> NDArray[np.int64]:
        """Packed row of the whole batch that each own packed row is `[R]`."""
        return self.whole.offsets[self.own.row_time] + self.whole.inverse[self.places[self.own.row_batch]]

    @functools.cached_property
    def states(self) -> NDArray[np.int64]:
        """Place among the whole batch's states of each own state, longest text first, `[N]`; a text without steps has none."""
        alive = int(self.own.batch_sizes[0]) if len(self.own.batch_sizes) else 0
        return self.whole.inverse[self.places[self.own.order[:alive]]]

    def of_rows(self, draw: Draw, own: Tensor) -> Tensor:
        """Draw for all packed rows `[R, …]`, and return what falls on the own ones."""
        return _taken(draw((self.whole.rows, *own.shape[1:])), self.rows)

    def of_states(self, draw: Draw, own: Tensor) -> Tensor:
        """Draw for the states of all texts with steps `[N, P]`, and return what falls on the own ones."""
        alive = int(self.whole.batch_sizes[0]) if len(self.whole.batch_sizes) else 0
        return _taken(draw((alive, *own.shape[1:])), self.states)

    def of_texts(self, draw: Draw, own: Tensor) -> Tensor:
        """Draw for all texts `[N, …]`, and return what falls on the own ones."""
        return _taken(draw((len(self.whole.lengths), *own.shape[1:])), self.places)


@dataclasses.dataclass(frozen=True, eq=False)
class StreamPart:
    """Every so-manieth stream of a dense batch `[T, B, …]`.

    Args:
        first: the first own stream.
        every: distance from one own stream to the next, at least 1.
        streams: B of the whole batch.
    """

    first: int
    every: int
    streams: int

    def of_rows(self, draw: Draw, own: Tensor) -> Tensor:
        """Draw for all rows `[T, B, …]`, and return what falls on the own streams."""
        return draw((len(own), self.streams, *own.shape[2:]))[:, self.first :: self.every]

    def of_states(self, draw: Draw, own: Tensor) -> Tensor:
        """Draw for all states `[B, P]`, and return what falls on the own streams."""
        return draw((self.streams, *own.shape[1:]))[self.first :: self.every]


def ones_dropped(p: float, like: Tensor) -> Draw:
    """Return what draws masks: 0 with probability p, otherwise 1 / (1 − p), of the dtype and device of `like`."""
    return lambda shape: torch.dropout(torch.ones(shape, dtype=like.dtype, device=like.device), p, True)


def _taken(values: Tensor, where: NDArray[np.int64]) -> Tensor:
    return values.index_select(0, torch.from_numpy(np.ascontiguousarray(where)).to(values.device))
