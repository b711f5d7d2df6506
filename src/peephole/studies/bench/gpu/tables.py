"""From the document of a bench on a GPU to what is printed."""

from __future__ import annotations

from typing import Any

from peephole.studies.bench.table import Table, number, times
from peephole.studies.bench.tables import case_text

_PASS = {"forward": "forward", "training": "fwd + bwd"}


def heading(document: dict[str, Any]) -> str:
    """Return what was measured with, on which machine and when, in a few lines."""
    machine, versions = document["machine"], document["versions"]
    gpu = machine["gpu"]
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    memory = "" if gpu["memory_bytes"] is None else f", {gpu['memory_bytes'] / 2**30:.0f} GiB"
    capability = "" if gpu["capability"] is None else f", compute capability {gpu['capability']}"
    return "\n".join(
        [
            f"{document['date']} · {gpu['name']}{memory}{capability} · {machine['cpu']}, {machine['system']}",
            f"CUDA {gpu['cuda'] or '–'}, cuDNN {gpu['cudnn'] or '–'}, triton {gpu['triton']}, {named}",
            f"TF32 {'on' if gpu['tf32'] else 'off'} · timed with {gpu['clock']}",
            "× is the time as a multiple of the first of the table's pass: above 1, the first is faster.",
        ]
    )


def last_table(document: dict[str, Any]) -> Table:
    """Return the table that the newest race belongs to."""
    title = document["races"][-1]["title"]
    return races_table(document, [race for race in document["races"] if race["title"] == title])


def races_table(document: dict[str, Any], races: list[dict[str, Any]]) -> Table:
    """Return one table of races that share a title."""
    rows: list[tuple[str, ...]] = []
    notes: dict[str, None] = {}
    for race in races:
        first = next((e["seconds"]["median"] for e in race["entrants"][:1] if "seconds" in e), None)
        for entrant in race["entrants"]:
            if "seconds" in entrant:
                rows.append((_PASS[race["pass"]], *_cells(entrant, first)))
                if "note" in entrant:
                    notes[f"{entrant['label']}, {_PASS[race['pass']]}: {entrant['note']}"] = None
            else:
                notes[f"{entrant['label']}, {_PASS[race['pass']]}: {_why(entrant)}"] = None
    case = document["cases"][races[0]["entrants"][0]["case"]]
    columns = ("<pass", "<", "time, ms", "quartiles", "×", "first call, s", "error", "<worst", "<driver")
    return Table(f"{races[0]['title']} · {case_text(case)}", columns, tuple(rows), tuple(notes))


def _cells(entrant: dict[str, Any], first: float | None) -> tuple[str, ...]:
    seconds = entrant["seconds"]
    where, error = _worst(entrant["errors"])
    low, high = (number(1e3 * seconds[name]) for name in ("lower_quartile", "upper_quartile"))
    return (
        entrant["label"],
        number(1e3 * seconds["median"]),
        f"{low}–{high}",
        "" if first is None else times(seconds["median"] / first),
        number(entrant["first_call"]),
        "∞" if error is None else f"{error:.0e}",
        where,
        entrant.get("driver", ""),
    )


def _worst(errors: dict[str, Any]) -> tuple[str, float | None]:
    """Which result errs most, and how much; None is without end."""
    all_of_them = {"outputs": errors["outputs"], **(errors["gradients"] or {})}
    where = max(
        all_of_them, key=lambda name: float("inf") if all_of_them[name] is None else all_of_them[name]
    )
    return where, all_of_them[where]


def _why(entrant: dict[str, Any]) -> str:
    if entrant["status"] == "refused":
        return f"not run: {entrant['reason']}"
    if entrant["status"] == "failed":
        return f"failed: {entrant['reason']}"
    where, error = _worst(entrant["errors"])
    said = "without end" if error is None else f"{error:.1e}"
    return f"void, since its results are wrong: the error of {where} is {said}, allowed is {entrant['errors']['bound']:.0e}"


def targets_table(document: dict[str, Any]) -> Table:
    """Return each target with what was found."""
    rows = [
        (
            target["name"],
            f"{target['rule']} {target['bound']:g} ×",
            "" if target["worst"] is None else times(target["worst"]),
            f"{target['measured']}/{target['of']}",
            target["status"],
            target["at"] or "",
        )
        for target in document["targets"]
    ]
    notes = [f"left out: {left['title']} · {_PASS[left['pass']]}: {left['reason']}" for left in document["left_out"]]  # fmt: skip
    columns = ("<target", "<asks", "worst", "measured", "<", "<worst at")
    return Table("targets", columns, tuple(rows), tuple(notes))
