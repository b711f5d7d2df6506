"""Scoring more texts than fit in memory, in several processes or on a Ray cluster, with nothing lost (no torch).

Names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peephole.scoring.job import score as score
    from peephole.scoring.progress import Listener as Listener
    from peephole.scoring.progress import listener_for as listener_for
    from peephole.scoring.request import ScoreRequest as ScoreRequest
    from peephole.scoring.summary import Summary as Summary

_PLACES = {
    "Listener": "progress",
    "ScoreRequest": "request",
    "Summary": "summary",
    "listener_for": "progress",
    "score": "job",
}

__all__ = ["Listener", "ScoreRequest", "Summary", "listener_for", "score"]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module 'peephole.scoring' has no attribute {name!r}")
    return getattr(importlib.import_module(f"peephole.scoring.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
