"""The cells on every task with a known answer: `peephole compare --task …` for each, and one file of results.

    python benchmarks/long_dependencies.py --work work --json benchmarks/results/long-dependencies.json
    python benchmarks/long_dependencies.py --tune order adding
    python benchmarks/long_dependencies.py --table benchmarks/results/long-dependencies.json

A finished run is kept in the work folder and not run again, so the program can be stopped and started; results are written
after each task. OMP_NUM_THREADS says how many threads. With ``--tune``, each contender learns a task at several rates and with
both kinds of first weights, from seeds that are not reported: that is how the budgets in `peephole.studies.tasks` were chosen.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peephole.files import write_json
from peephole.studies.bench.machine import command_line, machine, today, versions
from peephole.studies.compare.comparison import Listener, Plan, compare
from peephole.studies.compare.contenders import CONTENDERS, USUAL, choose, sizes_of
from peephole.studies.compare.task_study import TaskStudy
from peephole.studies.compare.task_trainer import learn
from peephole.studies.compare.wording import table, title

PROGRAM = "benchmarks/long_dependencies.py"
# Task, variant, length, seeds.
SUITE: dict[str, tuple[str, str, int, int]] = {
    "order": ("order", "two", 100, 5),
    "adding": ("adding", "early", 100, 5),
    "copy": ("copy", "five", 10, 3),
    "count": ("count", "anbn", 10, 3),
    "count-abc": ("count", "anbncn", 10, 3),
    "spikes": ("timing", "gts", 10, 3),
    "delays": ("timing", "msd", 10, 3),
    "cosine": ("timing", "cosine", 10, 3),
    "rectangle": ("timing", "rectangle", 10, 3),
}
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
TUNING_SEEDS = (101, 102)


class Lines(Listener):
    """Says how each run ended."""

    def finish(self, what: str, words: str) -> None:
        """Print it."""
        print(f"  {what}: {words}", flush=True)


def main() -> None:
    """Compare, and print the tables; or tune; or print the tables of a result."""
    asked = parse()
    if asked.table:
        print(tables(json.loads(asked.table.read_text("utf-8"))))
        return
    if asked.tune:
        for name in asked.tune:
            tune(name, asked.rates, asked.contenders, asked.sequences)
        return
    document: dict[str, Any] = {
        "command": command_line(PROGRAM),
        "date": today(),
        "machine": machine(),
        "versions": versions(),
        "tasks": [],
    }
    for name in asked.tasks:
        task, variant, length, seeds = SUITE[name]
        print(f"{name}: {task} {variant}, length {length}", flush=True)
        study = TaskStudy.of(task, length, variant)
        plan = Plan(
            contenders=choose(asked.contenders),
            seeds=tuple(range(1, seeds + 1)),
            hidden_size=study.usual_size,
            match="parameters",
            output=asked.work / name,
            command=f"peephole compare --task {task} --variant {variant} --length {length} --seeds {seeds}",
        )
        document["tasks"].append(compare(study, plan, Lines()))
        if asked.json:
            write_json(PROGRAM, asked.json, document)
    print(tables(document))


def tables(document: dict[str, Any]) -> str:
    """Return the table of each task, for a page."""
    parts = [f"### {title(found)}\n\n{table(found).markdown()}" for found in document["tasks"]]
    return "\n\n".join(parts)


def tune(name: str, rates: Sequence[float], contenders: Sequence[str], sequences: int | None) -> None:
    """Print how each contender does at each rate, from seeds that are not reported."""
    task, variant, length, _ = SUITE[name]
    for init, contender in itertools.product(("orthogonal", "chrono"), choose(contenders)):
        if contender.init is not None and init == "chrono":
            continue  # it has first weights of its own
        study = TaskStudy.of(task, length, variant, {"init": init, "sequences": sequences})
        sizes = sizes_of([contender], study.usual_size, "parameters", study.count)
        for rate in rates:
            budget = dataclasses.replace(study.budget, learning_rate=rate, rates={})
            ends: list[str] = []
            for seed in TUNING_SEEDS:
                found = learn(study.task, contender, sizes[contender.name], budget, seed)
                ends.append(
                    f"solved {found.sequences:,}" if found.ending == "solved" else f"{found.score.right:.1%}"
                )
            print(f"{name:9} {contender.name:22} {init:10} {rate:<7g} {'; '.join(ends)}", flush=True)


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", nargs="+", default=list(SUITE), help="all by default")
    parser.add_argument("--contenders", nargs="+", default=list(USUAL))
    parser.add_argument("--work", type=Path, help="folder of the comparisons and their finished runs")
    parser.add_argument("--json", type=Path, help="file for the results; it is replaced")
    parser.add_argument("--tune", nargs="+", metavar="TASK", help="try rates and first weights instead")
    parser.add_argument("--rates", nargs="+", type=float, default=list(RATES), help="to try")
    parser.add_argument("--sequences", type=int, help="at most, to tune with; the task's by default")
    parser.add_argument(
        "--table", type=Path, metavar="RESULT", help="print the tables of a result, and no more"
    )
    asked = parser.parse_args(words)
    for option, known in (("tasks", SUITE), ("tune", SUITE), ("contenders", CONTENDERS)):
        if unknown := [name for name in getattr(asked, option) or () if name not in known]:
            parser.error(f"--{option}: {', '.join(unknown)} unknown; there are {', '.join(known)}")
    if not (asked.work or asked.tune or asked.table):
        parser.error("--work, --tune or --table must be given")
    return asked


if __name__ == "__main__":
    sys.exit(main())
