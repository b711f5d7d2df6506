"""What OpenAPI says is what is checked and answered: schemathesis asks what the document allows, and what it forbids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from peephole.serve import Settings
from support.serving import Here, here

TOKEN = "a-token-of-mine"


@pytest.fixture(scope="module")
def server() -> Iterator[Here]:
    limits = Settings(request_texts=4, text_characters=40, explain_characters=12, token=TOKEN, queue_texts=8)
    with here(limits) as made:
        yield made


@pytest.fixture(scope="module")
def document(server: Here) -> dict[str, Any]:
    found = server.ask("GET", "/openapi.json", headers={"authorization": f"Bearer {TOKEN}"})
    return found.json()


def test_every_path_is_described_with_examples_that_are_answered(
    server: Here, document: dict[str, Any]
) -> None:
    assert set(document["paths"]) == {"/predict", "/explain", "/models", "/health", "/ready", "/metrics"}
    for path in ("/predict", "/explain"):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert body["examples"]
        for example in body["examples"].values():
            value = json.loads(json.dumps(example["value"]).replace("Not bad at all.", "not bad"))
            headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
            found = server.ask("POST", path, content=json.dumps(value), headers=headers)
            assert found.status_code == 200, found.text


def test_limits_are_those_of_the_settings(document: dict[str, Any]) -> None:
    def inputs(path: str) -> dict[str, Any]:
        content = document["paths"][path]["post"]["requestBody"]["content"]
        return content["application/json"]["schema"]["properties"]["inputs"]

    one, several = inputs("/predict")["anyOf"]
    assert (one["maxLength"], several["maxItems"]) == (40, 4)
    assert inputs("/explain")["maxLength"] == 12


def test_the_token_is_declared_where_it_is_wanted(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert ("security" in operation) == (path not in ("/health", "/ready"))


def ask_as_documented(server: Here, document: dict[str, Any], cases: int) -> int:
    """Ask so many times of each path and kind, with every check on; return how often."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.headers = {"Authorization": f"Bearer {TOKEN}"}
    asked = 0
    for mode in schemathesis.GenerationMode:
        for result in schema.get_all_operations():
            operation = result.ok()

            @settings(
                max_examples=cases,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: schemathesis.Case) -> None:
                nonlocal asked
                asked += 1
                options = case.as_transport_kwargs(base_url="http://here")
                found = server.ask(
                    options["method"],
                    options["url"],
                    params=options.get("params"),
                    headers={name: str(value) for name, value in (options.get("headers") or {}).items()},
                    json=options.get("json"),
                    content=options.get("data"),
                )
                case.validate_response(schemathesis.Response.from_httpx(found, verify=False))

            try:
                ask()
            except schemathesis.errors.InvalidSchema:
                raise
    return asked


def test_answers_are_as_documented(server: Here, document: dict[str, Any]) -> None:
    assert ask_as_documented(server, document, 10) > 50


@pytest.mark.slow
def test_answers_are_as_documented_two_thousand_times(server: Here, document: dict[str, Any]) -> None:
    assert ask_as_documented(server, document, 400) > 2000
