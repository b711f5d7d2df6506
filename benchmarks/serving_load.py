"""Load on a server, from a process of its own; for `serving.py`.

    python benchmarks/serving_load.py PLAN

PLAN is a JSON file with the fields of `Plan`. After every 1,000 answers a line with their number is written, and at the end what
came of it, as JSON. Requests are made before the clock starts and answers are looked at after it stops, so the client takes
little of the processor that it shares with the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from serving_report import Reply, summary, wrong

_PATIENCE = 60.0  # seconds after the last request until one without an answer counts as hung


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to ask, and how.

    Attributes:
        host: of the server.
        port: likewise.
        texts: asked in turn, over and over.
        expected: the probability of each label, for each text; none: answers are not looked at.
        bound: how far a probability may be off.
        clients: how many connections ask, each as soon as it is answered.
        rate: requests a second, whether others are answered or not; 0: as `clients` says.
        warm_seconds: before what is measured.
        seconds: of what is measured.
        requests: how many are measured instead, if not 0.
    """

    host: str
    port: int
    texts: list[str]
    expected: list[dict[str, float]]
    bound: float = 1e-4
    clients: int = 64
    rate: float = 0.0
    warm_seconds: float = 1.0
    seconds: float = 5.0
    requests: int = 0


class _Asked(NamedTuple):
    text: int
    at: float


class Connection(asyncio.Protocol):
    """One request at a time over HTTP/1.1; `done` is told of each answer, or of None where the connection broke."""

    def __init__(self, done: Callable[[Connection, _Asked, int, bytes, bytes], None]) -> None:
        self._done = done
        self._asked: _Asked | None = None
        self._received = b""
        self._end = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def ask(self, text: int, request: bytes, at: float) -> None:
        self._asked = _Asked(text, at)
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._end:
            head = self._received.find(b"\r\n\r\n")
            if head < 0:
                return
            length = self._received.lower().index(b"content-length:")
            self._end = head + 4 + int(self._received[length + 15 : self._received.index(b"\r\n", length)])
        if len(self._received) < self._end or self._asked is None:
            return
        head, _, body = self._received.partition(b"\r\n\r\n")
        asked, self._asked, self._received, self._end = self._asked, None, b"", 0
        self._done(self, asked, int(head[9:12]), head, body)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._asked is not None:
            asked, self._asked = self._asked, None
            self._done(self, asked, 0, b"", b"")

    def close(self) -> None:
        self._asked = None
        self._transport.close()


class Load:
    """A plan under way."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._requests = [_request(plan.host, text) for text in plan.texts]
        self._replies: list[Reply] = []
        self._next = 0
        self._waiting = 0
        self._idle: deque[Connection] = deque()
        self._all: list[Connection] = []
        self._measured_from = 0.0
        self._until = 0.0
        self._finished = asyncio.Event()

    async def run(self) -> dict[str, Any]:
        """Carry it out, and return what came of it."""
        plan = self._plan
        await asyncio.gather(*(self._connect() for _ in range(plan.clients)))
        begun = time.perf_counter()
        self._measured_from = begun + plan.warm_seconds
        self._until = float("inf") if plan.requests else self._measured_from + plan.seconds
        if plan.rate:
            await self._at_rate(begun)
        else:
            while self._idle:
                self._ask(self._idle.popleft(), time.perf_counter())
        if self._waiting or plan.requests:
            left = None if plan.requests else max(0.0, self._until - time.perf_counter()) + _PATIENCE
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._finished.wait(), left)
        for connection in self._all:
            connection.close()
        end = min(self._until, time.perf_counter())
        return {
            **summary(self._replies, self._measured_from, end),
            "hung": self._waiting,
            "wrong": wrong(self._replies, plan.expected, plan.bound) if plan.expected else None,
        }

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(self._answered), self._plan.host, self._plan.port
        )
        self._idle.append(connection)
        self._all.append(connection)
        return connection

    async def _at_rate(self, begun: float) -> None:
        sent, opening = 0, set[asyncio.Task[None]]()
        while (now := time.perf_counter()) < self._until:
            while sent <= (now - begun) * self._plan.rate:
                due = begun + sent / self._plan.rate
                sent += 1
                if self._idle:
                    self._ask(self._idle.pop(), due)
                else:
                    opening.add(task := asyncio.ensure_future(self._open(due)))
                    task.add_done_callback(opening.discard)
            await asyncio.sleep(max(0.0, begun + sent / self._plan.rate - time.perf_counter()))
        await asyncio.gather(*opening)

    async def _open(self, due: float) -> None:
        connection = await self._connect()
        self._idle.remove(connection)
        self._ask(connection, due)

    def _ask(self, connection: Connection, at: float) -> None:
        text = self._next % len(self._requests)
        self._next += 1
        self._waiting += 1
        connection.ask(text, self._requests[text], at)

    def _answered(self, connection: Connection, asked: _Asked, status: int, head: bytes, body: bytes) -> None:
        now = time.perf_counter()
        self._waiting -= 1
        told = status != 503 or b"\r\nretry-after:" in head.lower()
        self._replies.append(Reply(asked.text, asked.at, now, status, body if status == 200 else b"", told))
        count, wanted = len(self._replies), self._plan.requests
        if count % 1000 == 0:
            print(count, flush=True)
        if status and self._plan.rate:
            self._idle.append(connection)
        elif status and now < self._until and not (wanted and self._next >= wanted):
            self._ask(connection, now)
        if not self._waiting and (now >= self._until or (wanted and self._next >= wanted)):
            self._finished.set()


def _request(host: str, text: str) -> bytes:
    body = json.dumps({"inputs": text}).encode()
    head = f"POST /predict HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def main() -> None:
    plan = Plan(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    gc.disable()
    print(json.dumps({**asyncio.run(Load(plan).run()), "client_cpu_seconds": round(time.process_time(), 3)}))


if __name__ == "__main__":
    main()
