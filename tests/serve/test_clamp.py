"""``clamp`` of ``POST /explain``: what is held is what `peephole.clamp` holds, and nothing else is taken for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import peephole
from peephole.insight import Hold
from peephole.insight.explanations import explain
from peephole.insight.page.packing import unpack
from peephole.serve.models import values_of
from support.models import word_counter
from support.serving import Here, here, refused
from support.small_models import small_classifier

TEXT = "the good film was bad"


@pytest.fixture(scope="module")
def server() -> Iterator[Here]:
    with here(letters=small_classifier(), counter=word_counter(), gru=small_classifier(cell="gru")) as made:
        yield made


def held(server: Here, clamp: Any, **more: Any) -> Any:
    return server.post("/explain", {"inputs": TEXT, "parameters": {"clamp": clamp}, **more})


@pytest.mark.parametrize(
    ("clamp", "same"),
    [
        ({"layer0.forward.f": 0}, {"layer0.forward.f": 0.0}),
        (
            {"layer0.forward.f": {"value": 0.25, "units": [1, 3]}, "layer0.reverse.o": 1},
            {"layer0.forward.f": Hold(0.25, units=[1, 3]), "layer0.reverse.o": 1.0},
        ),
        ({"layer0.reverse.c": {"value": -2.5, "units": [4]}}, {"layer0.reverse.c": Hold(-2.5, units=[4])}),
        ({"layer0.forward.i": {"value": 1.0, "units": [2.0, 0]}}, {"layer0.forward.i": Hold(1.0, [2, 0])}),
        ({"layer0.forward.i": {"value": 1, "units": []}}, {"layer0.forward.i": Hold(1.0, [])}),
    ],
)  # fmt: skip
def test_what_is_held_is_what_the_package_holds(server: Here, clamp: Any, same: Any) -> None:
    found = held(server, clamp).json()
    traced = peephole.clamp(small_classifier(), TEXT, same)
    expected = explain(small_classifier(), TEXT, faithfulness=False, held=same)
    assert found["explanation"] == json.loads(json.dumps(expected.to_dict()))
    assert found["explanation"]["probabilities"] == pytest.approx(
        dict(zip(traced.text.labels, traced.text.probabilities.tolist(), strict=True)), abs=1e-6
    )
    track = found["page"]["tracks"][0]
    gate = next(gate for gate in track["gates"] if gate["name"] == "f")
    values = traced["layer0.forward.f"][:, track["drawn"]]
    np.testing.assert_allclose(unpack(gate["values"]), values, rtol=0, atol=1 / 510 + 1e-6)


def test_nothing_held_is_no_different_from_none(server: Here) -> None:
    assert held(server, {}).json() == server.post("/explain", {"inputs": TEXT}).json()


def test_what_can_be_held_is_listed_with_the_models(server: Here) -> None:
    listed = {model["name"]: model["values"] for model in server.ask("GET", "/models").json()["models"]}
    assert listed["gru"] == list(values_of(small_classifier(cell="gru")))
    assert "layer0.forward.z" in listed["gru"]
    assert "layer0.forward.z" not in listed["letters"]
    assert held(server, {"layer0.forward.z": 1}, model="gru").status_code == 200


@pytest.mark.parametrize(
    ("clamp", "words"),
    [
        ([], "body, parameters.clamp: must be an object; got []"),
        ({"layer0.forward.z": 1}, "must have no fields but 'layer0.forward.h'"),
        ({"layer0.forwrd.f": 1}, "did you mean 'layer0.forward.f'?"),
        ({"__class__": 1}, "got '__class__'"),
        ({"layer0.forward.f": True}, "layer0.forward.f.value: must be a number from -100 to 100; got True"),
        ({"layer0.forward.f": "0"}, "must be a number from -100 to 100; got '0'"),
        ({"layer0.forward.f": None}, "must be a number from -100 to 100; got None"),
        ({"layer0.forward.f": 101}, "must be a number from -100 to 100; got 101"),
        ({"layer0.forward.f": {}}, "must be a number from -100 to 100; got None"),
        ({"layer0.forward.f": {"value": 1, "unit": [1]}}, "did you mean 'units'?"),
        ({"layer0.forward.f": {"value": 1, "units": 1}}, "must be a list of at most 4,096 whole numbers; got 1"),
        ({"layer0.forward.f": {"value": 1, "units": [1.5]}}, "must be a list of at most 4,096 whole numbers"),
        ({"layer0.forward.f": {"value": 1, "units": [True]}}, "must be a list of at most 4,096 whole numbers"),
        ({"layer0.forward.f": {"value": 1, "units": [0] * 4097}}, "must be a list of at most 4,096 whole numbers"),
        ({"layer0.forward.f": {"value": 1, "units": [5]}}, "units must be in [0, H) with H = 5; got 5"),
        ({"layer0.forward.f": {"value": 1, "units": [-1]}}, "units must be in [0, H) with H = 5; got -1"),
        ({"layer0.forward.f": {"value": 1, "steps": [0]}}, "must have no fields but 'value', 'units'; got 'steps'"),
    ],
)  # fmt: skip
def test_what_cannot_be_held_is_refused_in_words(server: Here, clamp: Any, words: str) -> None:
    assert words in refused(held(server, clamp), 422)["detail"]


def test_a_field_that_is_wrong_beside_an_unknown_model_is_not_taken_for_one_of_its(server: Here) -> None:
    detail = refused(held(server, {"layer0.forward.f": 1}, model="none"), 422)["detail"]
    assert "must be one of 'letters', 'counter', 'gru'; got 'none'" in detail
    assert refused(held(server, {"layer0.forward.f": 1}, model=[]), 422)["detail"]


@pytest.mark.parametrize("method", ["conveyor", "decomposition"])
def test_a_method_that_takes_the_equations_apart_is_refused(server: Here, method: str) -> None:
    parameters = {"clamp": {"layer0.forward.f": 1}, "method": method}
    detail = refused(server.post("/explain", {"inputs": TEXT, "parameters": parameters}), 422)["detail"]
    assert (
        "while values are held, method must be one of integrated-gradients, leave-one-out, shapley" in detail
    )
    assert f"without phrases; got '{method}'" in detail


@pytest.mark.parametrize("value", [100, -100])
@pytest.mark.parametrize("name", ["h", "c", "i", "f", "g", "o"])
def test_the_largest_values_give_numbers(server: Here, name: str, value: float) -> None:
    found = held(server, {f"layer0.{way}.{name}": value for way in ("forward", "reverse")}).json()
    assert sum(found["explanation"]["probabilities"].values()) == pytest.approx(1)


def test_a_text_without_words_can_be_held_too(server: Here) -> None:
    found = server.post("/explain", {"inputs": "", "parameters": {"clamp": {"layer0.forward.f": 1}}}).json()
    assert found["explanation"]["words"] == []
