"""What OpenAPI says is what is checked and answered: schemathesis asks what the document allows, and what it forbids."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from peephole.serve import Settings
from support.models import word_counter
from support.processes import process
from support.serving import Here, here

TOKEN = "a-token-of-mine"
# How often each path is asked in each way: PEEPHOLE_OPENAPI_CASES=550 asks more than two thousand times in all.
CASES = int(os.environ.get("PEEPHOLE_OPENAPI_CASES", "60"))
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def server() -> Iterator[Here]:
    limits = Settings(request_texts=4, text_characters=40, explain_characters=12, token=TOKEN, queue_texts=8)
    with here(limits) as made:
        yield made


@pytest.fixture(scope="module")
def document(server: Here) -> dict[str, Any]:
    found = server.ask("GET", "/openapi.json", headers=AUTHORIZATION)
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
            headers = {**AUTHORIZATION, "content-type": "application/json"}
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


def ask_as_documented(url: str, cases: int) -> int:
    """Ask so many times of each path, with what it allows and with what it forbids, every check on; return how often."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json", headers=AUTHORIZATION)
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in schemathesis.GenerationMode:
            if mode.is_negative and operation.method == "get":
                continue  # it takes nothing, so that nothing of it can be wrong
            strategy = operation.as_strategy(generation_mode=mode)

            @settings(
                max_examples=cases,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=strategy)
            def ask(case: schemathesis.Case) -> None:
                nonlocal asked
                asked += 1
                case.call_and_validate(headers=AUTHORIZATION)

            ask()
    return asked


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    model = word_counter().save(tmp_path_factory.mktemp("models") / "counter")
    limits = ("--request-texts", 4, "--text-characters", 40, "--explain-characters", 12)
    with process(model, *limits, "--head-bytes", 1 << 20, PEEPHOLE_TOKEN=TOKEN) as made:
        yield made.url


@pytest.mark.slow
def test_answers_are_as_documented(url: str) -> None:
    assert ask_as_documented(url, CASES) > 3 * CASES
