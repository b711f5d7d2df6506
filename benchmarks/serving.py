"""How `peephole serve` holds under load, beside what it is made of, itself without batches, and torch behind FastAPI.

    python benchmarks/serving.py --data imdb_train.csv.gz --json benchmarks/results/serving.json

Servers and load are processes of their own on this machine, and the load takes its share of the processors. Without `--data`
the texts are synthetic, of the lengths of reviews. Three parts:

- **throughput**: 64 clients, each asking for one text as soon as it was answered, in turn over several rounds; medians.
  *peephole* is the server as it starts by itself; *a text a call* is the same server with `--batch-tokens 1`, under which each
  call of the model gets one text (the tokenizer, a sixth of the work, still gets what waits). *torch* is `serving_rival.py`,
  with the number of calls at once and the size of batches at which it is fastest, found before. The
  **floor** adds up what cannot be left out, each alone on the machine: an endpoint of the same framework that reads and parses
  the same bodies and sends answers of the same size (*echo*), the tokenizer, and the kernel on 64 texts at a time.
- **overload**: three times as many requests as the server was found to answer, at a fixed rate, whether answered or not; before
  and after, 64 clients as ever. How long a refusal took is what the server's log says.
- **memory**: resident bytes of the server over 50,000 requests; flat means that the median of the last fifth is less than
  2 % above that of the second.

Every answer is compared with the library's: 1e-4 off at most, in bfloat16 0.05. Who is further off gets no time.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peephole.classifier import load
from peephole.classifier.shipped import find_model
from peephole.studies.bench.machine import command_line, machine, today, versions
from serving_cases import CLIENTS, Bench, memory, overload, throughput
from serving_tables import tables
from serving_texts import answers, described, review_texts

_PACKAGES = ("fastapi", "starlette", "uvicorn", "httptools")


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="a model folder [default: the model inside the package]")
    parser.add_argument(
        "--data", type=Path, help="texts, in any format that peephole reads [default: synthetic]"
    )
    parser.add_argument(
        "--texts", type=int, default=1024, help="how many, asked over and over; 1,024 by default"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of each turn; 5 by default")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each; 5 by default")
    parser.add_argument("--bursts", type=int, default=3, help="times of overload; 3 by default")
    parser.add_argument("--requests", type=int, default=50_000, help="for the memory; 50,000 by default")
    parser.add_argument("--json", type=Path, help="write results, versions and machine here")
    return parser.parse_args(words)


def main() -> None:
    options = parse()
    for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS"):  # the floor has all processors, as the servers have
        os.environ.pop(name, None)
    model = str(find_model(options.model))
    classifier = load(model)
    texts = review_texts(options.data, options.texts)
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - begun:6.0f} s  {line}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), model, classifier, texts, answers(classifier, texts), options.seconds)
        found: dict[str, Any] = {"throughput": throughput(bench, options.rounds, say)}
        capacity = found["throughput"]["contenders"][0].get("a_second")
        if capacity is None:
            raise SystemExit("peephole gave wrong answers or none")
        found["overload"] = overload(bench, capacity, options.bursts, say)
        found["memory"] = memory(bench, options.requests, say)
    report = {
        "command": command_line("benchmarks/serving.py"),
        "date": today(),
        "machine": machine(),
        "versions": {**versions(), **{name: importlib.metadata.version(name) for name in _PACKAGES}},
        "data": options.data.name if options.data else "synthetic",
        "texts": described(classifier, texts),
        "clients": CLIENTS,
        "rounds": options.rounds,
        "seconds": options.seconds,
        **found,
    }
    for table in tables(report):
        print(f"\n{table.plain()}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
