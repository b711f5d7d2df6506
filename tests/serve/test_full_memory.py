"""Several processes whose numbers for Prometheus find no room: a full /dev/shm, in a mount of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.models import word_counter
from support.processes import Process, answers_counted, process

NO_ROOM = "no room for numbers that all processes share; /metrics tells of the one that is asked"


def with_memory(size: str) -> list[str]:
    """What runs a command so that /dev/shm has so many bytes, for it and for what it starts."""
    mounted = f'mount -t tmpfs -o size={size} none /dev/shm && exec "$@"'
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh"]


def may_mount() -> bool:
    try:
        return subprocess.run([*with_memory("64k"), "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not may_mount(), reason="needs Linux and a mount of one's own"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return word_counter().save(tmp_path_factory.mktemp("models") / "counter")


@contextlib.contextmanager
def two_workers(model: Path, memory: str) -> Iterator[Process]:
    with process(model, "--workers", 2, within=with_memory(memory)) as made:
        made.line("answering", 2)
        yield made


def ask(server: Process, times: int) -> None:
    """A connection for each, so that both workers have some."""
    for _ in range(times):
        with server.client() as client:
            found = client.post("/predict", json={"inputs": "good"})
            assert found.json()[0]["label"] == "positive"
            assert client.get("/metrics").status_code == 200
            assert client.get("/nowhere").status_code == 404


def ended(server: Process) -> int:
    """How many workers have ended."""
    return sum(line["event"] == "a worker has ended; another takes its place" for line in server.lines)


@pytest.mark.parametrize(("memory", "without"), [("1m", 1), ("16k", 2)])
def test_a_worker_that_finds_no_room_answers_and_says_so(model: Path, memory: str, without: int) -> None:
    with two_workers(model, memory) as server:
        ask(server, 12)
        assert sum(line["event"] == NO_ROOM for line in server.lines) == without
        assert ended(server) == 0


def test_memory_that_becomes_full_later_ends_no_worker_and_counts_go_on(model: Path) -> None:
    with two_workers(model, "3m") as server:
        shared = Path(f"/proc/{server.process.pid}/root/dev/shm")
        (folder,) = shared.iterdir()
        pids = {line["pid"] for line in server.lines if line["event"] == "answering"}
        kinds = ("counter", "gauge_livesum", "histogram")
        assert {file.name for file in folder.iterdir()} == {
            f"{kind}_{pid}.db" for kind in kinds for pid in pids
        }
        sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
        filler = shared / "filler"
        fill(filler)
        ask(server, 12)
        assert {file.name: file.stat().st_size for file in folder.iterdir()} == sizes
        assert ended(server) == 0
        assert answers_counted(server) == 12

        os.truncate(filler, filler.stat().st_size - 65_536)  # of what was the dead one's, its counts are kept
        killed = min(pids)
        os.kill(killed, signal.SIGKILL)
        server.line("answering", 3)
        ask(server, 12)
        assert ended(server) == 1
        assert answers_counted(server) == 24  # with what the one that was killed had counted
        assert sum(file.stat().st_size for file in folder.glob(f"*_{killed}.db")) < 20_000
        assert not any(line["event"] == NO_ROOM for line in server.lines)


def fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
