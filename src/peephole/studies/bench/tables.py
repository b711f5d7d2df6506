"""From the bench's document to the tables that are printed while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peephole.studies.bench.table import Table, number, percent, times

_PASS = {"forward": "forward", "training": "fwd + bwd"}


def heading(document: dict[str, Any]) -> str:
    """Return what was measured with, on which machine and when, in a few lines."""
    machine, versions, settings = document["machine"], document["versions"], document["settings"]
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    peaks = [
        f"{number(2e-9 * peak['multiply_adds_per_second'])} GFLOP/s in {peak['dtype']} on {_threads(peak['threads'])}"
        for peak in document["peak"]
    ]
    return "\n".join(
        [
            f"{document['date']} · {machine['cpu']}, {machine['cores']} cores, {machine['system']} · "
            f"kernels for {machine['instruction_set']} · {_threads(settings['threads'])}",
            named,
            f"multiply-add peak: {'; '.join(peaks) or 'not measured'}",
            "× is the time as a multiple of the first of the table's pass: above 1, the first is faster.",
        ]
    )


def last_table(document: dict[str, Any]) -> Table:
    """Return the table that the newest results belong to: of the last races with one title, or of memory."""
    if document["memory"]:
        return memory_table(document)
    title = document["races"][-1]["title"]
    return race_table(document, [race for race in document["races"] if race["title"] == title])


def race_table(document: dict[str, Any], races: Sequence[dict[str, Any]]) -> Table:
    """Return one table of races that share a title."""
    cases, per_row = document["cases"], races[0]["per_row"]
    entrants = [entrant for race in races for entrant in race["entrants"]]
    heading = [races[0]["title"]]
    if len(names := {entrant["case"] for entrant in entrants}) == 1:
        heading.append(case_text(cases[names.pop()]))
    if len(dtypes := {entrant["dtype"] for entrant in entrants}) == 1:
        heading.append(dtypes.pop())
    if len(counts := {entrant["threads"] for entrant in entrants}) == 1:
        heading.append(_threads(counts.pop()))
    first = "one row" if per_row else "time"
    columns = (
        "<pass",
        "<",
        f"{first}, {'ns' if per_row else 'ms'}",
        "quartiles",
        "×",
        "GFLOP/s",
        "peak",
        "error",
    )
    rows: list[tuple[str, ...]] = []
    notes: dict[str, None] = {}
    for race in races:
        for entrant in race["entrants"]:
            label = entrant["label"]
            if entrant["status"] == "refused":
                hint = f" ({entrant['hint']})" if entrant["hint"] else ""
                elsewhere = any(one["label"] == label and one["status"] != "refused" for one in entrants)
                where = f"{label}, {_PASS[race['pass']]}" if elsewhere else label
                notes[f"{where}: not run: {entrant['reason']}{hint}"] = None
            elif entrant["status"] == "wrong":
                errors = entrant["errors"]
                notes[
                    f"{label}, {_PASS[race['pass']]}: no time, since its results are wrong: error {_error(errors)}, "
                    f"allowed {errors['bound']:.0e}"
                ] = None
            else:
                rows.append((_PASS[race["pass"]], label, *_numbers(entrant, race, cases)))
    return Table(" · ".join(heading), columns, tuple(_without_repeats(rows)), tuple(notes))


def _without_repeats(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [("" if k and rows[k - 1][0] == row[0] else row[0], *row[1:]) for k, row in enumerate(rows)]


def _numbers(entrant: dict[str, Any], race: dict[str, Any], cases: dict[str, Any]) -> list[str]:
    seconds = entrant["seconds"]
    scale = 1e9 / cases[entrant["case"]]["R"] if race["per_row"] else 1e3
    lower, upper = (number(seconds[name] * scale) for name in ("lower_quartile", "upper_quartile"))
    share = entrant.get("share_of_peak")
    ratio = ratio_to_first(race, entrant, cases)
    return [
        number(seconds["median"] * scale),
        f"{lower}–{upper}",
        "" if ratio is None else times(ratio),
        number(2e-9 * entrant["multiply_adds"] / seconds["median"]),
        "" if share is None else percent(share),
        _error(entrant["errors"]),
    ]


def ratio_to_first(race: dict[str, Any], entrant: dict[str, Any], cases: dict[str, Any]) -> float | None:
    """Return the time of an entrant as a multiple of the first one's; of a row's, where rows are compared.

    None where one of the two has no time.
    """
    first = race["entrants"][0]
    if "seconds" not in first or "seconds" not in entrant:
        return None
    ratio = entrant["seconds"]["median"] / first["seconds"]["median"]
    if race["per_row"]:
        ratio *= cases[first["case"]]["R"] / cases[entrant["case"]]["R"]
    return ratio


def _error(errors: dict[str, Any]) -> str:
    return f"{max(errors['outputs'], errors['gradients'] or 0.0):.0e}"


def case_text(case: dict[str, Any]) -> str:
    """Return the sizes of a case, for a heading."""
    shape = f"{case['T']:,} × {case['N']}"
    if case["lengths"] != "equal":
        shape = f"{case['N']} lengths of {min(case['lengths'])} to {case['T']}, {case['R']:,} steps"
    deep = f", {case['L']} layers" if case["L"] > 1 else ""
    both = ", both directions" if case["K"] == 2 else ""
    return f"{shape}, {case['D']} → {case['H']}{deep}{both}"


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


def memory_table(document: dict[str, Any]) -> Table:
    """Return the peak memory of training steps: ours, what must be held, and torch's."""
    found: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    notes: dict[str, None] = {}
    for entry in document["memory"]:
        if entry["status"] == "measured":
            found.setdefault((entry["case"], entry["cell"]), {})[entry["who"]] = entry["bytes"]
        else:
            notes[f"{entry['case']} · {entry['cell']}, {entry['who']}: not measured: {entry['reason']}"] = (
                None
            )
    rows: list[tuple[str, ...]] = []
    for (case, cell), who in found.items():
        held = sum(next(iter(who.values()))[part] for part in ("inputs", "outputs", "saved"))
        ours, theirs = (who[name]["peak"] if name in who else None for name in ("peephole", "torch"))
        rows.append(
            (
                case,
                cell,
                number(held / 1e6),
                "" if ours is None else number(ours / 1e6),
                "" if ours is None else times(ours / held),
                "" if theirs is None else number(theirs / 1e6),
                "" if theirs is None or ours is None else times(theirs / ours),
            )
        )
    columns = ("<case", "<cell", "must be held, MB", "peephole, MB", "× held", "torch, MB", "× peephole")
    return Table("memory · peak of a training step", columns, tuple(rows), tuple(notes))
