"""HTTP/1.1 on a connection, with limits that keep slow and oversized clients from holding it."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from peephole.serve.logs import log
from peephole.serve.problems import MEDIA_TYPE, Problem
from peephole.serve.settings import Settings
from peephole.serve.visit import request_id

_GRACE_SECONDS = 1.0  # longer than the application, which answers a slow body with its own words


class BoundedProtocol(HttpToolsProtocol):
    """A connection whose client must send heads of a bounded size, each in a bounded time, and so each body, and take answers.

    One request at a time: what comes before the answer to the one before is not read, and the connection is closed after that
    answer, which says so. Clients that send several at once must be ready for it (RFC 9112, section 9.3.2), and a connection
    holds one request and no more. `limited` makes a class with the bounds.
    """

    head_bytes = 16_384
    read_seconds = 10.0
    write_seconds = 10.0
    most = 1000  # connections of this process

    _timer: asyncio.TimerHandle | None = None
    _in_head = True
    _unparsed = (
        0  # bytes since the last head, or part of a body, was whole: of a head, of what stands around chunks
    )
    _parsed = 0  # bytes of the line and headers of the head that is parsed
    _deaf = False  # nothing more is read
    _watcher: asyncio.TimerHandle | None = None
    _untaken = 0  # bytes that the client had not taken when the watcher last looked

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # told of anything that the system does not take at once
        self._arm(self.read_seconds)
        if len(self.connections) > self.most:
            why = f"the server: at most {self.most:,} connections may be open at once"
            self._refuse(Problem(503, why, headers={"Retry-After": "1"}))

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._disarm()
        self._stop_watching()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not take what it is sent as fast as it comes."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """The client has taken everything."""
        super().resume_writing()
        self._stop_watching()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._deaf:
            return
        if self._in_head and self._timer is None:
            self._arm(self.read_seconds)  # empty lines begin no head, and may not hold a connection either
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > self.head_bytes and not self._deaf:
            self._refuse(self._too_large())

    def on_message_begin(self) -> None:
        """A head begins."""
        if self._answering():
            self._close_after_answer()
        if self._deaf:
            return
        super().on_message_begin()
        self._in_head, self._parsed = True, 0
        self._arm(self.read_seconds)

    def on_url(self, url: bytes) -> None:
        """Part of the request's line."""
        if not self._deaf:
            self._parsed += len(url)
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; or, after a body in chunks, a trailer, which is no header and is left out."""
        if self._in_head and not self._deaf:
            self._parsed += len(name) + len(value) + 4
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A head has ended."""
        if self._deaf:
            return
        if self._parsed > self.head_bytes:
            self._refuse(self._too_large())
            return
        super().on_headers_complete()
        self._in_head, self._unparsed = False, 0
        self._arm(self.read_seconds + _GRACE_SECONDS)

    def on_body(self, body: bytes) -> None:
        """Part of a body."""
        if not self._deaf:
            self._unparsed = 0
            super().on_body(body)

    def on_message_complete(self) -> None:
        """A body has ended."""
        if not self._deaf:
            self._in_head, self._unparsed = True, 0
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
        if not self._deaf:
            self._refuse(Problem(400, "the request must be one of HTTP/1.1; got something else"))

    def _expired(self) -> None:
        self._timer = None
        if self._in_head and self._answering():
            return  # empty lines came, and no head; once the answer is sent, the time between requests runs
        if self._in_head and self._unparsed:
            self._refuse(Problem(408, f"head: must arrive within {self.read_seconds:g} seconds"))
        else:
            self.transport.close()

    def _watch(self) -> None:
        self._untaken = self.transport.get_write_buffer_size()
        self._watcher = self.loop.call_later(self.write_seconds, self._watched)

    def _watched(self) -> None:
        if self.transport.get_write_buffer_size() < self._untaken:
            self._watch()
            return
        log("an answer was not taken", client=self.client[0] if self.client else None, bytes=self._untaken)
        self.transport.abort()

    def _stop_watching(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None

    def _answering(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request
        return cycle is not None and not cycle.response_complete

    def _close_after_answer(self) -> None:
        self._deaf = True
        self._disarm()
        self.cycle.keep_alive = False

    def _too_large(self) -> Problem:
        if self._in_head:
            return Problem(431, f"head: must be at most {self.head_bytes:,} bytes of line and headers")
        return Problem(
            431, f"body: must have at most {self.head_bytes:,} bytes around a chunk and after the last"
        )

    def _refuse(self, problem: Problem) -> None:
        """Close, and say why where no other answer would be taken for this one."""
        name = request_id(())
        log("refused", request_id=name, status=problem.status, client=self.client[0] if self.client else None)
        if self._in_head and self._answering():
            self._close_after_answer()
            return
        self._deaf = True
        self._disarm()
        if self._in_head or (self._answering() and not self.cycle.response_started):
            body = problem.body(name)
            headers = {
                "content-type": MEDIA_TYPE,
                "content-length": str(len(body)),
                "x-request-id": name,
                "connection": "close",
                **problem.headers,
            }
            head = f"HTTP/1.1 {problem.status} {problem.document(name)['title']}\r\n"
            head += "".join(f"{one}: {value}\r\n" for one, value in headers.items())
            self.transport.write(head.encode("ascii") + b"\r\n" + body)
        self.transport.close()


def limited(settings: Settings) -> type[BoundedProtocol]:
    """Return a protocol with the bounds of a server."""
    bounds: dict[str, Any] = {
        "head_bytes": settings.head_bytes,
        "read_seconds": settings.read_seconds,
        "write_seconds": settings.write_seconds,
        "most": settings.connections,
    }
    return type("LimitedProtocol", (BoundedProtocol,), bounds)
