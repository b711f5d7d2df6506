"""What it takes until one sentence has its label: disk, the import, and a process from its start to the answer.

    python benchmarks/footprint.py [--rounds 9] [--wheel FILE] [--only NAME …] --json benchmarks/results/footprint.json

Each contender of `footprint_contenders.py` is installed into an environment of its own that holds nothing else, and makes its
model there. Installed size is that of all files of its site-packages, compiled Python included; download size, that of what pip
fetched. Then all are asked in turn, round after round, each time in a fresh process without a network to ask: the median counts.
A first round is left out: it warms the file cache. A label that is none, or is wrong where it is known, is an error and no time.

Needs the packages of `peephole[dev]`, and pip's index for the installations. Takes some 10 GB, which are removed.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from footprint_contenders import CONTENDERS, SENTENCE, Contender
from peephole.studies.bench.machine import machine, today, versions

ROOT = Path(__file__).resolve().parents[1]
LABELS = ("positive", "negative")
OFFLINE = {"HF_HUB_OFFLINE": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "0", "TQDM_DISABLE": "1"}


class Installed:
    """A contender in an environment of its own.

    Args:
        contender: what to install.
        work: an empty folder of its own.
        wheel: our own wheel.
    """

    def __init__(self, contender: Contender, work: Path, wheel: Path) -> None:
        self.contender = contender
        self.folder = work / "work"
        self.python = work / "environment" / "bin" / "python"
        self.folder.mkdir(parents=True)
        wanted = [str(wheel) if name == "peephole" else name for name in contender.packages]
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", work / "environment"], check=True)
        fetched = work / "fetched"
        constraints = ["-c", str(ROOT / "constraints.txt")]
        pip("wheel", "-q", *constraints, "-w", str(fetched), *wanted)
        pip(
            "--python", str(self.python), "install", "-q", "--no-index", "--find-links", str(fetched), *wanted
        )
        self.download_bytes = folder_size(fetched)
        shutil.rmtree(fetched)
        self.packages = len(list(self.site_packages.glob("*.dist-info")))
        self.installed_bytes = folder_size(self.site_packages)
        self.versions = {name: self.version(name) for name in contender.packages}
        if contender.prepare:
            self.run(contender.prepare)
        if "onnxruntime" in contender.packages:
            write_encoder(self.folder / "model.onnx")
        self.model_bytes = folder_size(self.folder)
        self.label(self.run(contender.predict, SENTENCE))

    @property
    def site_packages(self) -> Path:
        """Where it is installed."""
        return next((self.python.parents[1] / "lib").glob("python3*")) / "site-packages"

    def version(self, package: str) -> str:
        """Return the version of one of its packages."""
        program = f"import importlib.metadata as m; print(m.version({package!r}))"
        return self.run(program).strip()

    def run(self, program: str, *arguments: str) -> str:
        """Run a program in the environment and the working folder, and return what it printed.

        Raises:
            SystemExit: it failed.
        """
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | OFFLINE
        done = subprocess.run(
            [self.python, "-c", program, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{self.contender.name}: {done.stderr[-2000:]}")
        return done.stdout

    def seconds(self, program: str, *arguments: str) -> tuple[float, str]:
        """Return how long a fresh process takes, by the clock, and what it printed."""
        start = time.perf_counter()
        printed = self.run(program, *arguments)
        return time.perf_counter() - start, printed

    def label(self, printed: str) -> str:
        """Return the label that was printed.

        Raises:
            SystemExit: it is none, or not the one that is known to be right.
        """
        last = (printed.strip().split("\n") or [""])[-1].split()
        found = last[0] if last else ""
        if found not in LABELS or (self.contender.right and found != "positive"):
            raise SystemExit(
                f"{self.contender.name}: {SENTENCE!r} must get a right label; got {printed[-200:]!r}"
            )
        return found


def pip(*arguments: str) -> None:
    """Call pip. Its own index and settings are those of the machine."""
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True)


def folder_size(folder: Path) -> int:
    """Return the bytes of all files below a folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = Path(name, "one").write_bytes(b"123")
    ...     folder_size(Path(name))
    3
    """
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def write_encoder(path: Path) -> None:
    """Write an encoder of DistilBERT's size with random weights as an ONNX model of one text: ``ids`` `[1, T]`."""
    import torch

    from scoring_rivals import Encoder

    class OneText(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = Encoder(torch.float32)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            parts = self.encoder
            rows = parts.norm(parts.words(ids) + parts.places(torch.arange(ids.shape[1])))
            return parts.head(parts.encoder(rows)[:, 0])

    example = torch.ones(1, 12, dtype=torch.int64)
    dynamic = {"ids": {1: torch.export.Dim("tokens", min=2, max=512)}}
    program = torch.onnx.export(
        OneText().eval(), (example,), dynamo=True, dynamic_shapes=dynamic, verbose=False
    )
    if program is None:
        raise SystemExit("torch.onnx.export made nothing")
    program.save(str(path))


def measure(entries: list[Installed], rounds: int) -> list[dict[str, Any]]:
    """Ask all in turn, and return a result for each."""
    times: list[dict[str, list[float]]] = [{"start": [], "import": [], "answer": []} for _ in entries]
    for number in range(rounds + 1):
        for entry, found in zip(entries, times, strict=True):
            start, _ = entry.seconds("pass")
            imported, _ = entry.seconds(entry.contender.imports)
            answer, printed = entry.seconds(entry.contender.predict, SENTENCE)
            entry.label(printed)
            if number:
                found["start"].append(start)
                found["import"].append(imported - start)
                found["answer"].append(answer)
        print(f"round {number} of {rounds}", file=sys.stderr)
    return [
        {
            "name": entry.contender.name,
            "knows": entry.contender.knows,
            "remark": entry.contender.remark,
            "versions": entry.versions,
            "packages": entry.packages,
            "download_bytes": entry.download_bytes,
            "installed_bytes": entry.installed_bytes,
            "model_bytes": entry.model_bytes,
            "seconds": {
                name: {"median": round(statistics.median(values), 4), "best": round(min(values), 4)}
                for name, values in found.items()
            },
        }
        for entry, found in zip(entries, times, strict=True)
    ]


def asked_for(rounds: int, only: list[str] | None) -> str:
    """Return the command, without where things lie.

    >>> asked_for(9, ["VADER", "spaCy, blank"])
    "python benchmarks/footprint.py --rounds 9 --only VADER 'spaCy, blank'"
    """
    chosen = ["--only", *only] if only else []
    return shlex.join(["python", "benchmarks/footprint.py", "--rounds", str(rounds), *chosen])


def main() -> None:
    """Install, measure, write and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--wheel", type=Path, help="of peephole [default: one is built]")
    parser.add_argument("--only", nargs="+", help="names of contenders, or their beginnings")
    parser.add_argument("--work", type=Path, help="put the environments into a new folder here")
    parser.add_argument("--json", type=Path, help="write the results here")
    options = parser.parse_args()
    asked = [one for one in CONTENDERS if not options.only or one.name.startswith(tuple(options.only))]
    entries: list[Installed] = []
    failed: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory(prefix="footprint-", dir=options.work) as name:
        work = Path(name)
        wheel = options.wheel
        if wheel is None:
            pip("wheel", "-q", "--no-deps", "-w", str(work), str(ROOT))
            wheel = next(work.glob("peephole-*.whl"))
        for number, contender in enumerate(asked):
            print(f"install {contender.name}", file=sys.stderr)
            try:
                entries.append(Installed(contender, work / str(number), wheel.resolve()))
            except (subprocess.CalledProcessError, SystemExit) as error:
                print(f"  left out: {error}", file=sys.stderr)
                reason = (str(error).strip().split("\n") or [""])[-1]
                failed.append({"name": contender.name, "reason": reason[:200]})
        contenders = measure(entries, options.rounds)
    document = {
        "command": asked_for(options.rounds, options.only),
        "date": today(),
        "machine": machine(),
        "load_average": os.getloadavg(),
        "versions": {"python": versions()["python"]},
        "sentence": SENTENCE,
        "rounds": options.rounds,
        "contenders": contenders,
        "left_out": failed,
    }
    if options.json:
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    from footprint_tables import table

    print(table(document).plain())


if __name__ == "__main__":
    main()
