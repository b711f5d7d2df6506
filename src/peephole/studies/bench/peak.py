"""The machine's multiply-add peak: what a speed is a share of."""

from __future__ import annotations

import ctypes
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from peephole.ops.library import instruction_set, library

_DTYPES = {"float32": 0, "float64": 1, "bfloat16": 2}
_TRIES = 10  # of which the best counts: a peak is not a typical value
_SECONDS = 0.02  # of each


def measure_peak(dtype: str, threads: int) -> float | None:
    """Return the most multiply-adds a second that this machine does on registers alone, with the instruction set in use.

    For bfloat16 that is by the machine's dot product of bfloat16, or by float32's multiply-add where that is faster.

    Args:
        dtype: ``"float32"``, ``"float64"`` or ``"bfloat16"``.
        threads: how many threads do so at once, at least 1.

    Returns:
        Multiply-adds a second of all threads together (each is two floating-point operations); None without the kernel library.
    """
    handle = library().handle
    if handle is None:
        return None
    handle.peephole_peak.restype = ctypes.c_double
    handle.peephole_peak.argtypes = (ctypes.c_char_p, ctypes.c_int32, ctypes.c_int64)
    kinds = ("bfloat16", "float32") if dtype == "bfloat16" else (dtype,)
    return max(_best(handle, _DTYPES[kind], threads) for kind in kinds)


def _best(handle: Any, dtype: int, threads: int) -> float:
    isa = instruction_set().encode()
    repetitions, taken = 500, 0.0
    while taken < _SECONDS / 4:
        repetitions *= 2
        begun = time.perf_counter()
        handle.peephole_peak(isa, dtype, repetitions)
        taken = time.perf_counter() - begun
    repetitions = max(1, int(repetitions * _SECONDS / taken))
    barrier = threading.Barrier(threads)

    def work(_: int) -> tuple[float, float, float]:
        barrier.wait()
        begun = time.perf_counter()
        done = float(handle.peephole_peak(isa, dtype, repetitions))  # without the interpreter's lock
        return begun, time.perf_counter(), done

    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(_TRIES):
            begun, ended, done = zip(*pool.map(work, range(threads)), strict=True)
            best = max(best, sum(done) / (max(ended) - min(begun)))
    return best
