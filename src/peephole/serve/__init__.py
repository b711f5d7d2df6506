"""Answers over HTTP: batches of what waits, limits, several processes.

`Settings` is what can be chosen, `Batcher` packs texts that arrive together, `application.application` is the ASGI application,
`run.run` the whole server. What needs FastAPI, uvicorn or the Prometheus client is imported when a server is made; public names
are loaded when they are first used, so that the settings can be read without a server.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peephole.serve.batcher import Batcher as Batcher
    from peephole.serve.settings import Settings as Settings

_HOMES = {"Batcher": "batcher", "Settings": "settings"}

__all__ = ["Batcher", "Settings"]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"peephole.serve.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'peephole.serve' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
