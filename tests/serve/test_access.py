"""Who may ask: the token, and pages of other origins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from peephole.serve import Settings
from support.exchange import Exchange
from support.serving import JSON, Here, here, refused

TOKEN = "a-secret-of-12"


@pytest.fixture(scope="module")
def guarded() -> Iterator[Here]:
    with here(Settings(token=TOKEN, cors_origin=("https://a.org",))) as server:
        yield server


@pytest.mark.parametrize("path", ["/models", "/metrics", "/openapi.json", "/nothing"])
def test_every_path_but_the_probes_wants_the_token(guarded: Here, path: str) -> None:
    wrong: list[dict[str, str]] = [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
    ]
    for headers in wrong:
        found = guarded.ask("GET", path, headers=headers)
        refused(found, 401)
        assert found.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in found.text
    right = {"authorization": f"bearer {TOKEN}"}
    assert guarded.ask("GET", path, headers=right).status_code == (404 if path == "/nothing" else 200)


def test_probes_want_no_token(guarded: Here) -> None:
    assert [guarded.ask("GET", path).status_code for path in ("/health", "/ready")] == [200, 200]


def test_a_wrong_token_takes_no_place_and_its_body_is_not_read(guarded: Here) -> None:
    async def check() -> None:
        wrong = Exchange(guarded, authorization="Bearer \u00e9")
        await wrong.task
        assert (wrong.status, wrong.reads) == (401, 0)

    guarded.run(check())


def preflight(server: Here, origin: str) -> httpx.Response:
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    return server.ask("OPTIONS", "/predict", headers=headers)


def test_only_origins_that_were_named_may_call_from_a_browser(guarded: Here) -> None:
    """A preflight carries no token; refusals can be read by the page too."""
    allowed = preflight(guarded, "https://a.org")
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://a.org"
    assert "access-control-allow-origin" not in preflight(guarded, "https://b.org").headers
    refusal = guarded.ask("POST", "/predict", content=b"{}", headers={**JSON, "origin": "https://a.org"})
    assert refused(refusal, 401)
    assert refusal.headers["access-control-allow-origin"] == "https://a.org"


def test_no_origin_may_by_default() -> None:
    with here() as server:
        found: list[Any] = [
            preflight(server, "https://a.org"),
            server.ask("GET", "/models", headers={"origin": "https://a.org"}),
        ]
        assert all("access-control-allow-origin" not in one.headers for one in found)
