"""Several processes: the same output as one, whatever happens to them, in memory that does not grow."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from peephole.errors import ModelError, WorkerLost
from peephole.scoring import Listener, ScoreRequest, local, score
from peephole.scoring.progress import Report
from support.scored import read_back

pytestmark = pytest.mark.slow


class Kill(Listener):
    """Kills a process of the pool when the first part is made."""

    def __init__(self, times: int = 1) -> None:
        self.left = times

    def report(self, report: Report) -> None:
        if self.left:
            self.left -= 1
            victim = next(child for child in multiprocessing.active_children() if child.pid)
            os.kill(victim.pid, signal.SIGKILL)  # type: ignore[arg-type]


def test_two_processes_write_what_one_does(table: Path, model: str, tmp_path: Path) -> None:
    for workers in (1, 2):
        out = tmp_path / f"{workers}.parquet"
        score(ScoreRequest((str(table),), str(out), model=model, workers=workers, part_rows=150))
    one, two = (sorted((tmp_path / f"{workers}.parquet").glob("part-*")) for workers in (1, 2))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert len(one) == 7


def test_a_worker_that_is_killed_loses_nothing(table: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    killer = Kill()
    done = score(ScoreRequest((str(table),), str(out), model=model, workers=2, part_rows=50), killer)
    assert killer.left == 0
    assert done.rows == 1000
    assert [row["id"] for row in read_back(out)] == [str(number) for number in range(1000)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_workers_that_end_again_and_again_end_the_job(table: Path, model: str, tmp_path: Path) -> None:
    def kill_all(stop: threading.Event) -> None:
        while not stop.wait(0.1):  # both are started by then
            for number in _workers():
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)

    stop = threading.Event()
    thread = threading.Thread(target=kill_all, args=(stop,))
    thread.start()
    try:
        with pytest.raises(WorkerLost, match=rf"ended {local.TRIES} times with part \d+ in hand"):
            score(
                ScoreRequest(
                    (str(table),), str(tmp_path / "out.parquet"), model=model, workers=2, part_rows=500
                )
            )
    finally:
        stop.set()
        thread.join()


def test_a_pool_that_breaks_while_it_starts_a_process_is_a_pool_that_broke(
    table: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(ProcessPoolExecutor):
        def submit(self, *arguments: object, **named: object) -> Future[object]:  # type: ignore[override]
            raise OSError("handle is closed")

    monkeypatch.setattr(local, "ProcessPoolExecutor", Broken)
    with pytest.raises(WorkerLost, match=f"ended {local.TRIES} times with part 0 in hand"):
        score(ScoreRequest((str(table),), str(tmp_path / "out.parquet"), model=model, workers=2))


def test_what_a_worker_raises_is_raised_here(table: Path, model: str, tmp_path: Path) -> None:
    import shutil

    gone = tmp_path / "gone"
    shutil.copytree(model, gone)

    class Remove(Listener):
        def note(self, text: str) -> None:
            pass

    request = ScoreRequest((str(table),), str(tmp_path / "out.parquet"), model=str(gone), workers=2)
    usual = local.score_in_processes

    def without_model(*arguments: object):
        shutil.rmtree(gone)
        return usual(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("peephole.scoring.job.score_in_processes", without_model)
        with pytest.raises((ModelError, WorkerLost)):
            score(request, Remove())


def test_no_process_outlives_a_job_that_was_killed(table: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    program = (
        "import multiprocessing, sys\nfrom peephole.scoring import *\n"
        "class Say(Listener):\n"
        "    def report(self, report):\n"
        "        print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        "        sys.stdin.read()\n"
        "if __name__ == '__main__':\n"
        "    score(ScoreRequest((sys.argv[1],), sys.argv[2], model=sys.argv[3], workers=2, part_rows=20), Say())\n"
    )
    script = tmp_path / "program.py"
    script.write_text(program)
    with subprocess.Popen(
        [sys.executable, str(script), str(table), str(out), model],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        children = [int(word) for word in process.stdout.readline().split()]
        process.kill()
        process.wait()
    assert len(children) == 2
    until = time.monotonic() + 30
    while any(_alive(child) for child in children):
        assert time.monotonic() < until, "a worker is still there"
        time.sleep(0.05)


def _workers() -> Iterator[int]:
    """Processes that this one spawned; `multiprocessing` cannot be asked by one thread while another starts them."""
    numbers: list[str] = []
    for children in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        with suppress(OSError):  # a thread that has ended
            numbers += children.read_text().split()
    for number in numbers:
        with suppress(OSError):
            if "spawn_main" in Path(f"/proc/{number}/cmdline").read_text():
                yield int(number)


def _alive(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_stays_where_it_is_while_the_input_grows_tenfold(model: str, tmp_path: Path) -> None:
    peaks: dict[int, int] = {}
    for rows in (4_000, 40_000):
        source = tmp_path / f"{rows}.csv"
        with source.open("w") as file:
            file.write("id,text,filler\n")
            file.writelines(f"{number},a good film {number},{'x' * 1000}\n" for number in range(rows))
        program = (
            "import resource, sys\nfrom peephole.scoring import *\n"
            "score(ScoreRequest((sys.argv[1],), sys.argv[2], model=sys.argv[3], workers=1, part_rows=1000))\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        )
        arguments = [str(source), str(tmp_path / f"{rows}.parquet"), model]
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
        )
        peaks[rows] = int(done.stdout)
    assert peaks[40_000] - peaks[4_000] < 10 << 10  # KiB; the rows that were added are 36 MiB
