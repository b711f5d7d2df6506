"""The outermost part of the application: an id, a log line and the metrics of each request, and no answer left out."""

from __future__ import annotations

import logging

from peephole.serve.asgi import App, Message, Receive, Scope, Send, send_problem
from peephole.serve.logs import log
from peephole.serve.metrics import Metrics
from peephole.serve.problems import mistake
from peephole.serve.visit import Visit, begin

_GONE = 499  # in logs and metrics only, as nginx has it: the client left before its answer, or the server had to stop
_PATH = 200  # characters of a path that a log line shows


class Observe:
    """Wraps an application.

    Args:
        app: what answers.
        metrics: what counts.
        deadline_seconds: of each request.
    """

    def __init__(self, app: App, metrics: Metrics, deadline_seconds: float) -> None:
        self._app, self._metrics, self._deadline_seconds = app, metrics, deadline_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = begin(scope, self._deadline_seconds)
        status = 0

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", visit.id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception as error:  # noqa: BLE001 (logged whole; the client is told that it was not its fault)
            log("error", logging.ERROR, error=error, request_id=visit.id)
            if not status:
                await send_problem(told, mistake(), visit.id)
        finally:
            self._count(scope, visit, status or _GONE)

    def _count(self, scope: Scope, visit: Visit, status: int) -> None:
        seconds = visit.seconds
        route = getattr(scope.get("route"), "path", visit.route)
        self._metrics.answered(route, scope["method"], status, seconds)
        client = scope.get("client")
        log(
            "request",
            request_id=visit.id,
            method=scope["method"],
            path=scope["path"][:_PATH],
            status=status,
            milliseconds=round(1000 * seconds, 3),
            client=client[0] if client else None,
            **visit.facts,
        )
