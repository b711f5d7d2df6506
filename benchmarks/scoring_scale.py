"""Scoring many texts: one worker, two, and Ray; and what is left when workers, nodes and drivers are lost.

    python benchmarks/scoring_scale.py FILE --texts 100000 --json benchmarks/results/scoring_scale.json

The texts are those of FILE, again and again, each with a number. The engines take turns, `--rounds` times, each job in a process
of its own: one worker; two; two actors of a cluster that is started and ended for the job; two of a cluster that is there already
and has had a small job before. Besides whole jobs, the rate between the first part and the last is given: what a long job is
like, without its start.

Then a cluster of a head and two nodes on this machine scores the same texts while an actor is killed and a node removed; and a
driver is killed and its job started again. Both outputs are compared with that of one process, row by row.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peephole.reading import read
from peephole.scoring import Listener, ScoreRequest, listener_for, score
from peephole.scoring.progress import Report
from peephole.scoring.summary import Summary
from peephole.studies.bench.machine import command_line, machine, today, versions

ENGINES = {"one": ("local", 1), "two": ("local", 2), "ray": ("ray", 2), "running_cluster": ("ray", 2)}
WARM_UP = 200  # texts of the job that a running cluster has had before


def make_texts(source: Path, path: Path, count: int) -> None:
    """Write so many numbered texts as CSV, those of a file again and again."""
    with read(source, labels="absent", skip_bad=True) as records:
        texts = [record.text for record in itertools.islice(records, count)]
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["id", "text"])
        rows.writerows(zip(range(count), itertools.cycle(texts), strict=False))


class Clock(Listener):
    """Notes when parts are made; kills this process at one of them, where that is asked."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.begun = time.monotonic()
        self.heard: list[tuple[float, int]] = []
        self._kill_at = kill_at
        self._shown = listener_for()

    def report(self, report: Report) -> None:
        self.heard.append((time.monotonic() - self.begun, report.rows))
        self._shown.report(report)
        if self._kill_at is not None and len(self.heard) == self._kill_at:
            os.kill(os.getpid(), 9)

    def stop(self) -> None:
        self._shown.stop()


def run_job(arguments: argparse.Namespace) -> None:
    """Score in this process, and print what it came to: what the processes of `job` do."""
    engine, workers = ENGINES[arguments.job]
    clock = Clock(arguments.kill_at)
    request = ScoreRequest(
        (str(arguments.file),),
        arguments.output,
        model=arguments.model,
        engine=engine,
        address=arguments.address,
        workers=workers,
        part_rows=arguments.part_rows,
    )
    done = score(request, clock)
    (first, before), (last, rows) = clock.heard[0], clock.heard[-1]
    steady = (rows - before) / (last - first) if last > first else None
    found = {**done.to_json(), "seconds_to_first_part": first, "steady_rows_per_second": steady}
    sys.stdout.write(json.dumps(found))


def job(name: str, table: Path, output: Path, part_rows: int, *more: str, model: str | None = None) -> Any:
    """Run a job in a process of its own; return what it printed, or None where it was killed."""
    words = [sys.executable, __file__, str(table), "--job", name, "--output", str(output)]
    words += ["--part-rows", str(part_rows), *(["--model", model] if model else []), *more]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=False)
    if done.returncode == -9 and "--kill-at" in more:
        return None
    if done.returncode:
        raise SystemExit(done.returncode)
    return json.loads(done.stdout)


@contextlib.contextmanager
def running_cluster() -> Generator[str, None, None]:
    """Start a cluster of this machine in a process of its own; yield its address."""
    words = [sys.executable, __file__, "--cluster"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def serve_cluster() -> None:
    """Be a cluster with two processors until standard input ends: what the process of `running_cluster` does."""
    os.environ.update({"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"})
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 2, "object_store_memory": 1 << 28, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    print(cluster.address, flush=True)
    sys.stdin.read()
    cluster.shutdown()


def turn(name: str, table: Path, output: Path, part_rows: int, model: str | None) -> dict[str, Any]:
    """One job of an engine; what it needs is there already, and not counted."""
    if name != "running_cluster":
        return job(name, table, output, part_rows, model=model)
    small = table.with_name("small.csv")
    if not small.exists():
        make_texts(table, small, WARM_UP)
    with running_cluster() as address:
        before = output.with_name(f"before-{output.name}")
        job(name, small, before, part_rows, "--address", address, model=model)
        return job(name, table, output, part_rows, "--address", address, model=model)


def rates(table: Path, folder: Path, part_rows: int, rounds: int, model: str | None) -> dict[str, Any]:
    """What the engines need for the same job, in turn."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ENGINES}
    for number in range(rounds):
        for name in ENGINES:
            runs[name].append(turn(name, table, folder / f"{name}-{number}.parquet", part_rows, model))
            sys.stderr.write(f"{name}: {runs[name][-1]['seconds']:.1f} s\n")
    found: dict[str, Any] = {"rounds": rounds}
    for name, many in runs.items():
        keys = (
            "seconds",
            "rows_per_second",
            "tokens_per_second",
            "seconds_to_first_part",
            "steady_rows_per_second",
        )
        found[name] = {key: statistics.median(one[key] for one in many) for key in keys}
        found[name]["all_seconds"] = [one["seconds"] for one in many]
        found[name]["tokens"] = many[0]["tokens"]
    steady = {name: found[name]["steady_rows_per_second"] for name in ENGINES}
    found["two_workers_times_one"] = {
        "whole": found["one"]["seconds"] / found["two"]["seconds"],
        "steady": steady["two"] / steady["one"],
    }
    for name in ("ray", "running_cluster"):
        found[f"{name}_overhead"] = {
            "whole": found[name]["seconds"] / found["two"]["seconds"] - 1,
            "steady": steady["two"] / steady[name] - 1,
        }
    return found


class Trouble(Clock):
    """Kills an actor's process at a third of the parts, and removes a node at two thirds."""

    def __init__(self, cluster: Any, node: Any, parts: int) -> None:
        super().__init__()
        self.cluster, self.node = cluster, node
        self.kill_at, self.remove_at = max(parts // 3, 1), max(2 * parts // 3, 2)
        self.done: list[str] = []

    def report(self, report: Report) -> None:
        super().report(report)
        if len(self.heard) == self.kill_at:
            os.kill(actor_processes()[0], 9)
            self.done.append(f"an actor killed after {report.rows:,} rows")
        if len(self.heard) == self.remove_at:
            self.cluster.remove_node(self.node)
            self.done.append(f"a node removed after {report.rows:,} rows")


def actor_processes() -> list[int]:
    """The process numbers of the actors that processes of this one started, from their titles."""
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        number = waiting.pop()
        try:
            if Path(f"/proc/{number}/cmdline").read_bytes().startswith(b"ray::Actor"):
                found.append(number)
            for task in Path(f"/proc/{number}/task").iterdir():
                waiting += [int(word) for word in (task / "children").read_text().split()]
        except OSError:
            continue
    return sorted(found)


def lose_things(table: Path, folder: Path, part_rows: int, parts: int, model: str | None) -> dict[str, Any]:
    """Score on a cluster while an actor and a node are lost."""
    os.environ.update({"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"})
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 1 << 28})
    try:
        nodes = [cluster.add_node(num_cpus=1, object_store_memory=1 << 28) for _ in range(2)]
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        trouble = Trouble(cluster, nodes[0], parts)
        request = ScoreRequest(
            (str(table),),
            str(folder / "lost.parquet"),
            model=model,
            engine="ray",
            workers=2,
            part_rows=part_rows,
        )
        done = score(request, trouble)
    finally:
        ray.shutdown()
        cluster.shutdown()
    return {"what": trouble.done, **short(done), "seconds": done.seconds}


def short(done: Summary) -> dict[str, Any]:
    """The counts of a job."""
    names = ("rows", "parts", "earlier_rows", "earlier_parts", "labels")
    return {name: value for name, value in done.to_json().items() if name in names}


def same(one: Path, other: Path, count: int) -> bool:
    """Whether two outputs hold the same rows in the same order, each number once."""
    import pyarrow.compute
    import pyarrow.dataset

    tables = [pyarrow.dataset.dataset(path, format="parquet").to_table() for path in (one, other)]
    numbers = pyarrow.compute.cast(tables[0].column("id"), pyarrow.int64()).to_pylist()
    return tables[0].equals(tables[1]) and numbers == list(range(count))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, nargs="?", help="texts, in any format that peephole reads")
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--part-rows", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--job", choices=list(ENGINES), help=argparse.SUPPRESS)
    parser.add_argument("--output", help=argparse.SUPPRESS)
    parser.add_argument("--kill-at", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    parser.add_argument("--cluster", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cluster:
        serve_cluster()
        return
    if arguments.file is None:
        parser.error("FILE is needed")
    if arguments.job is not None:
        run_job(arguments)
        return
    count, size, model = arguments.texts, arguments.part_rows, arguments.model
    parts = -(-count // size)
    with tempfile.TemporaryDirectory(prefix="scoring-") as name:
        folder = Path(name)
        table = folder / "texts.csv"
        make_texts(arguments.file, table, count)
        document: dict[str, Any] = {
            "command": command_line("benchmarks/scoring_scale.py"),
            "date": today(),
            "machine": machine(),
            "versions": {**versions(), "ray": version("ray")},
            "data": arguments.file.name,
            "texts": count,
            "bytes": table.stat().st_size,
            "part_rows": size,
        }
        document["rates"] = rates(table, folder, size, arguments.rounds, model)
        plain = folder / "one-0.parquet"
        document["rates"]["all_equal_to_one_process"] = all(
            same(plain, folder / f"{name}-{number}.parquet", count)
            for name in ENGINES
            for number in range(arguments.rounds)
        )
        document["lost"] = lose_things(table, folder, size, parts, model)
        document["lost"]["equal_to_one_process"] = same(plain, folder / "lost.parquet", count)
        halfway = max(parts // 2, 1)
        job("ray", table, folder / "killed.parquet", size, "--kill-at", str(halfway), model=model)
        again = job("ray", table, folder / "killed.parquet", size, model=model)
        document["driver_killed"] = {
            "after_parts": halfway,
            **{key: again[key] for key in ("rows", "parts", "earlier_rows", "earlier_parts", "seconds")},
            "equal_to_one_process": same(plain, folder / "killed.parquet", count),
        }
    text = json.dumps(document, indent=1, ensure_ascii=False)
    if arguments.json is not None:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
