"""Comparisons of our layers with each other, each a list of races with cases, cells and dtypes of its own."""

from __future__ import annotations

from collections.abc import Callable

from peephole.errors import OptionError
from peephole.studies.bench.cases import CASES, CELLS, REVIEWS, Case, dense, ragged
from peephole.studies.bench.race import Entrant, Race

DTYPES = ("float32", "bfloat16", "float64")
TORCH_CELLS = ("lstm", "gru", "rnn")
PASSES = (False, True)  # training?
_LARGE = ("review", "review-256", "wide")
_LONG = (100, 300, 1_000, 3_000, 10_000)  # steps
_LONG_BATCH = 8


def _ours(cell: str, case: Case, threads: int, dtype: str = "float32") -> Entrant:
    return Entrant("peephole", case, cell, threads, dtype)


def _cells(threads: int) -> list[Race]:
    """Our cells against our LSTM."""
    return [
        Race(f"cells · {name}", training, {cell: _ours(cell, CASES[name], threads) for cell in CELLS})
        for name in _LARGE
        for training in PASSES
    ]


def _gates(threads: int) -> list[Race]:
    """All named values returned, against the plain forward pass."""
    case = CASES["review"]
    return [
        Race(
            f"gates · review · {cell}",
            False,
            {
                "plain": Entrant("peephole-run", case, cell, threads),
                "all values": Entrant("peephole-values", case, cell, threads),
            },
        )
        for cell in ("lstm", "gru", "peephole-lstm")
    ]


def _dtypes(threads: int) -> list[Race]:
    """bfloat16 and float64 against float32, and torch's."""
    races: list[Race] = []
    for name in _LARGE:
        # torch's float64 takes long: on one case only, but there for all its cells.
        dtypes = DTYPES if name == "review" else DTYPES[:2]
        for cell in TORCH_CELLS if name == "review" else ("lstm",):
            entrants = {dtype: _ours(cell, CASES[name], threads, dtype) for dtype in dtypes}
            entrants |= {
                f"torch {dtype}": Entrant("torch", CASES[name], cell, threads, dtype) for dtype in dtypes
            }
            races += [Race(f"dtypes · {name} · {cell}", training, entrants) for training in PASSES]
    return races


def _threads(threads: int) -> list[Race]:
    """All threads against one."""
    if threads == 1:
        raise OptionError(
            "bench: the comparison 'threads' needs at least two threads; got one",
            hint="pass --threads 2, or set OMP_NUM_THREADS",
        )
    return [
        Race(
            f"threads · {name} · {cell}",
            training,
            {
                f"{count} thread{'s' if count > 1 else ''}": _ours(cell, CASES[name], count)
                for count in (threads, 1)
            },
        )
        for name in ("review-256", "single")
        for cell in TORCH_CELLS
        for training in PASSES
    ]


def _long(threads: int) -> list[Race]:
    """The time of a row by the number of steps."""
    return [
        Race(
            f"long · {cell}",
            training,
            {
                f"{steps:,} steps": _ours(cell, dense(f"long-{steps}", steps, _LONG_BATCH, 128, 128), threads)
                for steps in _LONG
            },
            per_row=True,
        )
        for cell in ("lstm", "gru")
        for training in PASSES
    ]


def _lengths(threads: int) -> list[Race]:
    """The time of a row by the sum of lengths."""
    scaled = {"a quarter": 1, "half": 2, "the reviews": 4, "four times": 16}
    cases = {
        label: ragged(f"packed × {part}/4", [length * part // 4 for length in REVIEWS], 128, 128)
        for label, part in scaled.items()
    }
    return [
        Race(
            f"lengths · {cell}",
            training,
            {f"{label}: {case.rows:,} rows": _ours(cell, case, threads) for label, case in cases.items()},
            per_row=True,
        )
        for cell in ("lstm", "gru")
        for training in PASSES
    ]


# Name on the command line → races for so many threads.
COMPARISONS: dict[str, Callable[[int], list[Race]]] = {
    "cells": _cells,
    "gates": _gates,
    "dtypes": _dtypes,
    "threads": _threads,
    "long": _long,
    "lengths": _lengths,
}
