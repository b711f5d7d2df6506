"""A document of a bench on a GPU, made by hand."""

from __future__ import annotations

from typing import Any

from peephole.studies.bench.gpu.cases import chosen
from peephole.studies.bench.gpu.heat import entrant_facts
from peephole.studies.bench.gpu.targets import judge
from peephole.studies.bench.race import Race
from support.bench_document import times

GPU = {
    "name": "a GPU", "capability": "9.0", "memory_bytes": 2**37, "multiprocessors": 132, "l2_bytes": 2**25, "cuda": "12.8",
    "cudnn": 91002, "triton": "3.7.0", "tf32": False, "clock": "CUDA events",
}  # fmt: skip
# Who takes how many milliseconds: every target is reached with these.
MILLISECONDS = {
    "triton": 2.0, "cudnn lstm": 5.0, "cudnn": 5.0, "loop": 60.0, "graph": 30.0, "compile": 20.0, "before": 2.4, "after": 2.0,
    "plain": 2.0, "all values": 2.2,
}  # fmt: skip


def errors_of(race: Race) -> dict[str, Any]:
    gradients = {"rows": 3e-6, "weight_hh_l0": 5e-6} if race.training else None
    return {"outputs": 2e-6, "gradients": gradients, "bound": 1e-5}


def entrants_of(race: Race, milliseconds: dict[str, float] = MILLISECONDS) -> list[dict[str, Any]]:
    return [
        entrant_facts(label, entrant, training=race.training)
        | {
            "status": "timed",
            "seconds": times(milliseconds[label] / 1e3),
            "first_call": 1.5,
            "errors": errors_of(race),
        }
        | ({"driver": "on_chip"} if entrant.who == "triton" else {})
        for label, entrant in race.entrants.items()
    ]


def gpu_document(races: list[Race] | None = None) -> dict[str, Any]:
    """Every race, each with the times above."""
    races = chosen([]) if races is None else races
    made: dict[str, Any] = {
        "format": 1,
        "command": "peephole bench --device cuda",
        "date": "2026-01-02",
        "complete": True,
        "machine": {
            "cpu": "a processor",
            "cores": 2,
            "instruction_set": "avx2",
            "system": "Linux x86_64",
            "gpu": GPU,
        },
        "versions": {"python": "3.11", "torch": "2.13"},
        "settings": {
            "limit": 540.0,
            "race_limit": 120.0,
            "entrant_limit": 60.0,
            "seconds": 1.0,
            "rounds": 5,
        },
        "cases": {e.case.name: e.case.to_json() for race in races for e in race.entrants.values()},
        "races": [
            {
                "title": race.title,
                "pass": "training" if race.training else "forward",
                "seconds": 3.0,
                "entrants": entrants_of(race),
            }
            for race in races
        ],
        "left_out": [],
    }
    return made | {"targets": judge(made)}
