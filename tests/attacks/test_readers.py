"""Clients that take no answer, and clients that are too many: what they hold is given back."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from support.attacks import needs_proc
from support.models import word_counter
from support.processes import Process, connect, process, received

PATIENCE = 60.0
TEXTS = 5_000  # their answer takes 400,000 bytes, more than the system holds of it
BODY = b'{"inputs": [' + b",".join([b'"good"'] * TEXTS) + b"]}"
ASK = (
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n" % len(BODY)
) + BODY


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return word_counter().save(tmp_path_factory.mktemp("models") / "counter")


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[Process]:
    limits = {"PEEPHOLE_REQUEST_TEXTS": str(TEXTS), "PEEPHOLE_CONNECTIONS": "8"}
    with process(model, PEEPHOLE_WRITE_SECONDS="0.5", **limits) as made:
        made.line("answering")
        yield made


def open_connections(server: Process) -> int:
    """How many sockets a process has open."""
    links = []
    for one in Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            links.append(str(one.readlink()))
        except OSError:  # closed meanwhile
            continue
    return sum(link.startswith("socket:") for link in links)


@contextmanager
def narrow(server: Process, held: int) -> Iterator[socket.socket]:
    """A connection of which the client's system holds no more than twice so many bytes that have not been read."""
    host, port = server.url.removeprefix("http://").split(":")
    with closing(socket.socket()) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, held)
        made.settimeout(PATIENCE)
        made.connect((host, int(port)))
        yield made


@needs_proc
def test_a_client_that_takes_no_answer_is_let_go(server: Process) -> None:
    before = open_connections(server)
    with narrow(server, 2048) as client:
        client.sendall(ASK)
        assert server.line("an answer was not taken")["bytes"] > 100_000
        end = time.monotonic() + PATIENCE
        while open_connections(server) > before:
            time.sleep(0.01)
            assert time.monotonic() < end


def test_a_client_that_takes_its_answer_slowly_gets_all_of_it(server: Process) -> None:
    """Some more in each period is enough, however many periods it takes."""
    with narrow(server, 16_384) as client:
        client.sendall(ASK)
        found, begun = bytearray(), time.monotonic()
        while part := client.recv(8192):
            found += part
            time.sleep(0.03)
    assert time.monotonic() - begun > 1.0
    assert found.count(b'"positive"') == TEXTS
    assert found.endswith(b"]]")


def test_more_connections_than_may_be_open_are_refused(server: Process) -> None:
    with server.client() as client:
        assert client.get("/health").status_code == 200
    held = [connect(server) for _ in range(8)]
    try:
        for one in held:
            one.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert one.recv(65_536).startswith(b"HTTP/1.1 200 ")
        with connect(server) as late:
            answer = received(late)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1\r\n" in answer
        assert b"at most 8 connections may be open at once" in answer
    finally:
        for one in held:
            one.close()
    end = time.monotonic() + PATIENCE
    while True:  # it learns of their end a moment later
        with connect(server) as after:
            after.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            if received(after).startswith(b"HTTP/1.1 200 "):
                return
        assert time.monotonic() < end


@needs_proc
def test_a_process_may_have_as_many_files_open_as_connections(model: Path) -> None:
    """Where the limit of its shell is lower: asyncio would write a thousand lines a second about what it cannot accept."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(400 + 2048, limits[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, limits[1]))
    try:
        with process(model, PEEPHOLE_CONNECTIONS="400") as server:
            server.line("answering")
            text = Path(f"/proc/{server.process.pid}/limits").read_text()
            (line,) = [line for line in text.splitlines() if line.startswith("Max open files")]
            assert int(line.split()[3]) >= wanted
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
