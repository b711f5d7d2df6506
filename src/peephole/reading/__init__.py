"""Tables and texts in, one record at a time, in order.

Names are loaded when they are first used: a program that is given its texts by hand needs none of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peephole.reading.matching import drop_repeats, normalise_for_matching
    from peephole.reading.records import Problem, Record, Tally
    from peephole.reading.source import FORMATS, read
    from peephole.reading.split import SplitRule, split_development
    from peephole.reading.stream import RecordStream

_PLACES = {
    "FORMATS": "source",
    "Problem": "records",
    "Record": "records",
    "RecordStream": "stream",
    "SplitRule": "split",
    "Tally": "records",
    "drop_repeats": "matching",
    "normalise_for_matching": "matching",
    "read": "source",
    "split_development": "split",
}

__all__ = [
    "FORMATS",
    "Problem",
    "Record",
    "RecordStream",
    "SplitRule",
    "Tally",
    "drop_repeats",
    "normalise_for_matching",
    "read",
    "split_development",
]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module 'peephole.reading' has no attribute {name!r}")
    return getattr(importlib.import_module(f"peephole.reading.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
