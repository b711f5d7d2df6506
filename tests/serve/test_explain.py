"""``POST /explain``: the explanation and the document of the page are those that the package gives."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from peephole.insight.explanations import explain
from peephole.insight.page import page_data, whole
from peephole.insight.page.packing import unpack
from peephole.insight.stopping import stop_if_asked
from peephole.insight.tracing import trace
from peephole.serve import Settings
from support.exchange import Exchange
from support.gated_work import PATIENCE
from support.models import word_counter
from support.serving import Here, here, refused
from support.small_models import small_classifier

TEXT = "the good film was bad"


@pytest.fixture(scope="module")
def server() -> Iterator[Here]:
    settings = Settings(explain_characters=50, queue_explanations=1)
    with here(settings, counter=word_counter(), letters=small_classifier()) as made:
        yield made


def test_words_have_the_scores_that_the_package_gives(server: Here) -> None:
    found = server.post("/explain", {"inputs": TEXT}).json()
    expected = explain(word_counter(), TEXT, faithfulness=False)
    assert found["model"] == "counter"
    assert found["explanation"] == json.loads(json.dumps(expected.to_dict()))
    assert found["explanation"]["label"] == "negative"
    scores = {word["text"]: word["score"] for word in found["explanation"]["words"]}
    assert scores["bad"] > 0  # towards the verdict, which a word counter gives for its last word
    assert abs(scores["the"]) < scores["bad"]
    assert found["explanation"]["faithfulness"] is None
    assert found["explanation"]["phrases"] is None


def test_gates_and_conveyor_are_the_document_of_the_page(server: Here) -> None:
    found = server.post("/explain", {"inputs": TEXT, "model": "letters"}).json()
    classifier = small_classifier()
    traced = trace(classifier, TEXT)
    expected: Any = page_data(traced, explain(classifier, TEXT, faithfulness=False))
    assert found["page"] == json.loads(json.dumps(expected))
    track = found["page"]["tracks"][0]
    gate = next(gate for gate in track["gates"] if gate["name"] == "f")
    values = traced["layer0.forward.f"][:, track["drawn"]]
    np.testing.assert_allclose(unpack(gate["values"]), values, rtol=0, atol=1 / 510 + 1e-6)
    assert track["belt"] is not None


def test_method_target_faithfulness_and_phrases_are_chosen(server: Here) -> None:
    chosen = {"method": "leave-one-out", "target": "positive", "faithfulness": True, "phrases": True}
    found = server.post("/explain", {"inputs": TEXT, "parameters": chosen}).json()["explanation"]
    expected = explain(word_counter(), TEXT, **chosen)
    assert found == json.loads(json.dumps(expected.to_dict()))
    assert (found["method"], found["target"]) == ("leave-one-out", "positive")
    assert found["faithfulness"] is not None
    assert found["phrases"] is not None


def test_a_text_without_words_has_no_scores(server: Here) -> None:
    assert server.post("/explain", {"inputs": ""}).json()["explanation"]["words"] == []


BAD: dict[str, tuple[Any, str]] = {
    "a list": ({"inputs": [TEXT]}, "body, inputs: must be a text; got ['the good film was bad']"),
    "none": ({}, "body, inputs: must be there; got none"),
    "too long": ({"inputs": "a" * 51}, "body, inputs: must have at most 50 characters; got 51"),
    "method": (
        {"inputs": "a", "parameters": {"method": "shaply"}},
        "got 'shaply' (did you mean 'shapley'?)",
    ),
    "target": (
        {"inputs": "a", "parameters": {"target": "positiv"}},
        "got 'positiv' (did you mean 'positive'?)",
    ),
    "flag": (
        {"inputs": "a", "parameters": {"phrases": 1}},
        "body, parameters.phrases: must be true or false; got 1",
    ),
    "unknown": ({"inputs": "a", "parameters": {"top_k": 1}}, "must have no fields but 'method', 'target'"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_explained_is_refused_with_its_place(server: Here, name: str) -> None:
    document, message = BAD[name]
    assert message in refused(server.post("/explain", document), 422)["detail"]


def test_explanations_have_places_of_their_own(server: Here) -> None:
    claim = server.service.queues["/explain"].take()
    assert claim is not None
    found = server.post("/explain", {"inputs": "good"})
    assert "explain: at most 1 may wait or run at once" in refused(found, 503)["detail"]
    assert found.headers["retry-after"] == "1"
    assert server.post("/predict", {"inputs": "good"}).status_code == 200
    claim.release()
    assert server.post("/explain", {"inputs": "good"}).status_code == 200


@pytest.mark.parametrize("why", ["its client has left", "its deadline has passed"])
def test_an_explanation_that_nobody_waits_for_is_stopped(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has begun, and would run for ever; the next one is answered."""
    begun, ended, real = threading.Event(), threading.Event(), whole.explain

    def endless(model: Any, text: str, **options: Any) -> Any:
        if text != "endless":
            return real(model, text, **options)
        begun.set()
        end = time.monotonic() + PATIENCE
        try:
            while time.monotonic() < end:
                stop_if_asked()
                time.sleep(0.001)
        finally:
            ended.set()

    monkeypatch.setattr(whole, "explain", endless)
    with here(Settings(deadline_seconds=0.3 if "deadline" in why else PATIENCE)) as server:

        async def check() -> None:
            asked = Exchange(server, "/explain")
            asked.say(b'{"inputs": "endless"}')
            assert await asyncio.to_thread(begun.wait, PATIENCE)
            if "client" in why:
                asked.leave()
            await asked.task
            assert asked.answer == [] if "client" in why else asked.status == 504
            assert await asyncio.to_thread(ended.wait, PATIENCE / 2)

        server.run(check())
        if "client" in why:  # the other's deadline is short
            assert server.post("/explain", {"inputs": "good"}).status_code == 200
        assert server.service.queues["/explain"].taken == 0
        assert not [line for line in server.logged if line["event"] == "error"]
