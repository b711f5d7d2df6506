"""The other paths: models, probes, paths that are none, request ids, logs and numbers."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from peephole import __version__
from peephole.classifier import Classifier
from peephole.errors import ModelError
from peephole.serve import Settings
from peephole.serve.models import load_models, sources
from support.models import word_counter
from support.serving import Here, here, refused


@pytest.fixture
def server() -> Iterator[Here]:
    with here(counter=word_counter(), second=word_counter()) as made:
        yield made


def samples(server: Here) -> dict[tuple[str, ...], float]:
    """Every number that is not zero, by its name and its labels' values in the order of the labels' names."""
    found = server.ask("GET", "/metrics")
    assert found.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (one.name, *(one.labels[name] for name in sorted(one.labels))): one.value
        for family in text_string_to_metric_families(found.text)
        for one in family.samples
        if one.value
    }


def test_models_are_listed_without_where_they_lie(server: Here) -> None:
    found = server.ask("GET", "/models").json()
    assert found["default"] == "counter"
    assert [model["name"] for model in found["models"]] == ["counter", "second"]
    assert found["models"][0]["labels"] == ["negative", "positive"]
    assert found["models"][0]["layers"] == [{"cell": "rnn", "units": 1, "layers": 1, "directions": 1}]


def test_probes_say_that_it_lives_and_whether_there_is_a_place(server: Here) -> None:
    assert server.ask("GET", "/health").json() == {"status": "ok", "version": __version__}
    assert server.ask("GET", "/ready").json() == {"status": "ready"}
    queue = server.service.queues["/predict"]
    claim = queue.take()
    assert claim is not None
    assert claim.grow(queue.most)
    full = server.ask("GET", "/ready")
    assert "its queue is full" in refused(full, 503)["detail"]
    assert full.headers["retry-after"] == "1"
    claim.release()
    assert server.ask("GET", "/ready").status_code == 200
    server.service.stopping = True
    assert "it is being stopped" in refused(server.ask("GET", "/ready"), 503)["detail"]
    assert server.ask("GET", "/health").status_code == 200


def test_paths_and_methods_that_are_none_are_refused_in_the_same_form(server: Here) -> None:
    assert "GET /nothing: there is no such path" in refused(server.ask("GET", "/nothing"), 404)["detail"]
    for path in ("/docs", "/redoc", "/../etc/passwd", "/models/../../etc/passwd", "/%2e%2e/etc/passwd"):
        refused(server.ask("GET", path), 404)
    wrong = server.ask("GET", "/predict")
    assert "GET /predict: must be POST" in refused(wrong, 405)["detail"]
    assert wrong.headers["allow"] == "POST"


@pytest.mark.parametrize("given", ["abc-123", "x" * 128, "{}!~"])
def test_a_short_printable_request_id_is_kept(server: Here, given: str) -> None:
    found = server.ask("GET", "/health", headers={"x-request-id": given})
    assert found.headers["x-request-id"] == given
    assert server.logged[-1]["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "two words", "caf\u00e9", "tab\there"])
def test_any_other_request_id_is_replaced(server: Here, given: str) -> None:
    headers = [(b"x-request-id", given.encode())]
    made = [server.ask("GET", "/health", headers=headers).headers["x-request-id"] for _ in range(2)]
    assert given not in made
    assert all(len(one) == 32 and one.isalnum() for one in made)
    assert made[0] != made[1]


def test_a_log_line_tells_of_a_request_but_not_its_texts(server: Here) -> None:
    text = "good \u2028 secret"
    server.post("/predict", {"inputs": [text, "bad"]})
    server.post("/predict", {"inputs": ["secret", 5]})
    answered, wrong = server.logged[-2:]
    assert {name: answered[name] for name in ("level", "event", "method", "path", "status")} == {
        "level": "info",
        "event": "request",
        "method": "POST",
        "path": "/predict",
        "status": 200,
    }
    assert (answered["model"], answered["texts"], answered["tokens"]) == ("counter", 2, 3)
    assert answered["milliseconds"] > 0
    assert wrong["status"] == 422
    assert "secret" not in str(server.logged)


def test_texts_are_logged_where_that_is_asked_for() -> None:
    with here(Settings(log_texts=True)) as server:
        server.post("/predict", {"inputs": "good"})
        assert server.logged[-1]["inputs"] == ["good"]


def test_numbers_count_requests_batches_and_tokens(server: Here) -> None:
    server.post("/predict", {"inputs": ["the film was good", "bad"]})
    server.post("/predict", {"inputs": "good", "model": "second"})
    server.post("/predict", {"inputs": 5})
    server.ask("GET", "/somewhere")
    server.ask("GET", "/elsewhere")
    server.ask("BREW", "/health")
    found = samples(server)
    assert found["peephole_requests_total", "POST", "/predict", "200"] == 2
    assert found["peephole_requests_total", "POST", "/predict", "422"] == 1
    assert found["peephole_requests_total", "GET", "other", "404"] == 2  # a path of one's own is no label
    assert found["peephole_requests_total", "other", "/health", "405"] == 1
    assert found["peephole_request_seconds_count", "/predict", "2xx"] == 2
    assert found["peephole_batch_texts_sum", "short", "counter"] == 2
    assert found["peephole_batch_tokens_sum", "short", "counter"] == 5
    assert found["peephole_tokens_total", "counter"] == 5
    assert found["peephole_tokens_total", "second"] == 1
    assert ("peephole_queue_depth", "predict") not in found  # nothing waits: it is zero
    claim = server.service.queues["/predict"].take()
    server.post("/predict", {"inputs": "good"})
    assert samples(server)["peephole_queue_depth", "predict"] == 1
    assert claim is not None


def test_a_mistake_of_ours_is_answered_and_logged_with_its_traceback(server: Here) -> None:
    async def broken(texts: object) -> object:
        raise ZeroDivisionError("one of ours")

    server.service.batchers["counter"].answer = broken  # type: ignore[method-assign]
    found = refused(server.post("/predict", {"inputs": "good"}), 500)
    assert "one of ours" not in str(found)
    line = next(line for line in server.logged if line["event"] == "error")
    assert line["level"] == logging.getLevelName(logging.ERROR).lower()
    assert "ZeroDivisionError: one of ours" in line["exception"]
    assert line["request_id"] == found["request_id"]
    assert server.service.queues["/predict"].taken == 0


def test_a_model_that_cannot_answer_a_text_says_so(server: Here) -> None:
    def broken(ids: object) -> object:
        raise ModelError("logits: must be finite; got NaN or infinite ones", hint="the weights are too large")

    classifier: Classifier = server.service.classifiers["counter"]
    classifier.logits = broken  # type: ignore[method-assign]
    found = refused(server.post("/predict", {"inputs": "good"}), 500)
    assert found["detail"] == "logits: must be finite; got NaN or infinite ones"
    assert found["hint"] == "the weights are too large"


def test_models_have_names_that_an_address_can_hold() -> None:
    assert sources([]) == {"reviews": None}
    assert sources(["reviews", "./a/b", "x=c d/e"]) == {"reviews": "reviews", "b": "./a/b", "x": "c d/e"}
    for bad in (["c d"], ["=a"], ["x="], ["a/m", "b/m"], ["x=/a", "x=/b"], ["a" * 65]):
        with pytest.raises(ValueError, match=r"serve: .*model.*name(?s:.*)NAME=FOLDER") as caught:
            sources(bad)
        assert "hint" in str(caught.value)


def test_a_model_is_tried_before_it_is_served(tmp_path: object) -> None:
    broken = word_counter()
    weights = {name: tensor * 1e30 for name, tensor in broken.weights.items()}
    folder = Classifier(broken.config, broken.tokenizer, weights).save(f"{tmp_path}/huge")
    with pytest.raises(ModelError, match="must be finite"):
        load_models([str(folder)])


@pytest.mark.parametrize(
    "path", ["/explain%0A", "/predict%0A", "/health%0a", "/predict%00", "/predict%C2%85"]
)
def test_a_path_with_more_behind_it_is_another(server: Here, path: str) -> None:
    """A router takes one with a newline for the path without; its places would not be asked for."""
    claims = [queue.take() for queue in server.service.queues.values()]
    assert all(claim is not None and claim.grow(1000) for claim in claims)
    refused(server.post(path, {"inputs": "good"}), 404)


def test_nobody_is_led_to_another_host(server: Here) -> None:
    found = server.post("/predict/", {"inputs": "good"}, follow_redirects=False)
    refused(found, 404)
    assert "location" not in found.headers


def test_a_path_of_another_spelling_is_the_same(server: Here) -> None:
    assert server.post("/%70redict", {"inputs": "good"}).status_code == 200
    assert all(queue.taken == 0 for queue in server.service.queues.values())


def test_the_lane_of_long_texts_begins_where_the_setting_says() -> None:
    with here(Settings(long_characters=4)) as server:
        server.post("/predict", {"inputs": ["good", "a bad film", "bad"]})
        found = samples(server)
    assert found["peephole_batch_texts_sum", "long", "counter"] == 1
    assert found["peephole_batch_texts_sum", "short", "counter"] == 2
