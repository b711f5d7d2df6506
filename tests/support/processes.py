"""`peephole serve` as a process of its own, on a free port."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

_PATIENCE = 120.0  # seconds after which a test that hangs fails


class Process:
    """A server that runs; `lines` are those of its log so far. `within` is a command that runs another."""

    def __init__(self, *arguments: object, within: Sequence[str] = (), **environment: str) -> None:
        self.lines: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._ended = False
        command = [*within, sys.executable, "-m", "peephole", "serve", "--port", "0", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, env={**os.environ, **environment}, text=True, encoding="utf-8"
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url: str = self.line("listening")["url"]

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(json.loads(line) if line.startswith("{") else {"event": line})
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def line(self, event: str, count: int = 1, **facts: object) -> dict[str, Any]:
        """Wait for a line of the log, or for the so-maniest of its kind, and return it."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.lines if facts.items() <= line.items() and line["event"] == event]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count or self._ended, _PATIENCE)
            assert len(found()) >= count, self.lines
            return found()[count - 1]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=_PATIENCE)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        status = self.process.wait(_PATIENCE)
        self._reader.join(_PATIENCE)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status


@contextmanager
def process(*arguments: object, within: Sequence[str] = (), **environment: str) -> Iterator[Process]:
    """A server for the block; killed if the block left it running."""
    made = Process(*arguments, within=within, **environment)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.stop()


def connect(server: Process) -> socket.socket:
    url = httpx.URL(server.url)
    return socket.create_connection((url.host, url.port), timeout=60)


def received(connection: socket.socket) -> bytes:
    """Everything until the server closes."""
    parts: list[bytes] = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def answers_counted(server: Process) -> float:
    """How many answers to /predict the server's numbers tell of."""
    from prometheus_client.parser import text_string_to_metric_families

    with server.client() as client:
        text = client.get("/metrics").text
    return sum(
        one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name == "peephole_requests_total" and one.labels["path"] == "/predict"
    )
