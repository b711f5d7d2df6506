"""The memory of a job while it reads a large CSV: of the process that reads and of those that score, once a second.

    python benchmarks/scoring_memory.py FILE --gigabytes 1 --json benchmarks/results/scoring_memory.json

The rows are texts of FILE, again and again, each with a number and a column of letters, 1,000 bytes a row: reading is what grows.
The slope is that of a line through the second half of the measurements, in bytes for each byte read, with its standard error.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from peephole.reading import read
from peephole.studies.bench.machine import command_line, machine, today, versions

ROW = 1000  # bytes


def make_table(source: Path, path: Path, size: int) -> int:
    """Write a table of so many bytes, about; return how many rows it has."""
    with read(source, labels="absent", skip_bad=True) as records:
        texts = [record.text.replace('"', '""') for record in itertools.islice(records, 50_000)]
    written = rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("id,text,filler\n")
        for text in itertools.cycle(texts):
            line = f'{rows},"{text}",'
            line += "x" * max(ROW - 1 - len(line.encode()), 0) + "\n"
            written += file.write(line)
            rows += 1
            if written >= size:
                return rows
    return rows


def resident(number: int) -> dict[int, int]:
    """Resident memory of a process and of all that it started, in bytes, by process number."""
    found: dict[int, int] = {}
    waiting = [number]
    while waiting:
        one = waiting.pop()
        try:
            status = Path(f"/proc/{one}/status").read_text()
            found[one] = int(status.partition("VmRSS:")[2].split()[0]) * 1024
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += [int(word) for word in (task / "children").read_text().split()]
        except (OSError, IndexError, ValueError):
            continue
    return found


def slope(x: list[float], y: list[float]) -> tuple[float, float]:
    """The slope of a straight line through the points, and its standard error."""
    a, b = np.array(x), np.array(y)
    a = a - a.mean()
    found = float(a @ (b - b.mean()) / (a @ a))
    rest = b - b.mean() - found * a
    return found, float(np.sqrt(rest @ rest / max(len(x) - 2, 1) / (a @ a)))


def watch(words: list[str], output: Path, rows: int, every: float) -> list[dict[str, Any]]:
    """Run a job; note, again and again, the rows that are written and the memory of its processes."""
    process = subprocess.Popen(words)
    begun, found = time.monotonic(), list[dict[str, Any]]()
    while process.poll() is None:
        time.sleep(every)
        try:
            done = sum(json.loads(path.read_text())["rows"] for path in (output / "_job").glob("part-*.json"))
        except (OSError, ValueError):
            continue
        memory = resident(process.pid)
        if memory:
            found.append({"seconds": time.monotonic() - begun, "rows": done, "memory": memory})
    if process.returncode:
        raise SystemExit(process.returncode)
    return [one for one in found if 0 < one["rows"] < rows]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="texts, in any format that peephole reads")
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two measurements")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scoring-") as name:
        table, output = Path(name, "table.csv"), Path(name, "out.parquet")
        rows = make_table(arguments.file, table, int(arguments.gigabytes * 1e9))
        size = table.stat().st_size
        words = [sys.executable, "-m", "peephole", "predict", str(table), "--output", str(output)]
        words += ["--workers", str(arguments.workers), "--part-rows", "5000"]
        found = watch(words, output, rows, arguments.every)
        parts = json.loads((output / "_manifest.json").read_text())["summary"]
    half = found[len(found) // 2 :]
    read_bytes = [one["rows"] / rows * size for one in half]
    totals = [float(sum(one["memory"].values())) for one in half]
    per_byte, error = slope(read_bytes, totals)
    quarter = max(len(found) // 4, 1)
    all_together = [sum(one["memory"].values()) / 1e6 for one in found]
    document = {
        "command": command_line("benchmarks/scoring_memory.py"),
        "date": today(),
        "machine": machine(),
        "versions": versions(),
        "data": arguments.file.name,
        "bytes": size,
        "rows": rows,
        "workers": arguments.workers,
        "scored": parts["rows"],
        "seconds": parts["seconds"],
        "rows_per_second": parts["rows_per_second"],
        "measurements": len(found),
        "megabytes": {
            "all_processes_first_quarter": round(float(np.median(all_together[:quarter])), 1),
            "all_processes_last_quarter": round(float(np.median(all_together[-quarter:])), 1),
            "largest_process": round(max(max(one["memory"].values()) for one in found) / 1e6, 1),
        },
        "slope_bytes_per_byte_read": per_byte,
        "slope_error": error,
        "growth_over_the_second_half_megabytes": round(per_byte * size / 2 / 1e6, 2),
    }
    text = json.dumps(document, indent=1, ensure_ascii=False)
    if arguments.json is not None:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
