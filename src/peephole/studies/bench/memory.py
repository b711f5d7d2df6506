"""Peak memory of a training step, each in a process of its own.

What counts is what the process holds by the system's own account: the high-water mark of its resident memory (Linux: VmHWM)
during one forward and backward pass, less what was resident just before. Two things make that exact to a fraction of a
megabyte. A short pass of four steps of time comes first, so that code, thread stacks and caches are there already. And glibc
is told to give every block of 64 KiB or more back as soon as it is freed, so that the pass finds no memory that an earlier one
left behind. Our kernels do keep scratch memory from call to call, in large pages: what they have kept is added in full.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from peephole.studies.bench.cases import CELLS, Case
from peephole.studies.bench.contender import Refusal

RESOLUTION = 2**20  # bytes: differences below it mean nothing
_STATUS, _MAPPINGS, _CLEAR = (Path("/proc/self") / name for name in ("status", "smaps", "clear_refs"))
_BLOCK = str(2**16)  # bytes


def held_bytes(case: Case, cell: str, itemsize: int = 4) -> dict[str, int]:
    """Return what a training step must hold, whoever computes it, in bytes.

    Args:
        case: the shape.
        cell: name in `CELLS`.
        itemsize: bytes of a number.

    Returns:
        ``inputs``: rows, weights and the gradient of the outputs. ``outputs``: output rows, and the gradients of rows and
        weights. ``saved``: the named values of every step that the backward pass reads, of all layers and directions, and
        the rows between layers.
    """
    from peephole.equations.plan import plan

    equations, rows = CELLS[cell], case.rows
    gates, found = len(equations.gates) * case.hidden, plan(equations)
    width = case.directions * case.hidden
    weights = sum(
        case.directions
        * (
            gates * ((case.inputs if layer == 0 else width) + case.hidden + 2)
            + sum(a * b for a, b in equations.parameter_shapes(case.hidden).values())
        )
        for layer in range(case.layers)
    )
    kept = [slot for slot in found.saved if slot != found.values.index("h")]
    saved = case.layers * width * len(kept) + (case.layers - 1) * width
    return {
        "inputs": itemsize * (rows * case.inputs + weights + rows * width),
        "outputs": itemsize * (rows * width + rows * case.inputs + weights),
        "saved": itemsize * rows * saved,
    }


def measure_memory(who: str, case: Case, cell: str, threads: int) -> dict[str, int] | Refusal:
    """Return the peak memory of a training step in a new process, in bytes.

    Args:
        who: ``"peephole"`` or ``"torch"``.
        case: the shape.
        cell: name in `CELLS`.
        threads: how many it may use, at least 1.

    Returns:
        What `held_bytes` returns, and ``peak``: the inputs, and what the step added to them at its peak.
    """
    if not _CLEAR.exists():
        return Refusal("peak memory is read from /proc/self, which only Linux has")
    job = {"who": who, "case": dataclasses.asdict(case), "cell": cell, "threads": threads}
    # The program is this Python, with an argument of ours.
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", __name__, json.dumps(job)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ
        | {
            "MALLOC_MMAP_THRESHOLD_": _BLOCK,
            "MALLOC_TRIM_THRESHOLD_": _BLOCK,
            "OMP_NUM_THREADS": str(threads),
        },
    )
    if done.returncode != 0:
        return Refusal(f"the process ended with status {done.returncode}: {done.stderr.strip()[-500:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    if "reason" in answer:
        return Refusal(answer["reason"])
    held = held_bytes(case, cell)
    return held | {"peak": held["inputs"] + answer["growth"]}


def _step(job: dict[str, Any]) -> dict[str, Any]:
    """Run in the new process: what the step added, or why there is none."""
    import torch

    from peephole.studies.bench.contender import Trainer
    from peephole.studies.bench.problem import Problem
    from peephole.studies.bench.race import make

    torch.set_num_threads(job["threads"])
    case = Case(**job["case"] | {"lengths": tuple(job["case"]["lengths"])})
    for at in (dataclasses.replace(case, lengths=tuple(min(n, 4) for n in case.lengths)), case):
        contender = make(job["who"], Problem(at, job["cell"]), job["threads"])
        if isinstance(contender, Refusal):
            return {"reason": contender.reason}
        assert isinstance(contender, Trainer)
        contender.change()
        if at is case:
            break
        contender.training()
        contender.change()
    ctypes.CDLL(None).malloc_trim(0)
    _CLEAR.write_text("5")  # the high-water mark begins anew at what is resident now
    before, kept = _resident("VmRSS"), _kept()
    contender.training()
    return {"growth": _resident("VmHWM") - before + kept}


def _resident(name: str) -> int:
    line = next(line for line in _STATUS.read_text().split("\n") if line.startswith(f"{name}:"))
    return 1024 * int(line.split()[1])


def _kept() -> int:
    """Resident bytes in mappings for which large pages were asked: the scratch memory that our kernels keep."""
    kept = resident = 0
    for line in _MAPPINGS.read_text().split("\n"):
        name, _, value = line.partition(":")
        if name == "Rss":
            resident = 1024 * int(value.split()[0])
        elif name == "VmFlags" and "hg" in value.split():
            kept += resident
    return kept


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_step(json.loads(sys.argv[1]))))
