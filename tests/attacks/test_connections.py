"""Hostile connections: what stands around chunks, many requests at once, requests that two programs read in two ways."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from support.models import word_counter
from support.processes import Process, connect, process, received


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    model = word_counter().save(tmp_path_factory.mktemp("models") / "counter")
    with process(model) as made:
        yield made


AFTER_CHUNKS = {
    "many trailers": b"0\r\n" + b"X-A: b\r\n" * 500_000,
    "one long trailer": b"0\r\nX-Long: " + b"a" * 4_000_000,
    "one long extension": b"5;x=" + b"a" * 4_000_000,
}


@pytest.mark.parametrize("name", AFTER_CHUNKS)
def test_what_stands_around_chunks_is_bounded(server: Process, name: str) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(head + b"1\r\n{\r\n")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):  # it is closed long before all is sent
            connection.sendall(AFTER_CHUNKS[name] * 10)
    line = next(line for line in reversed(server.lines) if line["event"] == "refused")
    assert line["status"] == 431


def test_a_trailer_is_no_header(server: Process) -> None:
    """What was decided by the head stands; the id of a request among it."""
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    with connect(server) as connection:
        connection.sendall(head + b"Connection: close\r\n\r\n12\r\n" + b'{"inputs": "good"}')
        connection.sendall(b"\r\n0\r\nContent-Type: text/plain\r\nX-Request-ID: late\r\n\r\n")
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"late" not in answer


def test_what_comes_before_an_answer_is_not_read(server: Process) -> None:
    """A connection holds one request, however many are sent at once: the answer to the first says that it is the last."""
    one = (
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 18\r\nX-Request-ID: %s\r\n\r\n"
    )
    with connect(server) as connection:
        connection.sendall(
            one % b"first" + b'{"inputs": "good"}' + (one % b"more" + b'{"inputs": "bad!"}') * 100
        )
        answer = received(connection)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"x-request-id: first\r\n" in answer
    assert b"connection: close\r\n" in answer
    assert b'"positive"' in answer[: answer.index(b"}")]
    with server.client() as client:
        client.get("/health", headers={"x-request-id": "after"})
    while not any(line.get("request_id") == "after" for line in server.lines):
        time.sleep(0.01)
    assert not any(line.get("request_id") == "more" for line in server.lines)


def test_rubbish_after_a_request_does_not_take_its_answer(server: Process) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n\x00\x01 rubbish \r\n\r\n")
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1


BODY = b'{"inputs": "good"}'
AMBIGUOUS = {  # where two programs in a row may disagree on where a request ends
    "length and chunks": (b"Content-Length: 18\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n"),
    "chunks and length": (b"Transfer-Encoding: chunked\r\nContent-Length: 18\r\n\r\n", b"0\r\n\r\n"),
    "two lengths": (b"Content-Length: 18\r\nContent-Length: 17\r\n\r\n", BODY),
    "two equal lengths": (b"Content-Length: 18\r\nContent-Length: 18\r\n\r\n", BODY),
    "a list of lengths": (b"Content-Length: 18, 18\r\n\r\n", BODY),
    "a length with a sign": (b"Content-Length: +18\r\n\r\n", BODY),
    "a length in hexadecimal": (b"Content-Length: 0x12\r\n\r\n", BODY),
    "a length beyond all numbers": (b"Content-Length: 184467440737095516180\r\n\r\n", BODY),
    "chunks that are not the last coding": (b"Transfer-Encoding: chunked, identity\r\n\r\n", b"0\r\n\r\n"),
    "a coding that is none": (b"Transfer-Encoding: xchunked\r\n\r\n", b"0\r\n\r\n"),
    "a space before the colon": (b"Content-Length : 18\r\n\r\n", BODY),
    "a folded header": (b"X-A: a\r\n b\r\nContent-Length: 18\r\n\r\n", BODY),
    "lines that end by LF alone": (b"Content-Length: 18\n\n", BODY),
    "a CR inside a header": (b"X-A: a\rContent-Length: 18\r\n\r\n", BODY),
    "a NUL inside a header": (b"X-A: a\0b\r\nContent-Length: 18\r\n\r\n", BODY),
    "a chunk of too large a size": (b"Transfer-Encoding: chunked\r\n\r\n", b"FFFFFFFFFFFFFFFFF\r\n"),
    "chunks whose lines end by LF alone": (
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"12\n" + BODY + b"\n0\n\n",
    ),
    "a chunk that is longer than it says": (
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"11\r\n" + BODY + b"\r\n0\r\n\r\n",
    ),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_request_that_may_be_read_in_two_ways_is_refused(server: Process, name: str) -> None:
    rest, body = AMBIGUOUS[name]
    with connect(server) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + rest + body
        )
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


NO_REQUEST = {
    "a tunnel": b"CONNECT a.org:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "the second version": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a path that is not ASCII": b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no path": b"GET  HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("name", NO_REQUEST)
def test_what_asks_for_nothing_is_refused(server: Process, name: str) -> None:
    with connect(server) as connection:
        connection.sendall(NO_REQUEST[name])
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    head, _, body = answer.partition(b"\r\n\r\n")
    document = json.loads(body)
    assert b"content-type: application/problem+json\r\n" in head
    assert b"x-request-id: " + document["request_id"].encode() + b"\r\n" in head


def test_the_server_answers_as_before(server: Process) -> None:
    with server.client() as client:
        assert client.post("/predict", json={"inputs": "good"}).json()[0]["label"] == "positive"
    assert not [line for line in server.lines if line["event"] == "error"]
