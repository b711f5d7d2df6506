"""One request by hand, so that a test decides when its body comes and when its client leaves."""

from __future__ import annotations

import asyncio

from peephole.serve.asgi import Message, Scope
from support.serving import Here


class Exchange:
    """A request under way, and what has been answered."""

    def __init__(self, server: Here, path: str = "/predict", **headers: str) -> None:
        self.body: asyncio.Queue[Message] = asyncio.Queue()
        self.answer: list[Message] = []
        self.reads = 0
        sent = {
            "host": "localhost",
            "content-type": "application/json",
            **{name.replace("_", "-"): one for name, one in headers.items()},
        }
        self.scope: Scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "headers": [(name.encode(), one.encode()) for name, one in sent.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        self.task = asyncio.ensure_future(server.app(self.scope, self._receive, self._send))

    async def _receive(self) -> Message:
        self.reads += 1
        return await self.body.get()

    async def _send(self, message: Message) -> None:
        self.answer.append(message)

    def say(self, data: bytes, more: bool = False) -> None:
        self.body.put_nowait({"type": "http.request", "body": data, "more_body": more})

    def leave(self) -> None:
        self.body.put_nowait({"type": "http.disconnect"})

    @property
    def status(self) -> int:
        return self.answer[0]["status"]

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.answer[0]["headers"])
