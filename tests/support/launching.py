"""Starting several processes as a user does, looking at what they say, and stopping some of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LIMIT = 300.0  # seconds until a run counts as hanging


@dataclass
class Ended:
    """How a launch ended: its status, and what the processes said."""

    status: int
    out: str
    err: str


def command(processes: int, *program: str) -> list[str]:
    """One process by itself, or several under torch's launcher."""
    if processes == 1:
        return [sys.executable, *program]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    return [*launcher, str(processes), *program]


def launch(
    processes: int,
    *program: str,
    meanwhile: Callable[[int], None] | None = None,
    environment: dict[str, str] | None = None,
) -> Ended:
    """Run a program, and do something with the launcher's number `meanwhile`; nothing of it is left afterwards."""
    made = os.environ | {"OMP_NUM_THREADS": "1"} | (environment or {})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        command(processes, *program), env=made, text=True, start_new_session=True, **pipes
    ) as process:
        try:
            if meanwhile is not None:
                meanwhile(process.pid)
            out, err = process.communicate(timeout=LIMIT)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # the launcher's children too
            raise
    return Ended(process.returncode, out, err)


def rank_of(launcher: int, rank: int) -> int:
    """The number of the process that has a rank."""
    for task in Path(f"/proc/{launcher}/task").iterdir():
        for child in (task / "children").read_text().split():
            if f"\0RANK={rank}\0".encode() in Path(f"/proc/{child}/environ").read_bytes():
                return int(child)
    raise AssertionError(f"no process of rank {rank} below {launcher}")


def wait_for(there: Callable[[], bool], what: str, limit: float = LIMIT) -> None:
    """Wait until something is there."""
    end = time.monotonic() + limit
    while not there():
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit:.0f} s for {what}")
        time.sleep(0.02)


def checkpoint_number(output: Path) -> int:
    """Number of the newest checkpoint of a run, 0 where there is none."""
    folder = output.with_name(output.name + ".checkpoint")
    names = [path.name for path in folder.glob("checkpoint-????????")] if folder.is_dir() else []
    return max((int(name[-8:]) for name in names), default=0)
