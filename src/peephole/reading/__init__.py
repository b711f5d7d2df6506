"""Tables and texts in, one record at a time, in order."""

from __future__ import annotations

from peephole.reading.matching import drop_repeats, normalise_for_matching
from peephole.reading.records import Problem, Record, Tally
from peephole.reading.source import FORMATS, read
from peephole.reading.split import SplitRule, split_development
from peephole.reading.stream import RecordStream

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
