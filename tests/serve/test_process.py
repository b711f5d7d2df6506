"""`peephole serve` as a process: what it starts with and refuses to start with, and its end in good order."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.attacks import needs_proc
from support.models import word_counter
from support.processes import Process, connect, process, received


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return word_counter().save(tmp_path_factory.mktemp("models") / "counter")


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[Process]:
    with process(model) as made:
        yield made


def test_it_answers_on_the_loopback_address_with_the_model_that_was_named(server: Process) -> None:
    assert server.url.startswith("http://127.0.0.1:")
    with server.client() as client:
        found = client.post("/predict", json={"inputs": ["good", "bad"]}, headers={"x-request-id": "mine"})
        assert [row[0]["label"] for row in found.json()] == ["positive", "negative"]
        assert client.get("/models").json()["default"] == "counter"
    line = server.line("request", request_id="mine")
    assert (line["status"], line["texts"], line["tokens"]) == (200, 2, 2)


@needs_proc
def test_no_torch_is_loaded(server: Process) -> None:
    with server.client() as client:
        assert client.post("/predict", json={"inputs": "good"}).status_code == 200
        assert client.post("/explain", json={"inputs": "good"}).status_code == 200
    mapped = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "peephole.so" in mapped
    assert "torch" not in mapped


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_ends_it_once_what_was_accepted_is_answered(model: Path, number: signal.Signals) -> None:
    """A body is half sent when the signal comes; the rest follows, and is answered."""
    body = b'{"inputs": "the film was good"}'
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Request-ID: half\r\n"
    with process(model) as server, connect(server) as connection:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body[:10])
        with server.client() as client:  # later than the head above, in the order of the loop
            assert client.get("/health").status_code == 200
            server.process.send_signal(number)
            until_refused(server)
        connection.sendall(body[10:])
        answer = received(connection)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b'"positive"' in answer
        assert server.wait() == 0


def until_refused(server: Process) -> None:
    """Return once the server takes no more connections."""
    while True:
        try:
            connect(server).close()
        except OSError:
            return


def until_it_listens(port: int) -> None:
    """Return once somebody takes connections."""
    end = time.monotonic() + 120
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=60).close()
            return
        except ConnectionRefusedError:
            assert time.monotonic() < end, "nobody listens"
            time.sleep(0.02)


def refusal(*arguments: object, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "peephole", "serve", "--port", "0", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_corrupt_model_is_refused_at_the_start_with_the_reason(
    model: Path, tmp_path: Path, workers: int
) -> None:
    broken = word_counter().save(tmp_path / "broken")
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-3])
    status, message = refusal(model, broken, "--workers", workers)
    assert status == 1
    assert "broken/model.safetensors" in message
    assert "listening" not in message


def test_bad_settings_are_refused_by_their_names(model: Path) -> None:
    status, message = refusal(model, PEEPHOLE_QUEUE_TEXTS="many", PEEPHOLE_TOKEN="short")
    assert status == 2
    assert "the environment variable PEEPHOLE_QUEUE_TEXTS: must be a whole number" in message
    assert "the environment variable PEEPHOLE_TOKEN: must be 8 to 512" in message
    assert "short" not in message.replace("--", "")


def test_an_address_that_is_taken_is_named(model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "peephole", "serve", str(model), "--port", str(port)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 2
    assert f"got 127.0.0.1 and {port}: Address already in use" in done.stderr


def test_a_log_that_nobody_can_write_does_not_stop_the_answers(model: Path) -> None:
    """As on a full disk: every write to stderr fails."""
    with Path("/dev/full").open("w") as full:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        server = subprocess.Popen(
            [sys.executable, "-m", "peephole", "serve", str(model), "--port", str(port)], stderr=full
        )
        try:
            until_it_listens(port)
            with httpx.Client(timeout=60) as client:
                for _ in range(3):
                    found = client.post(f"http://127.0.0.1:{port}/predict", json={"inputs": "good"})
                    assert found.json()[0]["label"] == "positive"
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0
