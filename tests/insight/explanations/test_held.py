"""Explanations of a model some of whose values are held: against `clamp` on texts from which the tokens were deleted by hand."""

from __future__ import annotations

import numpy as np
import pytest

import peephole
from peephole.errors import OptionError
from peephole.insight import Hold, belts
from peephole.insight.explanations import again as again_module
from peephole.insight.explanations import explain, methods
from peephole.insight.explanations.again import Again
from peephole.insight.page import explained_page
from support.small_models import small_classifier

TEXT = "a good film not bad at all"
FREE = ("shapley", "integrated-gradients", "leave-one-out")


def margin(model: peephole.Classifier, text: str, held: object, target: str) -> float:
    logits = peephole.clamp(model, text, held).text.logits  # type: ignore[arg-type]
    at = model.labels.index(target)
    return float(logits[at] - logits[1 - at])


@pytest.mark.parametrize("method", FREE)
def test_the_value_is_that_of_the_held_model(method: str) -> None:
    model = small_classifier(labels=["bad", "good"])
    held = {"layer0.forward.f": 0.1, "layer0.reverse.i": Hold(0.9, units=[0, 2])}
    free = explain(model, TEXT, method=method, faithfulness=False)
    found = explain(model, TEXT, method=method, target=free.target, faithfulness=False, held=held)
    assert found.value == pytest.approx(margin(model, TEXT, held, free.target), abs=1e-5)
    assert abs(found.value - free.value) > 1e-3
    np.testing.assert_allclose(
        found.text.probabilities, peephole.clamp(model, TEXT, held).text.probabilities, atol=1e-6
    )
    if found.base is not None:
        assert sum(found.scores) + found.base + (found.gap or 0) == pytest.approx(found.value, abs=1e-4)


def test_a_step_takes_along_what_is_held_at_it() -> None:
    """Leaving a word out moves later steps to the left, and what is held at them with them."""
    model = small_classifier(labels=["bad", "good"])
    held_at = 4  # "bad"
    held = {"layer0.forward.f": Hold(0.02, steps=[held_at])}
    found = explain(model, TEXT, method="leave-one-out", target="good", faithfulness=False, held=held)
    words = TEXT.split()
    for n, score in enumerate(found.scores):
        rest = " ".join(words[:n] + words[n + 1 :])
        moved = {"layer0.forward.f": Hold(0.02, steps=[held_at - (n < held_at)])}
        without = (
            margin(model, rest, moved, "good")
            if n != held_at
            else np.diff(model.logits(model.tokenizer.encode_batch([rest])))[0].item()
        )
        assert score == pytest.approx(found.value - without, abs=1e-5), words[n]


def test_gradients_go_through_what_is_held() -> None:
    """Integrated gradients of a held model add up: the integral is that of the held model's own gradient."""
    model = small_classifier(labels=["bad", "good"])
    found = explain(
        model, TEXT, method="integrated-gradients", faithfulness=False, held={"layer0.forward.o": 0.4}
    )
    assert found.gap is not None
    assert abs(found.gap) < 0.01 * max(1.0, abs(found.value))


@pytest.mark.parametrize("method", FREE)
def test_a_few_rows_are_run_at_a_time(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held takes memory for each row that is run, value by value, whatever else bounds the rows."""
    model = small_classifier(labels=["bad", "good"])
    held = {"layer0.forward.f": 0.1}
    expected = explain(model, TEXT, method=method, held=held)
    rows: list[int] = []
    run = Again._passage  # pyright: ignore[reportPrivateUsage]

    def noted(self: Again, inputs: list[np.ndarray], *rest: object, **options: object) -> object:
        rows.append(sum(map(len, inputs)))
        return run(self, inputs, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Again, "_passage", noted)
    monkeypatch.setattr(again_module, "_ROWS_AT_ONCE", 20)
    found = explain(model, TEXT, method=method, held=held)
    assert max(rows) <= 20
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)


def test_the_page_shows_the_held_model() -> None:
    model = small_classifier(labels=["bad", "good"])
    held = {"layer0.forward.f": 0.25}
    found, data = explained_page(model, TEXT, faithfulness=False, phrases=False, held=held)
    assert data["verdict"] is not None
    shown = dict(data["verdict"]["probabilities"])
    assert shown[found.text.label] == pytest.approx(float(found.text.probabilities.max()), abs=1e-6)
    gates = {gate["name"]: gate["mean"] for gate in data["tracks"][0]["gates"]}
    assert gates["f"] == pytest.approx([0.25] * len(found.text.tokens), abs=1e-3)
    left = belts(peephole.clamp(model, TEXT, held))["layer0.forward"].left
    belt = data["tracks"][0]["belt"]
    assert belt is not None
    np.testing.assert_allclose(belt["left_size"], np.abs(left).sum(axis=1), rtol=2e-3)


def test_what_takes_the_equations_apart_is_refused() -> None:
    model = small_classifier()
    held = {"layer0.forward.f": 0.5}
    for method in methods():
        if method.name in FREE:
            continue
        with pytest.raises(OptionError, match=f"while values are held.*got '{method.name}'"):
            explain(model, TEXT, method=method.name, held=held)
    with pytest.raises(OptionError, match=r"while values are held.*got phrases"):
        explain(model, TEXT, phrases=True, held=held)
    with pytest.raises(OptionError, match=r"explain: no value is named 'layer0.forward.z'"):
        explain(model, TEXT, held={"layer0.forward.z": 0.5})
