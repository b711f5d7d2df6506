"""One table of settings: what options and the environment give, which wins, and what is refused how."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from peephole.errors import MissingExtra, OptionError
from peephole.serve import Settings
from peephole.serve.run import run
from peephole.serve.settings import default, kind, meaning, read_settings, setting_names, variable

WRITTEN = {
    "models": ("reviews,mine=folder/of/mine", ("reviews", "mine=folder/of/mine")),
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("9000", 9000),
    "workers": ("3", 3),
    "token": ("a-secret-of-mine", "a-secret-of-mine"),
    "cors_origin": ("https://a.org, http://b.org:81", ("https://a.org", "http://b.org:81")),
    "allowed_host": ("a.org,[::2]", ("a.org", "[::2]")),
    "body_bytes": ("2048", 2048),
    "request_texts": ("7", 7),
    "text_characters": ("70", 70),
    "explain_characters": ("71", 71),
    "long_characters": ("72", 72),
    "batch_tokens": ("73", 73),
    "queue_texts": ("200", 200),
    "queue_explanations": ("2", 2),
    "deadline_seconds": ("2.5", 2.5),
    "read_seconds": ("3", 3.0),
    "write_seconds": ("4", 4.0),
    "connections": ("300", 300),
    "head_bytes": ("4096", 4096),
    "keep_alive_seconds": ("1.5", 1.5),
    "log_texts": ("yes", True),
}


def test_every_setting_can_be_given_in_the_environment() -> None:
    assert tuple(WRITTEN) == setting_names()
    found = read_settings({}, {variable(name): text for name, (text, _) in WRITTEN.items()})
    assert dataclasses.asdict(found) == {name: value for name, (_, value) in WRITTEN.items()}
    assert all(value != default(name) for name, (_, value) in WRITTEN.items())


def test_an_option_wins_over_the_environment_and_an_empty_variable_is_none() -> None:
    found = read_settings(
        {"port": 81, "host": None, "cors_origin": []}, {"PEEPHOLE_PORT": "82", "PEEPHOLE_HOST": ""}
    )
    assert (found.port, found.host, found.cors_origin) == (81, "127.0.0.1", ())


def test_it_listens_to_this_machine_alone_and_to_no_other_origin_by_default() -> None:
    assert (Settings().host, Settings().cors_origin, Settings().token) == ("127.0.0.1", (), None)


BAD = {
    "port": ({"port": 70_000}, {}, "serve, --port: must be a whole number from 0 to 65,535; got 70000"),
    "port, no number": (
        {},
        {"PEEPHOLE_PORT": "http"},
        "the environment variable PEEPHOLE_PORT: must be a whole number from 0 to 65,535; got 'http'",
    ),
    "flag": ({}, {"PEEPHOLE_LOG_TEXTS": "maybe"}, "PEEPHOLE_LOG_TEXTS: must be true or false; got 'maybe'"),
    "origin": ({"cors_origin": ["example.org"]}, {}, "--cors-origin: must be an origin"),
    "origin with a path": ({"cors_origin": ["https://a.org/x"]}, {}, "--cors-origin: must be an origin"),
    "host with a port": ({"allowed_host": ["a.org:80"]}, {}, "--allowed-host: must be a host name"),
    "deadline": ({"deadline_seconds": float("nan")}, {}, "--deadline-seconds: must be a number from 0.01"),
    "two": ({"workers": 0}, {"PEEPHOLE_PORT": "-1"}, "serve: 2 problems"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_out_of_range_is_refused_by_its_own_name(name: str) -> None:
    given, environ, message = BAD[name]
    with pytest.raises(OptionError) as caught:
        read_settings(given, environ)
    assert message in str(caught.value)


def test_no_message_shows_a_token() -> None:
    for given, environ in (({"token": "my secret"}, {}), ({}, {"PEEPHOLE_TOKEN": "my secret"})):
        with pytest.raises(OptionError) as caught:
            read_settings(given, environ)
        assert "my secret" not in str(caught.value)
        assert "9 characters" in str(caught.value)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(
        MissingExtra, match=r"peephole serve needs the package 'uvicorn'(?s:.*)peephole\[serve\]"
    ):
        run(Settings())


def test_the_command_can_be_read_without_the_extra() -> None:
    absent = "('fastapi', 'starlette', 'uvicorn', 'httptools', 'prometheus_client', 'threadpoolctl', 'torch')"
    code = f"import sys, peephole.cli.serve, peephole.serve.run; assert not set({absent}) & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_setting_says_what_it_means() -> None:
    for name in setting_names():
        assert len(meaning(name)) > 10
        assert kind(name) in ("int", "float", "str", "bool", "tuple[str, ...]")
