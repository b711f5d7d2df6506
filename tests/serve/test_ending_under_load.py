"""SIGTERM while many ask: all that was accepted is answered, and the answers arrive."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import httpx
import pytest

from support.models import word_counter
from support.processes import Process, process

CLIENTS = 12


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_all_that_was_accepted_is_answered(tmp_path: Path, workers: int) -> None:
    model = word_counter().save(tmp_path / "counter")
    with process(model, "--workers", workers, "--queue-texts", 1000) as server:
        server.line("answering", workers)
        answered = asked_until_gone(server, then_stop_at=60)
        assert server.wait() == 0
        requests = [line["status"] for line in server.lines if line["event"] == "request"]
    assert requests == [200] * answered


def asked_until_gone(server: Process, then_stop_at: int) -> int:
    """Ask from many threads, stop the server meanwhile, and return how many answers came before it was gone."""
    answers: list[str] = []
    enough = threading.Event()

    def ask() -> None:
        try:
            while True:
                with (
                    server.client() as client
                ):  # a connection each: one kept could be closed as it is asked again
                    found = client.post("/predict", json={"inputs": ["the film was good"] * 20})
                answers.append(found.json()[0][0]["label"])
                if len(answers) >= then_stop_at:
                    enough.set()
        except httpx.TransportError:  # nobody listens any more
            return

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    server.process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert set(answers) == {"positive"}
    return len(answers)
