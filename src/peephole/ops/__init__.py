"""Running a cell over a batch of sequences: one door, several backends behind it."""

from __future__ import annotations

from peephole.ops.dispatch import BackendInfo as BackendInfo
from peephole.ops.dispatch import Choice as Choice
from peephole.ops.dispatch import backends as backends
from peephole.ops.dispatch import choose_backend as choose_backend
from peephole.ops.recording import Recording as Recording
from peephole.ops.recording import record as record
from peephole.ops.request import Output as Output
from peephole.ops.request import Request as Request
from peephole.ops.run import run as run
from peephole.ops.run import run_padded as run_padded
from peephole.ops.sequences import Sequences as Sequences
from peephole.ops.thread_limit import available_threads as available_threads
from peephole.ops.thread_limit import limit_threads as limit_threads

__all__ = [
    "BackendInfo",
    "Choice",
    "Output",
    "Recording",
    "Request",
    "Sequences",
    "available_threads",
    "backends",
    "choose_backend",
    "limit_threads",
    "record",
    "run",
    "run_padded",
]
