"""Answers over HTTP: batches of what waits, limits, several processes.

`Settings` is what can be chosen, `Batcher` packs texts that arrive together, `application.application` is the ASGI application,
`run.run` the whole server. What needs FastAPI, uvicorn or the Prometheus client is imported when a server is made.
"""

from __future__ import annotations

from peephole.serve.batcher import Batcher as Batcher
from peephole.serve.settings import Settings as Settings

__all__ = ["Batcher", "Settings"]
