"""Under which names it answers: a page whose own name leads to this machine must not reach a server for this machine alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from peephole.serve import Settings
from peephole.serve.hosts import Hosts
from support.serving import JSON, here, refused

OWN = ["localhost", "localhost:8000", "LocalHost:1", "127.0.0.1", "127.0.0.1:8000", "[::1]", "[::1]:8000"]
OTHERS = [
    "rebound.example", "rebound.example:8000", "localhost.rebound.example", "127.0.0.1.rebound.example", "notlocalhost",
    "", ":8000", "[", "[::1", "[::2]", "::1", "localhost@rebound.example", "rebound.example@localhost", "10.0.0.7:8000", "\u00e9",
]  # fmt: skip


def status(settings: Settings, host: str | None, version: str = "1.1") -> int:
    given = [] if host is None else [(b"host", host.encode())]
    problem = Hosts(settings).problem(given, version)
    return 200 if problem is None else problem.status


@pytest.mark.parametrize("bound", ["127.0.0.1", "::1", "localhost", "127.0.0.2"])
def test_a_server_for_this_machine_answers_under_its_names_alone(bound: str) -> None:
    settings = Settings(host=bound)
    assert [status(settings, host) for host in OWN] == [200] * len(OWN)
    assert [status(settings, host) for host in OTHERS] == [421] * len(OTHERS)


def test_it_answers_under_the_address_that_it_listens_on() -> None:
    assert status(Settings(host="127.0.0.2"), "127.0.0.2:8000") == 200
    assert status(Settings(), "127.0.0.2:8000") == 421


def test_a_server_for_others_answers_under_any_name_unless_some_are_named() -> None:
    assert status(Settings(host="0.0.0.0"), "10.0.0.7:8000") == 200
    named = Settings(host="0.0.0.0", allowed_host=("Scores.Example", "[2001:db8::1]"))
    for host in (*OWN, "scores.example", "scores.example:443", "[2001:DB8::1]:80", "0.0.0.0:8000"):
        assert status(named, host) == 200
    assert [status(named, host) for host in OTHERS] == [421] * len(OTHERS)


def test_any_name_can_be_allowed() -> None:
    assert status(Settings(allowed_host=("*",)), "rebound.example") == 200


def test_a_request_says_it_once() -> None:
    """As HTTP wants it; only what is too old to know better, and no browser, may leave it out."""
    for settings in (Settings(), Settings(host="0.0.0.0")):
        assert status(settings, None) == 400
        assert status(settings, None, "1.0") == 200
        twice = Hosts(settings).problem([(b"host", b"localhost"), (b"host", b"localhost")], "1.0")
        assert twice is not None
        assert twice.status == 400


def test_a_page_of_another_name_reaches_nothing_and_a_probe_is_answered() -> None:
    """Its body is not read, and it takes no place; probes come with the address of a pod."""
    other = {"host": "rebound.example:8000"}
    with here(Settings(allowed_host=("scores.example",))) as server:
        asked: Mapping[str, Any] = {"content": b'{"inputs": "good"}', "headers": {**JSON, **other}}
        found = refused(server.ask("POST", "/predict", **asked), 421)
        assert found["detail"] == "Host: must be a name of this server; got 'rebound.example:8000'"
        for path in ("/models", "/metrics", "/openapi.json", "/nothing"):
            refused(server.ask("GET", path, headers=other), 421)
        for path in ("/health", "/ready"):
            assert server.ask("GET", path, headers=other).status_code == 200
        named = {**JSON, "host": "scores.example"}
        assert server.ask("POST", "/predict", content=b'{"inputs": "good"}', headers=named).status_code == 200
