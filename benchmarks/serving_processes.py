"""Servers as processes of their own, and load on them; for `serving.py`."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from serving_load import Plan

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
_PATIENCE = 120.0  # seconds until a server answers


@dataclasses.dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        port: that it listens on.
        process: its first process.
        log: the file of its stderr.
    """

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines of its log so far, those of `peephole serve`."""
        return [json.loads(line) for line in self.log.read_bytes().split(b"\n") if line.startswith(b"{")]

    def memory(self) -> int:
        """Return the resident bytes of its first process."""
        fields = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def running(
    log: Path, command: Callable[[int], Sequence[object]], path: str = "/predict"
) -> Iterator[Server]:
    """A server for the block.

    Args:
        log: a file for its stderr.
        command: the words after ``python``, for a port.
        path: which, once it is answered, says that the server is there.
    """
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    chosen = {
        "OMP_NUM_THREADS",
        "RAYON_NUM_THREADS",
    }  # each server has all processors, unless it says otherwise
    environment = {name: value for name, value in os.environ.items() if name not in chosen}
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, *map(str, command(port))],
            stderr=stderr,
            stdout=subprocess.DEVNULL,
            env=environment,
        )
    try:
        _wait(process, port, path, log)
        yield Server(port, process, log)
    finally:
        process.terminate()
        process.wait(60)


def _wait(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=_PATIENCE).close()
            return
        except urllib.error.HTTPError:  # it answers, if only to refuse
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"a server did not start:\n{log.read_text(encoding='utf-8')}")


def press(folder: Path, plan: Plan, every_thousand: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """Carry out a plan in a process of its own, and return what came of it."""
    file = folder / "plan.json"
    file.write_text(json.dumps(dataclasses.asdict(plan)), encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, HERE / "serving_load.py", file], stdout=subprocess.PIPE, text=True
    ) as load:
        assert load.stdout is not None
        for line in load.stdout:
            if line.startswith("{"):
                return json.loads(line)
            every_thousand()
    raise SystemExit("the load broke off")
