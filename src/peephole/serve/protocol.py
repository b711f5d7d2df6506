"""HTTP/1.1 on a connection, with limits that keep slow and oversized clients from holding it."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from peephole.serve.logs import log
from peephole.serve.problems import MEDIA_TYPE, Problem
from peephole.serve.visit import request_id

_GRACE_SECONDS = 1.0  # longer than the application, which answers a slow body with its own words


class BoundedProtocol(HttpToolsProtocol):
    """A connection whose client must send each head, and each body, in a bounded time, and heads of a bounded size.

    `limited` makes a class with the bounds.
    """

    head_bytes = 16_384
    read_seconds = 10.0

    _timer: asyncio.TimerHandle | None = None
    _in_head = True
    _received = 0  # bytes of a head that has not ended
    _parsed = 0  # bytes of the line and headers of the head that is parsed
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._arm(self.read_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._refused:
            return
        if self._in_head and self._timer is None:
            self._arm(self.read_seconds)  # empty lines begin no head, and may not hold a connection either
        super().data_received(data)
        if self._in_head and not self._refused:
            self._received += len(data)
            if self._received > self.head_bytes:
                self._refuse(self._too_large())

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head, self._parsed = True, 0
        self._arm(self.read_seconds)

    def on_url(self, url: bytes) -> None:
        """Part of the request's line."""
        self._parsed += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._parsed += len(name) + len(value) + 4
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A head has ended."""
        if self._parsed > self.head_bytes:
            self._refuse(self._too_large())
        if self._refused:
            return
        self._in_head, self._received = False, 0
        self._arm(self.read_seconds + _GRACE_SECONDS)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Part of a body."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """A body has ended."""
        if not self._refused:
            self._in_head = True
            self._disarm()
            super().on_message_complete()

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, self._expired)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(Problem(400, "the request must be one of HTTP/1.1; got something else"))

    def _expired(self) -> None:
        self._timer = None
        if self._in_head and self._answering():
            self._arm(self.read_seconds)  # the next head may take its time while this answer is made
        elif self._in_head and self._received:
            self._refuse(Problem(408, f"head: must arrive within {self.read_seconds:g} seconds"))
        else:
            self.transport.close()

    def _answering(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request
        return cycle is not None and not cycle.response_complete

    def _too_large(self) -> Problem:
        return Problem(431, f"head: must be at most {self.head_bytes:,} bytes of line and headers")

    def _refuse(self, problem: Problem) -> None:
        """Close, and say why where no other answer would be taken for this one."""
        self._refused = True
        self._disarm()
        name = request_id(())
        log("refused", request_id=name, status=problem.status, client=self.client[0] if self.client else None)
        if not self._answering() or not (self._in_head or self.cycle.response_started):
            body = problem.body(name)
            head = (
                f"HTTP/1.1 {problem.status} {problem.document(name)['title']}\r\ncontent-type: {MEDIA_TYPE}\r\n"
                f"content-length: {len(body)}\r\nx-request-id: {name}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + body)
        self.transport.close()


def limited(head_bytes: int, read_seconds: float) -> type[BoundedProtocol]:
    """Return a protocol with these bounds."""
    bounds: dict[str, Any] = {"head_bytes": head_bytes, "read_seconds": read_seconds}
    return type("LimitedProtocol", (BoundedProtocol,), bounds)
