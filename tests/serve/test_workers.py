"""Several processes on one port: numbers of all, a killed one that comes back, an end in good order."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from support.attacks import needs_proc
from support.models import word_counter
from support.processes import Process, answers_counted, process

pytestmark = needs_proc


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return word_counter().save(tmp_path_factory.mktemp("models") / "counter")


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[Process]:
    with two_workers(model) as made:
        yield made


@contextmanager
def two_workers(model: Path) -> Iterator[Process]:
    with process(model, "--workers", 2) as made:
        made.line("answering", 2)
        yield made


def workers(server: Process) -> list[int]:
    """The process ids of all that ever answered."""
    return [line["pid"] for line in server.lines if line["event"] == "answering"]


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked about does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_numbers_are_of_all_workers_whichever_is_asked(server: Process) -> None:
    before = answers_counted(server)
    for _ in range(12):
        with server.client() as client:  # a connection each, so that both workers have some
            assert client.post("/predict", json={"inputs": "good"}).status_code == 200
    assert [answers_counted(server) - before for _ in range(4)] == [12] * 4


@pytest.mark.slow
def test_a_killed_worker_comes_back_and_nothing_that_another_accepted_is_lost(server: Process) -> None:
    """Clients ask without a pause, each request on a connection of its own; one worker is killed while they do."""
    first, second = workers(server)
    before = answers_counted(server)
    counts = {"answered": 0, "cut off": 0}
    stop, lock = threading.Event(), threading.Lock()

    def ask() -> None:
        while not stop.is_set():
            try:
                with server.client() as client:
                    found = client.post("/predict", json={"inputs": "the film was good"})
                assert found.json()[0]["label"] == "positive"
                outcome = "answered"
            except httpx.TransportError:  # it was with the one that was killed
                outcome = "cut off"
            with lock:
                counts[outcome] += 1

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_for(lambda: counts["answered"] >= 20)
    os.kill(first, signal.SIGKILL)
    line = server.line("a worker has ended; another takes its place")
    assert (line["pid"], line["exit"]) == (first, -signal.SIGKILL)
    third = server.line("answering", 3)["pid"]
    so_far = counts["answered"]
    wait_for(lambda: counts["answered"] >= so_far + 20)
    stop.set()
    for thread in threads:
        thread.join()
    assert third not in (first, second)
    assert alive(second)
    assert alive(third)
    assert counts["cut off"] <= len(threads)  # each client had one request with it at most
    # The numbers of the one that was killed still count. It may have counted an answer that never arrived.
    counted = answers_counted(server) - before
    assert counts["answered"] <= counted <= counts["answered"] + counts["cut off"]


@pytest.mark.slow
def test_the_end_waits_for_what_every_worker_accepted(model: Path) -> None:
    with two_workers(model) as server:
        end_with_half_sent_bodies(server)
        assert not any(alive(pid) for pid in workers(server))


def end_with_half_sent_bodies(server: Process) -> None:
    """Send heads, tell the server to stop, send the bodies, and see each answered."""
    body = b'{"inputs": "the film was good"}'
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    url = httpx.URL(server.url)
    half: list[socket.socket] = []
    for _ in range(8):
        connection = socket.create_connection((url.host, url.port), timeout=60)
        connection.sendall(head + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert connection.recv(100).startswith(
            b"HTTP/1.1 100 "
        )  # its head has been read, and its body is waited for
        half.append(connection)
    server.process.send_signal(signal.SIGTERM)
    server.line("stopping; what was accepted is finished")
    for connection in half:
        connection.sendall(body)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
        connection.close()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b'"positive"' in answer
    assert server.wait() == 0


@pytest.mark.slow
def test_workers_end_when_the_first_process_is_killed(model: Path) -> None:
    """And nothing of them is left in memory."""
    with two_workers(model) as server:
        environment = Path(f"/proc/{workers(server)[0]}/environ").read_bytes().split(b"\0")
        (folder,) = (one for one in environment if one.startswith(b"PROMETHEUS_MULTIPROC_DIR="))
        numbers = Path(os.fsdecode(folder.partition(b"=")[2]))
        assert numbers.is_dir()
        server.process.kill()
        server.wait()
        wait_for(lambda: not any(alive(pid) for pid in workers(server)))
        assert not numbers.exists()


@pytest.mark.slow
def test_a_worker_that_cannot_start_is_tried_again_until_it_can(tmp_path: Path) -> None:
    model = word_counter().save(tmp_path / "counter")
    with two_workers(model) as server:
        (model / "config.json").rename(tmp_path / "aside")
        os.kill(workers(server)[0], signal.SIGKILL)
        for count in (1, 2, 3):
            assert "got no config.json" in server.line("a worker cannot start", count)["detail"]
        with server.client() as client:  # the other one has its model
            assert client.post("/predict", json={"inputs": "good"}).status_code == 200
        (tmp_path / "aside").rename(model / "config.json")
        server.line("answering", 3)


def wait_for(condition: object) -> None:
    """Return once something holds; a test that waits for ever is ended by its process's own patience."""
    assert callable(condition)
    pause = threading.Event()
    for _ in range(6000):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it did not come to hold")
