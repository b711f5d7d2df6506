"""How many threads a call may use: fewer, where callers of ours already share the processors among them."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager

_local = threading.local()


@contextmanager
def limit_threads(most: int) -> Generator[None]:
    """Let calls of this thread use at most so many threads, at least 1, until the end of the block.

    A call gives the same bits with any number of them.

    Example:
        >>> with limit_threads(1):
        ...     thread_limit()
        1
    """
    before = thread_limit()
    _local.most = most
    try:
        yield
    finally:
        _local.most = before


def thread_limit() -> int | None:
    """Return the most threads that calls of this thread may use; None: no limit was set."""
    return getattr(_local, "most", None)


def available_threads() -> int:
    """Return the threads that NumPy arrays are run on: ``OMP_NUM_THREADS``, or the machine's processors; at most the limit."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        count = int(asked)
    else:
        count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    most = thread_limit()
    return count if most is None else min(count, most)
