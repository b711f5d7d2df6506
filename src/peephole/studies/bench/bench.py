"""The bench: races and memory, one after the other, into one JSON document."""

from __future__ import annotations

from typing import Any

import torch

import peephole
from peephole.studies.bench.contender import Refusal
from peephole.studies.bench.machine import machine, today, versions
from peephole.studies.bench.memory import measure_memory
from peephole.studies.bench.peak import measure_peak
from peephole.studies.bench.race import Entrant, Stable, run_race
from peephole.studies.bench.suite import Suite
from peephole.studies.bench.timing import ROUNDS

FORMAT = 1


class Listener:
    """Hears what the bench does, and says nothing; a base for those that do."""

    def begin(self, done: int, total: int, what: str) -> None:
        """Hear that a piece of work begins, `done` of `total` being done."""

    def finish(self, document: dict[str, Any], *, table_ends: bool) -> None:
        """Hear that a piece of work is in the document; `table_ends` when no more belongs to the same table."""


def bench(
    suite: Suite, *, seconds: float, command: str = "", listener: Listener | None = None
) -> dict[str, Any]:
    """Run a suite.

    Args:
        suite: races and measurements of memory.
        seconds: how long turns are taken in each race, at least 0.
        command: what was typed.
        listener: hears of each piece of work.

    Returns:
        The document; docs/reference/benchmarks.md says what it holds.
    """
    races, memory, threads = suite.races, suite.memory, suite.threads
    listener, before = listener or Listener(), torch.get_num_threads()
    cases = {
        entrant.case.name: entrant.case.to_json() for race in races for entrant in race.entrants.values()
    }
    cases |= {entrant.case.name: entrant.case.to_json() for entrant in memory}
    dtypes = sorted({entrant.dtype for race in races for entrant in race.entrants.values()})
    counts = sorted({1, threads})
    measured = {(dtype, count): measure_peak(dtype, count) for dtype in dtypes for count in counts}
    peaks = {key: peak for key, peak in measured.items() if peak is not None}
    document: dict[str, Any] = {
        "format": FORMAT,
        "command": command,
        "date": today(),
        "complete": False,
        "machine": machine(),
        "versions": versions() | {"peephole": peephole.__version__},
        "settings": {"seconds": seconds, "rounds": ROUNDS, "threads": threads},
        "peak": [
            {"dtype": dtype, "threads": count, "multiply_adds_per_second": peak}
            for (dtype, count), peak in peaks.items()
        ],
        "cases": cases,
        "races": [],
        "memory": [],
    }
    total, stable = len(races) + len(memory), Stable()
    try:
        for done, race in enumerate(races):
            kind = "training" if race.training else "forward"
            listener.begin(done, total, f"{race.title} · {kind}: {', '.join(race.entrants)}")
            document["races"].append(run_race(race, seconds, stable, peaks=peaks))
            document["complete"] = done + 1 == total
            last = done + 1 == len(races) or races[done + 1].title != race.title
            listener.finish(document, table_ends=last)
    finally:
        torch.set_num_threads(before)
    for done, entrant in enumerate(memory):
        what = f"memory · {entrant.case.name} · {entrant.cell}: {entrant.who}"
        listener.begin(len(races) + done, total, what)
        document["memory"].append(_memory(entrant))
        document["complete"] = done + 1 == len(memory)
        listener.finish(document, table_ends=done + 1 == len(memory))
    return document


def _memory(entrant: Entrant) -> dict[str, Any]:
    facts = {"case": entrant.case.name, "cell": entrant.cell, "who": entrant.who, "threads": entrant.threads}
    found = measure_memory(entrant.who, entrant.case, entrant.cell, entrant.threads)
    if isinstance(found, Refusal):
        return facts | {"status": "refused", "reason": found.reason}
    return facts | {"status": "measured", "bytes": found}
