"""``POST /predict``: the schema of Hugging Face's text classification, in order, with clear refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from peephole.serve import Settings
from support.models import word_counter
from support.serving import JSON, Here, here, refused
from support.small_models import small_classifier


@pytest.fixture(scope="module")
def server() -> Iterator[Here]:
    settings = Settings(request_texts=5, text_characters=60, queue_texts=8, long_characters=40)
    with here(settings, counter=word_counter(), letters=small_classifier()) as made:
        yield made


def test_one_text_has_its_labels_the_most_probable_first(server: Here) -> None:
    expected = next(word_counter().predict(["the film was good"])).probabilities
    found = server.post("/predict", {"inputs": "the film was good"})
    assert found.status_code == 200
    assert found.json() == [
        {"label": label, "score": pytest.approx(score, abs=1e-6)} for label, score in expected.items()
    ]
    assert [one["label"] for one in found.json()] == ["positive", "negative"]


def test_several_texts_have_a_list_each_in_their_order(server: Here) -> None:
    texts = ["good", "bad", "", "the film was " * 4 + "bad", "fine"]  # the fourth is a long one
    assert len(texts[3]) > 40
    found = server.post("/predict", {"inputs": texts, "parameters": {"top_k": 1}}).json()
    expected = [one.label for one in word_counter().predict(texts)]
    assert [[one["label"] for one in row] for row in found] == [[label] for label in expected]
    assert expected[:2] == ["positive", "negative"]


def test_a_list_of_one_text_is_answered_with_a_list_of_one(server: Here) -> None:
    (row,) = server.post("/predict", {"inputs": ["good"]}).json()
    assert [one["label"] for one in row] == ["positive", "negative"]


def test_a_model_is_asked_by_its_name_and_the_first_answers_by_default(server: Here) -> None:
    named = server.post("/predict", {"inputs": "good", "model": "letters"}).json()
    assert {one["label"] for one in named} == {"bad", "good", "odd"}
    assert len(server.post("/predict", {"inputs": "good", "model": "counter"}).json()) == 2
    assert len(server.post("/predict", {"inputs": "good"}).json()) == 2


def test_more_labels_than_there_are_is_all_of_them(server: Here) -> None:
    assert len(server.post("/predict", {"inputs": "good", "parameters": {"top_k": 1000}}).json()) == 2


def test_a_whole_number_may_be_written_with_a_point(server: Here) -> None:
    assert len(server.post("/predict", {"inputs": "good", "parameters": {"top_k": 1.0}}).json()) == 1
    found = server.post("/predict", {"inputs": "good", "parameters": {"top_k": 1.5}})
    assert "got 1.5" in refused(found, 422)["detail"]


def test_requests_that_come_together_have_the_answers_that_they_have_alone(server: Here) -> None:
    texts = ["good", "bad", "a fine film", "the film was dull", "", "great"]
    alone = [server.post("/predict", {"inputs": text}).json() for text in texts]

    async def together() -> list[httpx.Response]:
        async with server.client() as client:
            return await asyncio.gather(
                *(client.post("/predict", json={"inputs": text}, headers=JSON) for text in texts)
            )

    assert [found.json() for found in server.run(together())] == alone


BAD: dict[str, tuple[Any, str]] = {
    "no object": (["good"], "body: must be an object; got ['good']"),
    "no inputs": ({}, "body, inputs: must be a text or a list of texts; got none"),
    "null": ({"inputs": None}, "body, inputs: must be a text or a list of texts; got None"),
    "no text": ({"inputs": ["good", 5]}, "body, inputs[1]: must be a text; got 5"),
    "no texts": ({"inputs": []}, "body, inputs: must hold 1 to 5 texts; got 0"),
    "too many": ({"inputs": ["a"] * 6}, "body, inputs: must hold 1 to 5 texts; got 6"),
    "too long": ({"inputs": ["a", "b" * 61]}, "body, inputs[1]: must have at most 60 characters; got 61"),
    "model": (
        {"inputs": "a", "model": "lettters"},
        "body, model: must be one of 'counter', 'letters'; got 'lettters' (did you mean 'letters'?)",
    ),
    "a path as model": ({"inputs": "a", "model": "../../etc"}, "body, model: must be one of 'counter'"),
    "top_k": (
        {"inputs": "a", "parameters": {"top_k": 0}},
        "body, parameters.top_k: must be a whole number from 1 to 1,000; got 0",
    ),
    "true is no number": ({"inputs": "a", "parameters": {"top_k": True}}, "got True"),
    "unknown field": (
        {"inputs": "a", "parametrs": {}},
        "body: must have no fields but 'inputs', 'parameters', 'model'; got 'parametrs' (did you mean 'parameters'?)",
    ),
    "unknown parameter": (
        {"inputs": "a", "parameters": {"topk": 1}},
        "body, parameters: must have no fields but 'top_k'; got 'topk' (did you mean 'top_k'?)",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_body_of_something_else_is_refused_with_its_place(server: Here, name: str) -> None:
    document, message = BAD[name]
    assert message in refused(server.post("/predict", document), 422)["detail"]


def test_every_problem_is_named_at_once(server: Here) -> None:
    document = {"inputs": [1, "a", 2], "model": "x", "parameters": {"top_k": 0}}
    detail = refused(server.post("/predict", document), 422)["detail"]
    assert detail.startswith("body: 4 problems")
    for place in ("inputs[0]", "inputs[2]", "model", "parameters.top_k"):
        assert f"body, {place}:" in detail


def test_a_body_must_be_declared_as_json(server: Here) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        found = server.ask("POST", "/predict", content=b'{"inputs": "a"}', headers={"content-type": kind})
        assert "Content-Type: must be application/json" in refused(found, 415)["detail"]
    kind = "application/json; charset=utf-8"
    found = server.ask("POST", "/predict", content=b'{"inputs": "a"}', headers={"content-type": kind})
    assert found.status_code == 200


def test_all_places_are_free_after_answers_and_refusals(server: Here) -> None:
    server.post("/predict", {"inputs": ["a"] * 5})
    server.post("/predict", {"inputs": 5})
    assert server.service.queues["/predict"].taken == 0
