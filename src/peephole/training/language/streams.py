"""Streams: all texts, one after the other in an order made by chance, cut into rows that are read side by side.

The streams of a pass are a pure function of the texts, the seed and the number of the pass, so a resumed run finds its
place by numbers alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peephole.errors import DataError
from peephole.training.corpus import Corpus

BEGIN = 2  # the id of [BOS], which stands before every text

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Streams:
    """One pass over the texts, for one direction.

    Args:
        ids: tokens `[steps + 1, B]`; row t + 1 holds what row t is to tell.
    """

    ids: Ids

    @property
    def steps(self) -> int:
        """Tokens that each stream tells."""
        return len(self.ids) - 1

    def windows(self, window: int) -> int:
        """Number of whole windows of so many steps."""
        return self.steps // window

    def at(self, index: int, window: int) -> tuple[Ids, Ids]:
        """Return the tokens read in a window, and those to tell, both `[window, B]`; fewer steps where there are no more."""
        first = index * window
        last = min(first + window, self.steps)
        return self.ids[first:last], self.ids[first + 1 : last + 1]


def make_streams(
    texts: Corpus, streams: int, *, order: NDArray[np.int64] | None = None, reverse: bool = False
) -> Streams:
    """Lay the texts end to end, each after a [BOS], and cut them into streams of equal length.

    Args:
        texts: at least as many tokens, [BOS] included, as twice the streams.
        streams: B, at least 1.
        order: the order of the texts `[texts]`; None is their own.
        reverse: each text from its last token to its first.

    Raises:
        DataError: there are too few tokens.

    Example:
        >>> texts = Corpus.from_texts([np.array([5, 6, 7]), np.array([8, 9])], [0, 0])
        >>> make_streams(texts, 2).ids.T.tolist(), make_streams(texts, 1, reverse=True).ids.T.tolist()
        ([[2, 5, 6, 7], [7, 2, 8, 9]], [[2, 7, 6, 5, 2, 9, 8]])
    """
    order = np.arange(len(texts)) if order is None else order
    lengths = texts.lengths[order]
    ends = np.cumsum(lengths + 1)
    line = np.full(int(ends[-1]) if len(ends) else 0, BEGIN, dtype=np.int64)
    if len(line) < 2 * streams:
        raise DataError(
            f"pretrain: {streams} streams need at least {2 * streams:,} tokens; got {len(line):,}",
            hint="give more texts, or set fewer streams",
        )
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    source = np.repeat(texts.starts[order], lengths) + within
    place = np.repeat(ends - lengths, lengths)
    line[place + (np.repeat(lengths, lengths) - 1 - within if reverse else within)] = texts.ids[source]
    steps = (len(line) - 1) // streams
    if steps == 0:
        steps, line = 1, np.append(line, BEGIN)
    # Neighbouring streams share a token: the last that one tells is the first that the next reads.
    rows = np.arange(streams) * steps
    return Streams(line[rows[None, :] + np.arange(steps + 1)[:, None]])


def pass_streams(texts: Corpus, streams: int, *, seed: int, epoch: int, reverse: bool) -> Streams:
    """Return the streams of a training pass: the same texts in both directions, in an order made by chance."""
    order = np.random.default_rng([seed, epoch, 1]).permutation(len(texts))
    return make_streams(texts, streams, order=order, reverse=reverse)
