"""benchmarks/serving.py: the load asks what it is told to, wrong answers are found out, and a goal that is missed is named."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from support.models import word_counter
from support.processes import Process, process

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
NAMES = ("serving_load", "serving_report", "serving_tables", "serving_texts")
TEXTS = ["the film was good", "bad, bad, bad"]


@pytest.fixture(scope="module")
def parts() -> Iterator[SimpleNamespace]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)  # they import each other, as they do when they are run
        yield SimpleNamespace(
            **{name.removeprefix("serving_"): importlib.import_module(name) for name in NAMES}
        )
        for name in NAMES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with process(word_counter().save(tmp_path_factory.mktemp("models") / "counter")) as made:
        yield made


def carried_out(parts: SimpleNamespace, server: Process, **plan: Any) -> dict[str, Any]:
    url = httpx.URL(server.url)
    expected = parts.texts.answers(word_counter(), TEXTS)
    full = parts.load.Plan(url.host, url.port, TEXTS, **{"expected": expected, "warm_seconds": 0.0, **plan})
    return asyncio.run(parts.load.Load(full).run())


def test_clients_ask_as_often_as_they_are_told_and_answers_are_right(
    parts: SimpleNamespace, server: Process
) -> None:
    found = carried_out(parts, server, clients=4, requests=41)
    assert (found["answered"], found["refused"], found["errors"], found["hung"], found["wrong"]) == (
        41,
        0,
        0,
        0,
        0,
    )
    assert 0 < found["p50_milliseconds"] <= found["p99_milliseconds"] <= found["longest_milliseconds"]


def test_requests_at_a_rate_do_not_wait_for_answers(parts: SimpleNamespace, server: Process) -> None:
    found = carried_out(parts, server, clients=1, rate=200.0, seconds=0.5)
    assert found["answered"] > 1
    assert (found["errors"], found["hung"], found["wrong"]) == (0, 0, 0)


def test_answers_that_are_not_the_librarys_are_found_out(parts: SimpleNamespace, server: Process) -> None:
    expected = parts.texts.answers(word_counter(), TEXTS[::-1])
    assert carried_out(parts, server, clients=2, requests=10, expected=expected)["wrong"] == 10


def test_refusals_and_broken_connections_are_counted_apart(parts: SimpleNamespace) -> None:
    reply = parts.report.Reply
    replies = [
        reply(0, 0.0, 0.1, 200, b"", True),
        reply(0, 1.0, 1.2, 200, b"", True),
        reply(0, 1.0, 1.4, 200, b"", True),
        reply(0, 1.0, 1.1, 503, b"", False),
        reply(0, 1.0, 1.1, 0, b"", True),
    ]
    found = parts.report.summary(replies, 1.0, 3.0)
    assert (found["answered"], found["refused"], found["errors"]) == (2, 1, 1)
    assert found["refused_without_retry_after"] == 1
    assert (found["p50_milliseconds"], found["p99_milliseconds"]) == (200.0, 400.0)


def test_made_up_texts_are_as_long_as_reviews_and_always_the_same(parts: SimpleNamespace) -> None:
    texts = parts.texts.review_texts(None, 200)
    assert texts == parts.texts.review_texts(None, 200)
    lengths = sorted(len(text.split()) for text in texts)
    assert 150 < lengths[100] < 250
    assert lengths[-1] > 500


def report() -> dict[str, Any]:
    """One that meets all goals but the one of the floor."""
    turn = {"errors": 0, "hung": 0, "wrong": 0}
    speeds = {"peephole": 60.0, "peephole, a text a call": 20.0, "torch, padded": 30.0}
    return {
        "throughput": {
            "floor": {"a_second": 100.0},
            "contenders": [
                {
                    "name": name,
                    "void": False,
                    "a_second": speed,
                    "p50_milliseconds": 10.0,
                    "p99_milliseconds": 20.0,
                }
                | {"rounds": [turn]}
                for name, speed in speeds.items()
            ],
        },
        "overload": {
            "longest_refusal_milliseconds": 20.0,
            "p99_ratio": 1.5,
            "accepted_ratio": 0.9,
            "after_ratio": 1.0,
            "rounds": [{"before": turn, "burst": turn, "after": turn}],
        },
        "memory": {"requests": 50_000, "growth": 1.01, **turn},
    }


def test_a_missed_goal_is_named(parts: SimpleNamespace) -> None:
    lines = parts.tables.goals_table(report()).plain().split("\n")
    assert [line for line in lines if "missed" in line] == [lines[2]]
    assert lines[2].split() == ["of", "the", "floor", "≥", "70", "%", "60", "%:", "missed"]
    assert parts.tables.throughput_table(report()).rows[3][-1] == "2.00 ×"  # than torch
