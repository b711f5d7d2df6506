"""What a result is worth nothing without: the machine, the versions, the date and the command."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import shlex
import sys
from pathlib import Path
from typing import Any

from peephole.ops.library import instruction_set, library

_PACKAGES = ("peephole", "torch", "numpy", "tokenizers", "onnx", "onnxruntime", "jax")


def machine() -> dict[str, Any]:
    """Return the processor, the cores that this process may use, the instruction set of the kernels and the system."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    isa = instruction_set() if library().handle is not None else None
    return {
        "cpu": _processor(),
        "cores": cores,
        "instruction_set": isa,
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").split("\n"):
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Return the versions of Python and of what is installed of the packages that take part."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def today() -> str:
    """Return the date, in UTC, as ISO 8601 writes it."""
    return datetime.datetime.now(datetime.timezone.utc).date().isoformat()


def command_line(program: str) -> str:
    """Return how a program of `benchmarks/` was called, without folders and without where the results went.

    Args:
        program: its path in the repository.
    """
    words, kept = iter(sys.argv[1:]), ["python", program]
    for word in words:
        if word == "--json":
            next(words)
        elif not word.startswith("--json="):
            kept.append(Path(word).name if Path(word).exists() else word)
    return shlex.join(kept)
