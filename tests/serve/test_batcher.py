"""Texts that arrive together become one batch: order, lanes, cancelling, closing, without HTTP and without a model."""

from __future__ import annotations

import asyncio

import pytest

from peephole.serve import Batcher
from support.gated_work import GatedScorer


def test_texts_that_wait_become_one_batch_and_answers_keep_their_order() -> None:
    async def check() -> None:
        scorer = GatedScorer()
        batcher = Batcher(scorer)
        first = asyncio.ensure_future(batcher.answer(["a"]))
        await asyncio.to_thread(scorer.started, 1)
        others = [asyncio.ensure_future(batcher.answer(["b" * n, "c" * (n + 10)])) for n in (2, 3, 4)]
        await _until_cut(batcher, 6)
        scorer.allow()
        answers = await asyncio.gather(first, *others)
        await batcher.close()
        assert scorer.batches == [[1], [2, 12, 3, 13, 4, 14]]
        assert [[one.tokens for one in answer] for answer in answers] == [[1], [2, 12], [3, 13], [4, 14]]
        assert [round(float(one.probabilities[0]) * 1000) for one in answers[2]] == [3, 13]

    asyncio.run(check())


def test_a_long_text_does_not_delay_a_short_one() -> None:
    """The long one stands still while a short one is answered."""

    async def check() -> None:
        scorer = GatedScorer()
        batcher = Batcher(scorer, long_characters=50)
        long = asyncio.ensure_future(batcher.answer(["x" * 51]))
        await asyncio.to_thread(scorer.started, 1)
        short = asyncio.ensure_future(batcher.answer(["y" * 50]))
        await asyncio.to_thread(scorer.started, 2)
        assert scorer.batches == [[51], [50]]  # both run: neither waits for the other
        scorer.allow()
        await asyncio.gather(long, short)
        await batcher.close()

    asyncio.run(check())


def test_a_request_of_long_and_short_texts_keeps_their_order() -> None:
    async def check() -> None:
        scorer = GatedScorer()
        scorer.allow()
        batcher = Batcher(scorer, long_characters=5)
        lengths = [3, 9, 1, 7, 5]
        assert [one.tokens for one in await batcher.answer(["x" * n for n in lengths])] == lengths
        await batcher.close()

    asyncio.run(check())


def test_cancelling_takes_away_what_waits() -> None:
    async def check() -> None:
        scorer = GatedScorer()
        batcher = Batcher(scorer)
        first = asyncio.ensure_future(batcher.answer(["a"]))
        await asyncio.to_thread(scorer.started, 1)
        gone = asyncio.ensure_future(batcher.answer(["gone"]))
        kept = asyncio.ensure_future(batcher.answer(["kept it"]))
        await _until_cut(batcher, 2)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        await asyncio.sleep(0)  # the loop tells the thread's future at its next turn
        scorer.allow()
        await asyncio.gather(first, kept)
        await batcher.close()
        assert scorer.batches == [[1], [7]]

    asyncio.run(check())


def test_a_batch_keeps_to_the_cap_of_tokens_and_is_reported() -> None:
    async def check() -> None:
        scorer = GatedScorer()
        seen: list[tuple[str, int, int]] = []
        batcher = Batcher(scorer, batch_tokens=10, seen=lambda *batch: seen.append(batch))
        scorer.allow()
        await batcher.answer(["x" * 4, "x" * 6, "x" * 30, "x"])
        await batcher.close()
        assert scorer.batches == [[4, 6], [30], [1]]
        assert seen == [("short", 2, 10), ("short", 1, 30), ("short", 1, 1)]

    asyncio.run(check())


def test_closing_finishes_what_was_accepted_and_refuses_more() -> None:
    async def check() -> None:
        scorer = GatedScorer()
        batcher = Batcher(scorer)
        accepted = [asyncio.ensure_future(batcher.answer(["a" * n])) for n in (1, 2)]
        await asyncio.to_thread(scorer.started, 1)
        closing = asyncio.ensure_future(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="after close"):
            await batcher.answer(["late"])
        assert not closing.done()
        scorer.allow()
        await closing
        assert [(await one)[0].tokens for one in accepted] == [1, 2]

    asyncio.run(check())


async def _until_cut(batcher: Batcher, texts: int) -> None:
    """Return once so many texts wait for the model, cut into tokens."""
    waiting = batcher._lanes["short"]._run._waiting
    while len(waiting) < texts:
        await asyncio.sleep(0)
