"""The page at ``/``, and the one-file page of an answer: what is sent with them, and that nothing else can run in them."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from peephole.insight.page import explained_page, page_html
from peephole.serve import Settings
from support.models import word_counter
from support.serving import here, refused

TEXT = "the good film was bad"


def test_the_page_is_one_answer_whose_policy_names_its_parts() -> None:
    with here() as server:
        answer = server.ask("GET", "/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    for tag in ("script", "style"):
        (code,) = re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"\son\w+=|javascript:|style=\"|https?://(?!www\.w3\.org/)", answer.text)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_page_is_given_without_the_token_and_its_answers_are_not() -> None:
    with here(Settings(token="a-long-secret")) as server:
        assert server.ask("GET", "/").status_code == 200
        assert "a-long-secret" not in server.ask("GET", "/").text
        refused(server.ask("GET", "/models"), 401)
        refused(server.post("/explain", {"inputs": TEXT}), 401)


def test_the_page_is_given_while_the_queue_is_full() -> None:
    with here(Settings(queue_texts=1)) as server:
        claim = server.service.queues["/predict"].take()
        assert claim is not None
        assert server.ask("GET", "/").status_code == 200


def test_the_page_can_be_asked_for_and_not_told() -> None:
    with here() as server:
        assert "must be GET" in refused(server.post("/", {}), 405)["detail"]


@pytest.mark.parametrize("accept", ["text/html", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"])
def test_an_explanation_is_one_file_where_a_browser_asks(accept: str) -> None:
    headers = {"content-type": "application/json", "accept": accept}
    body = b'{"inputs": "the good film was bad", "parameters": {"phrases": true}}'
    with here() as server:
        answer = server.ask("POST", "/explain", content=body, headers=headers)
    _, data = explained_page(word_counter(), TEXT, faithfulness=False, phrases=True)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text == page_html(data)


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
def test_an_explanation_is_json_otherwise(accept: str) -> None:
    headers = {"content-type": "application/json", "accept": accept}
    with here() as server:
        answer = server.ask("POST", "/explain", content=b'{"inputs": "good"}', headers=headers)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["explanation"]["label"] == "positive"


def test_a_refusal_is_a_problem_for_browsers_too() -> None:
    headers = {"content-type": "application/json", "accept": "text/html"}
    with here() as server:
        refused(server.ask("POST", "/explain", content=b"{}", headers=headers), 422)
