"""What is decided before a body is read: who may ask, whether there is a place, and how much is read at most."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Mapping

from peephole.serve.asgi import App, Message, Receive, Scope, Send, send_problem
from peephole.serve.hosts import Hosts
from peephole.serve.metrics import Metrics
from peephole.serve.places import Claim, Places
from peephole.serve.problems import Problem, no_path
from peephole.serve.settings import Settings
from peephole.serve.visit import header, visit_of

PROBES = frozenset({"/health", "/ready"})  # know neither token nor name
OPEN = PROBES | {"/"}  # the page asks for the token
RETRY_SECONDS = 1


class Guard:
    """Wraps an application.

    Args:
        app: what answers.
        settings: the limits, the token and the names to answer under.
        queues: by path, the places that a request to it must have.
        metrics: is told of their number.
    """

    def __init__(self, app: App, settings: Settings, queues: Mapping[str, Places], metrics: Metrics) -> None:
        self._app, self._settings, self._queues, self._metrics = app, settings, queues, metrics
        self._hosts = Hosts(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI. Reading a body raises `Problem`: 408, 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _check_path(scope)
            self._check_host(scope)
            self._check_token(scope)
            bounded = self._bounded(scope, receive)
            claim = self._claim(scope)
        except Problem as problem:
            await send_problem(send, problem, visit_of(scope).id)
            return
        if claim is None:
            await self._app(scope, bounded, send)
            return

        def leave() -> None:
            claim.release()
            self._metrics.queue(scope["path"][1:], self._queues[scope["path"]].taken)

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.start":
                leave()  # a client that reads slowly keeps no place
            await send(message)

        try:
            await self._app(scope, bounded, answering)
        finally:
            leave()

    def _claim(self, scope: Scope) -> Claim | None:
        """Take a place for a request that needs one."""
        places = self._queues.get(scope["path"]) if scope["method"] == "POST" else None
        if places is None:
            return None
        visit, queue = visit_of(scope), scope["path"][1:]
        visit.route = scope["path"]
        visit.claim = places.take()
        if visit.claim is None:
            raise full(queue, places)
        self._metrics.queue(queue, places.taken)
        return visit.claim

    def _check_host(self, scope: Scope) -> None:
        if scope["path"] in PROBES:  # a probe knows an address only, and learns nothing that a page may not
            return
        problem = self._hosts.problem(scope["headers"], scope["http_version"])
        if problem is not None:
            raise problem

    def _check_token(self, scope: Scope) -> None:
        if self._settings.token is None or scope["path"] in OPEN:
            return
        kind, _, given = (header(scope["headers"], b"authorization") or b"").partition(b" ")
        right = hmac.compare_digest(given.strip(), self._settings.token.encode())
        if kind.lower() != b"bearer" or not right:
            raise Problem(
                401,
                "Authorization: must be 'Bearer' and this server's token",
                hint="ask whoever runs the server",
                headers={"WWW-Authenticate": "Bearer"},
            )

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """Return `receive`, with the limits on a body's bytes and time."""
        most = self._settings.body_bytes
        announced = header(scope["headers"], b"content-length")
        if announced is not None and announced.isdigit() and int(announced[:20]) > most:
            raise _too_large(most, f"{int(announced[:20]):,}")
        end = time.monotonic() + self._settings.read_seconds
        count, complete = 0, False

        async def bounded() -> Message:
            nonlocal count, complete
            if complete:
                return await receive()  # nothing more comes but the news that the client has gone
            try:
                message = await asyncio.wait_for(receive(), max(0.0, end - time.monotonic()))
            except asyncio.TimeoutError:
                raise Problem(
                    408,
                    f"body: must arrive within {self._settings.read_seconds:g} seconds; got {count:,} bytes of it",
                    headers={"Connection": "close"},
                ) from None
            count += len(message.get("body", b""))
            complete = message["type"] != "http.request" or not message.get("more_body", False)
            if count > most:
                raise _too_large(most, f"{count:,} or more")
            return message

        return bounded


def _check_path(scope: Scope) -> None:
    """Refuse what is no path before anything is decided by it: for a router, one that ends in a newline is one without."""
    if not scope["path"].isprintable():
        raise no_path(scope["method"], scope["path"])


def full(queue: str, places: Places) -> Problem:
    """Return the refusal of a request for which there is no place."""
    return Problem(
        503,
        f"{queue}: at most {places.most:,} may wait or run at once; got {places.taken:,} before this one",
        hint=f"try again in {RETRY_SECONDS} second",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def _too_large(most: int, got: str) -> Problem:
    return Problem(
        413,
        f"body: must be at most {most:,} bytes; got {got}",
        hint="send fewer texts with each request",
        headers={"Connection": "close"},
    )
