"""How long it takes until the first answer, and how much memory: in a process of its own each time.

    python benchmarks/startup.py [MODEL] [--runs 20] [--output FILE]

Without a model, one of the size of the shipped one is made, with random weights and int8 storage. Medians and the best
of all runs are printed: seconds by the clock, seconds of processor time (which other programs on the machine disturb less),
and the largest resident memory. `--long` also reads a review of 100,000 words and a text of a million letters. A first run
of each case is left out: it warms the file cache.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from peephole.classifier import Classifier, ModelConfig, Tokenizer
from peephole.reading.sample import sample_reviews

PEAK = (
    "import sys; sys.argv[0] = 'peephole'\n"
    "from peephole.cli.app import main\n"
    "try: main()\n"
    "finally:\n"
    "    lines = open('/proc/self/status').read().splitlines()\n"
    "    print(next(line.split()[1] for line in lines if line.startswith('VmHWM')), file=sys.stderr)"
)


def make_model(folder: Path, vocabulary: int) -> Path:
    """A model of the shipped size: 128 features, a bidirectional LSTM of 192 units; words of random letters as tokens."""
    rng = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    words = {"".join(rng.choice(letters, rng.integers(2, 9))) for _ in range(vocabulary)}
    texts = [record.text for record in sample_reviews("train", 500, 1)] + [" ".join(sorted(words))] * 2
    tokenizer = Tokenizer.train(texts, vocabulary=vocabulary)
    config = ModelConfig.default(
        vocabulary=tokenizer.vocabulary_size, labels=["negative", "positive"], embedding=128, hidden_size=192
    )
    weights = {
        name: rng.normal(0, 0.1, shape).astype(np.float32)
        for name, shape in config.parameter_shapes().items()
    }
    return Classifier(config, tokenizer, weights).save(folder, storage="int8")


def run(arguments: list[str], stdin: str = "") -> dict[str, float]:
    """One process: seconds by the clock and of the processor, and its peak of memory where it prints that."""
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    wall, after = time.perf_counter() - start, os.times()
    if done.returncode:
        raise SystemExit(done.stderr)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    peak = done.stderr.split()
    return {"seconds": wall, "cpu_seconds": cpu, **({"peak_mb": int(peak[-1]) / 1024} if peak else {})}


def measure(arguments: list[str], runs: int, stdin: str = "") -> dict[str, dict[str, float]]:
    """Median and best of several processes, one after the other."""
    run(arguments, stdin)
    found = [run(arguments, stdin) for _ in range(runs)]
    return {
        name: {
            "median": round(statistics.median(one[name] for one in found), 4),
            "best": round(min(one[name] for one in found), 4),
        }
        for name in found[0]
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", nargs="?", help="model folder [default: one is made]")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--vocabulary", type=int, default=16_000, help="of the model that is made")
    parser.add_argument("--long", action="store_true", help="also read very long texts")
    parser.add_argument("--output", type=Path, help="write everything here, as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = (
            Path(options.model) if options.model else make_model(Path(folder) / "model", options.vocabulary)
        )
        predict = ["-c", PEAK, "predict", "--model", str(model)]
        cases = {
            "python -c pass": measure(["-c", "pass"], options.runs),
            "import peephole": measure(["-c", "import peephole"], options.runs),
            "import numpy": measure(["-c", "import numpy"], options.runs),
            "predict, one sentence": measure([*predict, "not bad at all"], options.runs),
        }
        if options.long:
            for name, text in (
                ("predict, 100,000 words", "not a bad film at all " * 16_667),
                ("predict, 1,000,000 letters", "a" * 1_000_000),
            ):
                cases[name] = measure([*predict, "-"], min(options.runs, 3), text)
        size = sum(file.stat().st_size for file in model.iterdir())
    base = cases["python -c pass"]["seconds"]["median"]
    for name, numbers in cases.items():
        shown = ", ".join(
            f"{key} {value['median']:.3f} (best {value['best']:.3f})" for key, value in numbers.items()
        )
        print(f"{name:<26} {shown}")
    print(
        f"import peephole, less the interpreter: {cases['import peephole']['seconds']['median'] - base:.3f} s"
    )
    document = {
        "command": " ".join(["python", "benchmarks/startup.py", *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "load_average": os.getloadavg(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "tokenizers", "typer")},
        },
        "model_bytes": size,
        "runs": options.runs,
        "cases": cases,
    }
    if options.output:
        options.output.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
