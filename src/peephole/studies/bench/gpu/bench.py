"""The bench on a GPU: races in order of importance, until the time is over, into one JSON document."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import peephole
from peephole.studies.bench.bench import FORMAT, Listener
from peephole.studies.bench.gpu.plan import Settings
from peephole.studies.bench.gpu.stable import GpuStable, ProcessWorker, Worker
from peephole.studies.bench.gpu.targets import judge
from peephole.studies.bench.machine import machine, today, versions
from peephole.studies.bench.race import Race

LEAST = 10.0  # seconds that must be left for a race to begin


def bench_gpu(
    races: Sequence[Race],
    settings: Settings,
    *,
    command: str = "",
    listener: Listener | None = None,
    start: Callable[[Settings], Worker] = ProcessWorker,
    now: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Run races on a GPU.

    Args:
        races: the most important first; those of one title stand together.
        settings: the device, and how long all of it may take.
        command: what was typed.
        listener: hears of each race.
        start: starts the process that has the GPU.
        now: the time in seconds.

    Returns:
        The document; docs/reference/benchmarks.md says what it holds.

    Raises:
        PeepholeError: the process for the GPU could not be started.
    """
    listener = listener or Listener()
    deadline = now() + settings.limit
    cases = {e.case.name: e.case.to_json() for race in races for e in race.entrants.values()}
    with GpuStable(settings, start, now) as stable:
        document: dict[str, Any] = {
            "format": FORMAT,
            "command": command,
            "date": today(),
            "complete": False,
            "machine": machine() | {"gpu": stable.facts},
            "versions": versions() | {"peephole": peephole.__version__},
            "settings": {
                "limit": settings.limit,
                "race_limit": settings.race_limit,
                "entrant_limit": settings.entrant_limit,
                "seconds": settings.seconds,
                "rounds": settings.rounds,
            },
            "cases": cases,
            "races": [],
            "left_out": [],
            "targets": [],
        }
        for done, race in enumerate(races):
            kind = "training" if race.training else "forward"
            begun = now()
            if deadline - begun < min(LEAST, settings.race_limit):
                reason = f"the {settings.limit:.0f} s of the bench were over"
                document["left_out"].append({"title": race.title, "pass": kind, "reason": reason})
                continue
            listener.begin(done, len(races), f"{race.title} · {kind}: {', '.join(race.entrants)}")
            entrants = stable.run(race, deadline)
            document["races"].append(
                {"title": race.title, "pass": kind, "seconds": now() - begun, "entrants": entrants}
            )
            document["targets"] = judge(document)
            last = done + 1 == len(races) or races[done + 1].title != race.title
            listener.finish(document, table_ends=last)
        document["complete"] = not document["left_out"]
    return document
