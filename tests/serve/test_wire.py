"""Bytes on a connection: heads and bodies that are large or slow, what is no HTTP, many clients at once."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from peephole.serve.supervisor import listening_socket
from support.models import word_counter
from support.processes import Process, connect, process, received


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    model = word_counter().save(tmp_path_factory.mktemp("models") / "counter")
    with process(model, "--head-bytes", 2000, PEEPHOLE_READ_SECONDS="0.5") as made:
        yield made


HEADS = {
    "one long header": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 3000 + b"\r\n\r\n",
    "many headers": b"GET /health HTTP/1.1\r\n" + b"X-A: b\r\n" * 500 + b"\r\n",
    "a long path": b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a header that never ends": b"GET /health HTTP/1.1\r\nX-Long: " + b"a" * 3000,
}


@pytest.mark.parametrize("name", HEADS)
def test_an_oversized_head_is_refused_and_the_connection_closed(server: Process, name: str) -> None:
    with connect(server) as connection:
        connection.sendall(HEADS[name])
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"head: must be at most 2,000 bytes of line and headers" in answer


def test_a_head_within_the_bound_is_answered_and_the_connection_kept(server: Process) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 1500 + b"\r\n\r\n"
    with connect(server) as connection:
        for _ in range(2):
            connection.sendall(request)
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_client_that_says_nothing_or_too_slowly_is_let_go(server: Process) -> None:
    with connect(server) as silent:
        assert received(silent) == b""
    with connect(server) as slow:
        slow.sendall(b"GET /health HTTP/1.1\r\nHo")
        assert received(slow).startswith(b"HTTP/1.1 408 ")


def test_an_answer_is_sent_at_once_and_not_when_the_client_has_confirmed_its_head() -> None:
    async def check() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        class Accepted(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                own = transport.get_extra_info("socket")
                found.set_result(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                transport.close()

        listener = listening_socket(("127.0.0.1", 0), socket.AF_INET, 1)
        async with await asyncio.get_running_loop().create_server(Accepted, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            no_delay = await found
            writer.close()
            return no_delay

    assert asyncio.run(check())


def test_empty_lines_do_not_hold_a_connection(server: Process) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(65_536)
        connection.sendall(b"\r\n")
        assert received(connection).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_does_not_come_is_answered_and_let_go(server: Process) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
    with connect(server) as slow:
        slow.sendall(head + b'{"inp')
        answer = received(slow)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"body: must arrive within 0.5 seconds; got 5 bytes of it" in answer


def test_a_body_in_chunks_that_are_none_is_refused(server: Process) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(head + b'5\r\n{"inp\r\nno number\r\n')
        assert received(connection).startswith(b"HTTP/1.1 400 ")


def test_a_body_in_chunks_is_answered(server: Process) -> None:
    def chunks() -> Iterator[bytes]:
        for letter in b'{"inputs": "good"}':
            yield bytes([letter])

    with server.client() as client:
        found = client.post("/predict", content=chunks(), headers={"content-type": "application/json"})
    assert found.json()[0]["label"] == "positive"


@pytest.mark.parametrize("size", [18, 1_999, 2_001, 70_000, 300_000, 1 << 20])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_any_size_within_the_limit_is_answered(server: Process, size: int, chunked: bool) -> None:
    """However its bytes arrive: as much at once as a read takes, which is more than a head may have."""
    body = b'{"inputs": "good"}'.ljust(size)
    with server.client() as client:
        for _ in range(3):  # on the same connection
            content = iter([body]) if chunked else body
            found = client.post("/predict", content=content, headers={"content-type": "application/json"})
            assert found.json()[0]["label"] == "positive"


def test_what_is_no_http_is_refused(server: Process) -> None:
    with connect(server) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 not HTTP\r\n\r\n")
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer


def test_many_clients_at_once_are_all_answered(server: Process) -> None:
    found: list[str] = []

    def ask(text: str) -> None:
        with server.client() as client:
            for _ in range(5):
                found.append(client.post("/predict", json={"inputs": text}).json()[0]["label"])

    threads = [threading.Thread(target=ask, args=(text,)) for text in ("good", "bad") * 8]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["negative"] * 40 + ["positive"] * 40
