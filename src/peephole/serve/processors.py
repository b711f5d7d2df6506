"""Sharing the processors: what answers, what cuts texts and what runs the model are threads of one process."""

from __future__ import annotations

import ctypes
import sys

_SWITCH_SECONDS = 0.02
_ARENAS = 2
_M_ARENA_MAX = -8  # of mallopt(3)


def share_processors() -> None:
    """Keep the threads of this process from taking processors and memory from each other; once, before it answers.

    Batches run on one processor each. A BLAS with threads of its own would let them wait for work on all the others,
    without rest. The lock of the interpreter is asked for every 20 milliseconds and not every
    5: threads that compute give it up by themselves, and each time that the event loop must, it waits to get it back. And memory
    that one thread gave back can be had by another: arenas for each would keep it.
    """
    import threadpoolctl

    threadpoolctl.threadpool_limits(limits=1, user_api="blas")  # for good, where it is no context
    sys.setswitchinterval(_SWITCH_SECONDS)
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        if hasattr(library, "mallopt"):  # glibc; others have no arenas
            library.mallopt(_M_ARENA_MAX, _ARENAS)
