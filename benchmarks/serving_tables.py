"""The results of `serving.py` as tables, for a terminal and for docs/how-to/serve.md."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from peephole.studies.bench.table import Table, number, percent, times

_BLOCK = re.compile(r"(<!-- serving -->\n).*?(<!-- /serving -->)", re.DOTALL)
_LEAST_OF_FLOOR, _LEAST_OF_UNBATCHED, _MOST_SPREAD = 0.7, 1.3, 5.0
_MOST_REFUSAL, _MOST_SLOWER, _MOST_GROWTH = 50.0, 2.0, 1.02


def tables(report: dict[str, Any]) -> list[Table]:
    """Return who answers how fast, and what was asked of the server."""
    return [throughput_table(report), goals_table(report)]


def throughput_table(report: dict[str, Any]) -> Table:
    """Return requests a second and times to an answer; peephole's speed as a multiple of each."""
    contenders = report["throughput"]["contenders"]
    first = contenders[0]["a_second"]
    rows = [("floor", number(report["throughput"]["floor"]["a_second"]), "", "", _ratio(first, report))]
    for one in contenders:
        if one["void"]:
            rows.append((one["name"], "wrong: no time", "", "", ""))
            continue
        ratio = times(first / one["a_second"]) if one["name"] != "echo" else ""
        spans = (number(one["p50_milliseconds"]), number(one["p99_milliseconds"]))
        rows.append((one["name"], number(one["a_second"]), *spans, ratio))
    columns = ("<64 clients", "requests a second", "median ms", "p99 ms", "peephole is")
    return Table("throughput", columns, tuple(rows))


def _ratio(first: float, report: dict[str, Any]) -> str:
    return times(first / report["throughput"]["floor"]["a_second"])


def goals(report: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """Return what is asked of the server, its bound, what was found, and whether that is enough."""
    named = {one["name"]: one for one in report["throughput"]["contenders"]}
    ours, burst, growth = named["peephole"], report["overload"], report["memory"]["growth"]
    of_floor = ours["a_second"] / report["throughput"]["floor"]["a_second"]
    of_unbatched = ours["a_second"] / named["peephole, a text a call"].get("a_second", float("nan"))
    of_torch = ours["a_second"] / named["torch, padded"].get("a_second", float("nan"))
    spread = ours["p99_milliseconds"] / ours["p50_milliseconds"]
    refusal = burst["longest_refusal_milliseconds"]
    turns = [
        *ours["rounds"],
        *(one[part] for one in burst["rounds"] for part in ("before", "burst", "after")),
    ]
    lost = sum(one["errors"] + one["hung"] + one["wrong"] for one in (*turns, report["memory"]))
    return [
        ("of the floor", f"≥ {percent(_LEAST_OF_FLOOR)}", percent(of_floor), of_floor >= _LEAST_OF_FLOOR),
        (
            "of a text a call",
            f"≥ {times(_LEAST_OF_UNBATCHED)}",
            times(of_unbatched),
            of_unbatched >= _LEAST_OF_UNBATCHED,
        ),
        ("of torch, padded", "> 1 ×", times(of_torch), of_torch > 1),
        ("p99 over median", f"< {times(_MOST_SPREAD)}", times(spread), spread < _MOST_SPREAD),
        ("errors, wrong answers, none", "0", f"{lost}", lost == 0),
        (
            f"memory after {report['memory']['requests']:,} requests",
            "< + 2 %",
            f"{100 * (growth - 1):+.1f} %",
            growth < _MOST_GROWTH,
        ),
        (
            "three times too much: the longest refusal",
            f"≤ {_MOST_REFUSAL:.0f} ms",
            f"{number(refusal)} ms",
            refusal <= _MOST_REFUSAL,
        ),
        (
            "p99 of what was accepted",
            f"≤ {times(_MOST_SLOWER)}",
            times(burst["p99_ratio"]),
            burst["p99_ratio"] <= _MOST_SLOWER,
        ),
        ("requests a second meanwhile", "", times(burst["accepted_ratio"]), True),
        ("requests a second after it", "", times(burst["after_ratio"]), True),
    ]


def goals_table(report: dict[str, Any]) -> Table:
    """Return `goals` for a person."""
    rows = [(name, bound, found if met else f"{found}: missed") for name, bound, found, met in goals(report)]
    return Table("goals", ("<peephole", "must be", "was"), tuple(rows))


def fill(page: str, results: Path) -> str:
    """Put the tables between the marks of a page: ``<!-- serving -->`` and ``<!-- /serving -->``."""
    if not results.is_file():
        return _BLOCK.sub(r"\1\2", page)
    report = json.loads(results.read_text(encoding="utf-8"))
    machine, parts = report["machine"], report["throughput"]["floor"]["milliseconds"]
    versions = ", ".join(
        f"{name} {report['versions'][name]}" for name in ("python", "fastapi", "uvicorn", "torch")
    )
    text = (
        f"{throughput_table(report).markdown()}\n\n{goals_table(report).markdown()}\n\n"
        f"The floor, in milliseconds a text: echo {number(parts['echo'])}, tokenizer {number(parts['tokenizer'])}, "
        f"kernel {number(parts['kernel'])}. Half of the texts have {report['texts']['median_tokens']} tokens or more. "
        f"`{report['command']}`; {machine['cores']}-core {machine['cpu']}, instruction set {machine['instruction_set']}, "
        f"the load on the same cores; {versions}; {report['date']}; medians of {report['rounds']} turns.\n"
    )
    return _BLOCK.sub(lambda match: f"{match[1]}{text}{match[2]}", page)
