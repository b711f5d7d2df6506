"""Hostile bodies: each is refused with its reason or answered, and after all of them the server answers as before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from peephole.serve import Settings
from support.serving import JSON, Here, here, refused

DEEP = 100_000


@pytest.fixture(scope="module")
def server() -> Iterator[Here]:
    with here(Settings(body_bytes=1 << 20)) as made:
        yield made


REFUSED: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 400, "body: must be JSON; got Expecting value at line 1, column 1"),
    "no JSON": (b"inputs=good", 400, "body: must be JSON"),
    "half of it": (b'{"inputs": "goo', 400, "body: must be JSON"),
    "two documents": (b'{"inputs": "a"}{"inputs": "b"}', 400, "body: must be JSON; got Extra data"),
    "deep lists": (b'{"inputs": ' + b"[" * DEEP + b"]" * DEEP + b"}", 400, "nested deeper than 32"),
    "deep objects": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, 400, "nested deeper than 32"),
    "deep, never closed": (b"[" * (1 << 20), 400, "nested deeper than 32"),
    "deep in parameters": (
        b'{"inputs": "a", "parameters": ' + b"[" * 40 + b"]" * 40 + b"}",
        400,
        "nested deeper than 32",
    ),
    "a number of many digits": (
        b'{"inputs": "a", "parameters": {"top_k": ' + b"9" * 500_000 + b"}}",
        400,
        "must not hold a number of more than 20 digits; got one of 500000",
    ),
    "a number beyond every float": (
        b'{"inputs": "a", "parameters": {"top_k": 1e999999}}',
        400,
        "must hold finite numbers only",
    ),
    "NaN": (b'{"inputs": "a", "parameters": {"top_k": NaN}}', 400, "finite numbers only; got NaN"),
    "Infinity": (b'{"inputs": -Infinity}', 400, "finite numbers only; got -Infinity"),
    "invalid UTF-8": (b'{"inputs": "caf\xe9"}', 400, "body: must be UTF-8; got byte 0xe9 at 15"),
    "overlong UTF-8": (b'{"inputs": "\xc0\xaf"}', 400, "body: must be UTF-8"),
    "a surrogate in UTF-8": (b'{"inputs": "\xed\xa0\x80"}', 400, "body: must be UTF-8"),
    "UTF-16": ('{"inputs": "a"}'.encode("utf-16"), 400, "body: must be UTF-8"),
    "a mark of byte order": (b'\xef\xbb\xbf{"inputs": "a"}', 400, "body: must be JSON"),
    "half a surrogate pair": (b'{"inputs": "a\\ud800b"}', 400, "half a surrogate pair"),
    "the halves the wrong way round": (b'{"inputs": ["\\udc00\\ud800"]}', 400, "half a surrogate pair"),
    "half a pair as a name": (b'{"inputs": "a", "\\ud800": 1}', 400, "half a surrogate pair"),
    "a field twice": (
        b'{"inputs": "good", "inputs": "bad"}',
        400,
        "must not hold a field twice; got 'inputs' twice",
    ),
    "a field twice by an escape": (b'{"inputs": "good", "\\u0069nputs": "bad"}', 400, "a field twice"),
    "a NUL outside of a text": (b'{"inputs": "a"}\0', 400, "body: must be JSON"),
    "a control in a text": (b'{"inputs": "a\x01b"}', 400, "body: must be JSON"),
    "a long field": (b'{"' + b"x" * 500_000 + b'": 1}', 422, "must have no fields but"),
    "many fields": (
        b'{"inputs": "a"' + b"".join(b', "x%d": 1' % n for n in range(50_000)) + b"}",
        422,
        "got 49,992 more",
    ),
    "a prototype": (b'{"inputs": "a", "__proto__": {"x": 1}}', 422, "must have no fields but"),
    "too large": (b'{"inputs": "' + b"a" * (1 << 20) + b'"}', 413, "body: must be at most 1,048,576 bytes"),
}

EXPLAINED: dict[str, tuple[bytes, str]] = {
    "a long target": (b"target", "target must be one of the labels"),
    "a long method": (b"method", "parameters.method: must be one of"),
    "a parameter of no name": (b"a" * 400_000, "must have no fields but"),
}

ANSWERED: dict[str, bytes] = {
    "empty": b'{"inputs": ""}',
    "a whole pair": b'{"inputs": "\\ud83d\\ude00 good"}',
    "a NUL in a text": b'{"inputs": "a\\u0000b"}',
    "no character": b'{"inputs": "\\uffff\\ufffe"}',
    "a tag that never ends": b'{"inputs": "' + b"<br " * 20_000 + b'"}',
    "one long word": b'{"inputs": "' + b"m" * 90_000 + b'"}',
    "white space around": b" \n\t" * 10_000 + b'{"inputs": "good"}' + b"\r\n" * 10_000,
    "spellings of special tokens": b'{"inputs": "[PAD] [UNK] [BOS]"}',
}


@pytest.mark.parametrize("path", ["/predict", "/explain"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_body_is_refused_with_its_reason(server: Here, name: str, path: str) -> None:
    body, status, reason = REFUSED[name]
    found = server.ask("POST", path, content=body, headers=JSON)
    document = refused(found, status)
    assert reason in document["detail"]
    assert len(found.content) < 5000  # what was sent is shown, never sent back at length


@pytest.mark.parametrize("name", EXPLAINED)
def test_a_parameter_is_not_sent_back_at_length(server: Here, name: str) -> None:
    parameter, reason = EXPLAINED[name]
    body = b'{"inputs": "a", "parameters": {"' + parameter + b'": "' + b"m" * 500_000 + b'"}}'
    found = server.ask("POST", "/explain", content=body, headers=JSON)
    assert reason in refused(found, 422)["detail"]
    assert len(found.content) < 5000


@pytest.mark.parametrize("name", ANSWERED)
def test_an_odd_text_is_answered(server: Here, name: str) -> None:
    found = server.ask("POST", "/predict", content=ANSWERED[name], headers=JSON)
    assert found.status_code == 200, found.text
    assert sum(one["score"] for one in found.json()) == pytest.approx(1, abs=1e-5)


def test_the_server_answers_as_before(server: Here) -> None:
    assert server.post("/predict", {"inputs": "good"}).json()[0]["label"] == "positive"
    assert all(queue.taken == 0 for queue in server.service.queues.values())
    assert not [line for line in server.logged if line["event"] == "error"]
