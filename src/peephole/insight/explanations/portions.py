"""Running much in portions: memory stays bounded, and what nobody waits for any more is stopped between two of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from peephole.insight.network import Array
from peephole.insight.stopping import stop_if_asked
from peephole.ops.sequences import Integers

Sized = TypeVar("Sized", Integers, Array)


def portions(things: Iterable[Sized], most: int) -> Iterator[list[Sized]]:
    """Yield things in their order, a few at a time: as many as have `most` rows together, or one. Each may be the last.

    Example:
        >>> import numpy as np
        >>> [len(part) for part in portions([np.arange(2), np.arange(2), np.arange(9)], 5)]
        [2, 1]
    """
    portion: list[Sized] = []
    rows = 0
    for thing in things:
        if portion and rows + len(thing) > most:
            stop_if_asked()
            yield portion
            portion, rows = [], 0
        portion.append(thing)
        rows += len(thing)
    if portion:
        stop_if_asked()
        yield portion
