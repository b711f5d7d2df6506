"""A document of the bench, made by hand, so that every number in a table is known."""

from __future__ import annotations

from typing import Any

from peephole.studies.bench.cases import CASES, CELLS, dense
from peephole.studies.bench.suite import everything


def times(median: float) -> dict[str, Any]:
    return {
        "median": median,
        "lower_quartile": 0.9 * median,
        "upper_quartile": 1.1 * median,
        "shortest": 0.8 * median,
        "calls": 9,
    }


def entrant(label: str, seconds: float | None = None, **facts: Any) -> dict[str, Any]:
    """A timed entrant, or, without seconds, one whose status is among the facts."""
    made: dict[str, Any] = {
        "label": label,
        "who": label,
        "cell": "lstm",
        "case": "tiny",
        "threads": 2,
        "dtype": "float32",
        "multiply_adds": 10**9,
        "errors": {"outputs": 2e-7, "gradients": 3e-6, "bound": 1e-5},
        "status": "timed",
    }
    if seconds is not None:
        made |= {"seconds": times(seconds), "share_of_peak": 0.5}
    return made | facts


def document(races: list[dict[str, Any]], memory: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    cases = {"tiny": dense("tiny", 10, 2, 4, 5), **CASES}
    return {
        "format": 1,
        "command": "peephole bench tiny",
        "date": "2026-01-02",
        "complete": True,
        "machine": {"cpu": "a processor", "cores": 2, "instruction_set": "avx2", "system": "Linux x86_64"},
        "versions": {"python": "3.11", "torch": "2.13"},
        "settings": {"seconds": 1.0, "rounds": 7, "threads": 2},
        "peak": [{"dtype": "float32", "threads": 2, "multiply_adds_per_second": 1e11}],
        "cases": {name: case.to_json() for name, case in cases.items()},
        "races": races,
        "memory": memory or [],
    }


def whole_document() -> dict[str, Any]:
    """A document of everything, in which entrant number n of a race takes n + 1 milliseconds."""
    suite = everything(2)
    races = [
        {
            "title": race.title,
            "pass": "training" if race.training else "forward",
            "per_row": race.per_row,
            "entrants": [
                entrant(
                    label,
                    1e-3 * (number + 1),
                    who=one.who,
                    cell=one.cell,
                    case=one.case.name,
                    threads=one.threads,
                    dtype=one.dtype,
                )
                for number, (label, one) in enumerate(race.entrants.items())
            ],
        }
        for race in suite.races
    ]
    made = document(races)
    made["cases"] = {
        one.case.name: one.case.to_json() for race in suite.races for one in race.entrants.values()
    }
    made["memory"] = [
        {
            "case": one.case.name,
            "cell": one.cell,
            "who": one.who,
            "threads": 2,
            "status": "measured",
            "bytes": {"inputs": 10**6, "outputs": 10**6, "saved": 2 * 10**6, "peak": 5 * 10**6},
        }
        for one in suite.memory
    ]
    assert set(CELLS) >= {one["cell"] for race in races for one in race["entrants"]}
    return made


def step_document() -> dict[str, Any]:
    return {
        "command": "python benchmarks/training_step.py reviews.csv",
        "date": "2026-01-02",
        "machine": {"threads": 2},
        "batches": {"count": 4, "texts": 100, "tokens": 30_000, "padded_steps": 32_000},
        "rounds": 5,
        "results": [
            {"model": "peephole", "error": 1e-15, "bound": 1e-14, "seconds_a_step": times(0.1)},
            {"model": "packed", "error": 0.0, "bound": 1e-14, "seconds_a_step": times(1.2)},
            {"model": "padded", "error": 1.0, "bound": 1e-14},
        ],
    }
