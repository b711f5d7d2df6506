"""A server in this process, asked without a network."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

from peephole.classifier import Classifier
from peephole.serve import Settings
from peephole.serve.application import application
from peephole.serve.asgi import App
from peephole.serve.logs import NAME, JsonFormatter
from peephole.serve.service import Service
from support.models import word_counter

Result = TypeVar("Result")
JSON = {"content-type": "application/json"}


class Here:
    """An application and a loop that it answers in.

    Args:
        settings: of the server.
        classifiers: by name; a word counter, if none are given.
    """

    def __init__(self, settings: Settings | None = None, **classifiers: Classifier) -> None:
        self.settings = settings or Settings()
        self._loop = asyncio.new_event_loop()
        self.service = Service(self.settings, classifiers or {"counter": word_counter()})
        self.app: App = application(self.service)
        self.logged: list[dict[str, Any]] = []

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._loop.run_until_complete(work)

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
        return httpx.AsyncClient(transport=transport, base_url="http://localhost")

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask once."""

        async def asked() -> httpx.Response:
            async with self.client() as client:
                return await client.request(method, path, **options)

        return self.run(asked())

    def post(self, path: str, document: Any, **options: Any) -> httpx.Response:
        """Post a document as JSON."""
        return self.ask("POST", path, content=json.dumps(document), headers=JSON, **options)

    def close(self) -> None:
        self.run(self.service.close())
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self.run(asyncio.sleep(0))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


@contextmanager
def here(settings: Settings | None = None, **classifiers: Classifier) -> Iterator[Here]:
    """A server for the block; its log lines, as they would be written, are in `logged`."""
    server = Here(settings, **classifiers)

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            server.logged.append(json.loads(self.format(record)))

    handler = Collect()
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger(NAME)
    level, spread = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield server
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = spread
        server.close()


def refused(response: httpx.Response, status: int) -> Mapping[str, Any]:
    """The document of a refusal, whose form is checked."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found = response.json()
    assert {"type", "title", "status", "detail", "request_id"} <= set(found)
    assert found["status"] == status
    assert found["request_id"] == response.headers["x-request-id"]
    return found
