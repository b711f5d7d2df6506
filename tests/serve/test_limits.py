"""Limits on what waits and on bodies: what is refused when, and that every place is given back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from peephole.serve import Settings
from support.exchange import Exchange
from support.gated_work import GatedScorer
from support.serving import Here, here, refused


@pytest.fixture
def gated() -> Iterator[tuple[Here, GatedScorer]]:
    """A server with three places, whose model waits for the test."""
    with here(Settings(queue_texts=3, request_texts=3)) as server:
        scorer = GatedScorer()
        for runner, work in (("_cut", scorer.encode), ("_run", scorer.score)):
            getattr(server.service.batchers["counter"]._lanes["short"], runner)._work = work
        yield server, scorer
        scorer.allow()


def test_a_full_queue_refuses_before_the_body_is_read(gated: tuple[Here, GatedScorer]) -> None:
    server, scorer = gated

    async def check() -> None:
        waiting = [Exchange(server) for _ in range(3)]
        for one in waiting:
            one.say(b'{"inputs": "good"}')
        await asyncio.to_thread(scorer.started, 1)
        refusal = Exchange(server)  # its body never comes
        await refusal.task
        assert refusal.status == 503
        assert refusal.headers[b"retry-after"] == b"1"
        assert refusal.reads == 0
        scorer.allow()
        for one in waiting:
            await one.task
        assert [one.status for one in waiting] == [200, 200, 200]
        after = Exchange(server)
        after.say(b'{"inputs": "good"}')
        await after.task
        assert after.status == 200

    server.run(check())
    assert server.service.queues["/predict"].taken == 0


def test_a_request_takes_a_place_for_each_text(gated: tuple[Here, GatedScorer]) -> None:
    """A large one fits in while any place is left, so that it needs no empty queue; the next is refused by its size."""
    server, scorer = gated
    queue = server.service.queues["/predict"]

    async def check() -> None:
        first = Exchange(server)
        first.say(b'{"inputs": ["good", "bad"]}')
        await asyncio.to_thread(scorer.started, 1)
        assert queue.taken == 2
        second = Exchange(server)
        second.say(b'{"inputs": ["good", "bad", "fine"]}')
        while queue.taken < 5:
            await asyncio.sleep(0)
        third = Exchange(server)
        third.say(b'{"inputs": "good"}')
        await third.task
        assert third.status == 503
        scorer.allow()
        await asyncio.gather(first.task, second.task)
        assert (first.status, second.status) == (200, 200)

    server.run(check())
    assert queue.taken == 0


def test_requests_whose_heads_came_together_cannot_all_be_large(gated: tuple[Here, GatedScorer]) -> None:
    server, scorer = gated

    async def check() -> None:
        together = [Exchange(server) for _ in range(3)]  # a place each, by their heads
        while server.service.queues["/predict"].taken < 3:
            await asyncio.sleep(0)
        for one in together:
            one.say(b'{"inputs": ["good", "bad", "fine"]}')
        await asyncio.gather(together[1].task, together[2].task)
        scorer.allow()
        await together[0].task
        assert [one.status for one in together] == [200, 503, 503]

    server.run(check())


def test_a_client_that_leaves_frees_its_places_and_its_text_is_not_run(
    gated: tuple[Here, GatedScorer],
) -> None:
    server, scorer = gated

    async def check() -> None:
        first = Exchange(server)
        first.say(b'{"inputs": "good"}')
        await asyncio.to_thread(scorer.started, 1)
        gone = Exchange(server)
        gone.say(b'{"inputs": ["one two three", "four five"]}')
        while server.service.queues["/predict"].taken < 3:
            await asyncio.sleep(0)
        gone.leave()
        await gone.task
        assert gone.answer == []
        assert server.service.queues["/predict"].taken == 1
        scorer.allow()
        await first.task
        assert first.status == 200
        await server.service.close()
        assert scorer.batches == [[4]]

    server.run(check())
    assert [line["status"] for line in server.logged] == [499, 200]


def test_a_client_that_leaves_before_its_body_is_whole_frees_its_place(
    gated: tuple[Here, GatedScorer],
) -> None:
    server, _ = gated

    async def check() -> None:
        gone = Exchange(server)
        gone.say(b'{"inp', more=True)
        gone.leave()
        await gone.task
        assert gone.answer == []

    server.run(check())
    assert server.service.queues["/predict"].taken == 0


def test_a_deadline_that_passes_is_answered_and_frees_the_place() -> None:
    with here(Settings(deadline_seconds=0.05)) as server:
        scorer = GatedScorer()
        lane = server.service.batchers["counter"]._lanes["short"]
        lane._cut._work, lane._run._work = scorer.encode, scorer.score
        found = refused(server.post("/predict", {"inputs": "good"}), 504)
        assert found["detail"].startswith("the answer must be ready within 0.05 seconds")
        assert server.service.queues["/predict"].taken == 0
        scorer.allow()


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_read() -> None:
    with here(Settings(body_bytes=2000)) as server:

        async def check() -> None:
            for length in ("2001", "9" * 30):
                large = Exchange(server, content_length=length)
                await large.task
                assert (large.status, large.reads) == (413, 0)
            right = Exchange(server, content_length="2000")
            right.say(b'{"inputs": "good"}'.ljust(2000))
            await right.task
            assert right.status == 200

        server.run(check())


def test_a_body_in_chunks_is_counted_while_it_is_read() -> None:
    with here(Settings(body_bytes=2000)) as server:

        async def check() -> None:
            large = Exchange(server)
            for _ in range(3):
                large.say(b" " * 700, more=True)  # and never ends
            await large.task
            assert (large.status, large.reads) == (413, 3)
            assert large.headers[b"connection"] == b"close"

        server.run(check())
        assert server.service.queues["/predict"].taken == 0


def test_a_body_that_trickles_is_given_up() -> None:
    with here(Settings(read_seconds=0.05)) as server:

        async def check() -> None:
            slow = Exchange(server)
            slow.say(b'{"inputs"', more=True)  # and nothing more
            await slow.task
            assert slow.status == 408

        server.run(check())
        assert server.service.queues["/predict"].taken == 0
