"""`Batcher`: texts that arrive together become one ragged batch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from peephole.serve.runner import Runner

Ids = npt.NDArray[np.int32]
Row = npt.NDArray[np.float64]
SHORT, LONG = "short", "long"

_CUT_CHARACTERS = 1 << 18  # of texts that are cut into tokens together


class Scorer(Protocol):
    """What a batcher needs of a classifier."""

    def encode(self, texts: list[str]) -> list[Ids]:
        """Return the ids `[T_n]` of N texts."""
        ...

    def score(self, ids: list[Ids]) -> Sequence[Row]:
        """Return the probabilities `[C]` of N texts given as ids."""
        ...


class Scored(NamedTuple):
    """A text's answer.

    Attributes:
        probabilities: `[C]` float64.
        tokens: T, how many the text has.
    """

    probabilities: Row
    tokens: int


class Batcher:
    """Answers texts with the probabilities of their labels; what waits runs together.

    Two lanes, each with a thread that cuts texts into tokens and others that run the model, so that the next batch is cut while
    one runs. Whenever a thread becomes free it takes what waits, up to a number of tokens, and waits for nothing more. Long
    texts have a lane of their own, on one processor, so that no short text waits for them.

    A batch runs on one processor. Threads that share one must wait for each other, and beside a server's other threads the
    one that is waited for is often not running.

    Args:
        scorer: the model; its methods are called from several threads at once.
        batch_tokens: the most tokens of a batch, at least 1; a text with more runs alone.
        long_characters: a text of more is a long one.
        callers: how many batches of short texts may run at once, at least 1.
        seen: is told of each batch, in the thread that ran it: lane, texts, tokens.

    Example:
        >>> class Lengths:
        ...     def encode(self, texts):
        ...         return [np.arange(len(text), dtype=np.int32) for text in texts]
        ...
        ...     def score(self, ids):
        ...         return [np.array([0.25, 0.75]) for one in ids]
        >>> async def tokens():
        ...     batcher = Batcher(Lengths())
        ...     found = await batcher.answer(["good", "a bad film"])
        ...     await batcher.close()
        ...     return [one.tokens for one in found]
        >>> asyncio.run(tokens())
        [4, 10]
    """

    def __init__(
        self,
        scorer: Scorer,
        *,
        batch_tokens: int = 16_384,
        long_characters: int = 16_000,
        callers: int = 1,
        seen: Callable[[str, int, int], None] | None = None,
    ) -> None:
        self._long_characters = long_characters
        self._lanes = {
            name: _Lane(scorer, name, batch_tokens, own, seen) for name, own in ((SHORT, callers), (LONG, 1))
        }
        self._active = 0
        self._idle = asyncio.Event()
        self._closed = False

    async def answer(self, texts: Sequence[str]) -> list[Scored]:
        """Return the answer to each text, in order. Cancelling it takes away what still waits.

        Raises:
            RuntimeError: the batcher is closed.
        """
        if self._closed:
            raise RuntimeError("Batcher.answer: must not be called after close")
        self._active += 1
        try:
            return await self._answer(texts)
        finally:
            self._active -= 1
            if not self._active:
                self._idle.set()

    async def close(self) -> None:
        """Finish what was accepted, take nothing more, and end the threads."""
        self._closed = True
        while self._active:
            self._idle.clear()
            await self._idle.wait()
        for lane in self._lanes.values():
            await asyncio.to_thread(lane.close)

    async def _answer(self, texts: Sequence[str]) -> list[Scored]:
        parts: dict[str, list[int]] = {}
        for n, text in enumerate(texts):
            parts.setdefault(LONG if len(text) > self._long_characters else SHORT, []).append(n)
        if len(parts) == 1:
            (name,) = parts
            return await self._lanes[name].answer(texts)
        found = await asyncio.gather(
            *(self._lanes[name].answer([texts[n] for n in own]) for name, own in parts.items())
        )
        placed = {
            n: one
            for own, part in zip(parts.values(), found, strict=True)
            for n, one in zip(own, part, strict=True)
        }
        return [placed[n] for n in range(len(texts))]


class _Lane:
    """Threads in a row: texts → ids → probabilities."""

    def __init__(
        self,
        scorer: Scorer,
        name: str,
        batch_tokens: int,
        callers: int,
        seen: Callable[[str, int, int], None] | None,
    ) -> None:
        def tell(texts: int, tokens: int) -> None:
            if seen is not None:
                seen(name, texts, tokens)

        self._cut = Runner(f"peephole-cut-{name}", scorer.encode, most=_CUT_CHARACTERS)
        self._run = Runner(
            f"peephole-run-{name}", scorer.score, most=batch_tokens, callers=callers, threads=1, seen=tell
        )

    async def answer(self, texts: Sequence[str]) -> list[Scored]:
        """See `Batcher.answer`."""
        ids = await asyncio.wrap_future(self._cut.submit(texts, [len(text) for text in texts]))
        tokens = [len(one) for one in ids]
        rows = await asyncio.wrap_future(self._run.submit(ids, tokens))
        return [Scored(row, count) for row, count in zip(rows, tokens, strict=True)]

    def close(self) -> None:
        """Finish what waits; the threads end."""
        self._cut.close()
        self._run.close()
