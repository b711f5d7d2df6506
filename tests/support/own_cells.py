"""Cells of one's own, compilers that are shell scripts, and processes that use both."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from peephole.equations import Cell, Step, tanh
from peephole.ops import own_cell
from peephole.ops.library import library

GXX = shutil.which("g++") or shutil.which("clang++") or ""
ISA = (library().isas or ("none",))[0]

NEEDS_COMPILER = [
    pytest.mark.skipif(library().handle is None, reason=library().reason),
    pytest.mark.skipif(not GXX, reason="needs a C++ compiler"),
    pytest.mark.skipif(os.name != "posix", reason="the compilers here are shell scripts"),
]

# A process that runs a cell of its own, compiled, and prints the largest difference from the reference.
PROGRAM = textwrap.dedent("""
    import numpy as np
    from peephole.equations import Cell, Step, tanh
    from peephole.ops import run
    class Leaky(Cell):
        gates, states = ("a",), ("h",)
        def step(self, pre, prev):
            return Step(h=0.75 * prev.h + 0.25 * tanh(pre.a))
    r = np.random.default_rng(0)
    rows, state = r.normal(size=(4, 3)), {"h": r.normal(size=(2, 5))}
    weights = {"weight_ih": r.normal(size=(5, 3)), "weight_hh": r.normal(size=(5, 5))}
    found = [run(Leaky(), rows, [2, 1, 1], weights, state, backend=name).rows for name in ("compiled", "reference")]
    print(abs(found[0] - found[1]).max())
""")


def own() -> Cell:
    """A cell that no test had before: nothing is remembered of it."""

    class Leaky(Cell):
        gates, states = ("a",), ("h",)

        def step(self, pre, prev):
            return Step(h=0.75 * prev.h + 0.25 * tanh(pre.a))

    return Leaky()


def attempt(cell: Cell) -> str:
    """The reason why a cell cannot be compiled; `run` must say it too."""
    address, reason = own_cell.find(cell, ISA)
    assert address is None
    assert own_cell.can_compile(cell, ISA) == reason
    return reason


def libraries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.so"))


def execute(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PEEPHOLE_CACHE": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
