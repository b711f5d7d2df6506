"""`explain` from text to numbers: what it returns, what it refuses, and that no text breaks or exhausts it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from peephole.classifier import Classifier, ModelConfig
from peephole.errors import OptionError, TextTypeError
from peephole.insight.explanations import Explanation, explain, methods
from peephole.insight.explanations.methods import DEFAULT, LONG
from peephole.insight.explanations.shapley import MOST_PAIRS
from support.small_models import small_classifier, small_tokenizer
from support.tolerances import FLOAT32

TEXT = "A good film, not bad at all, it was nice!"
NAMES = [method.name for method in methods()]
HOSTILE = {
    "tags": "<script>alert('good')</script><br /><img src=x onerror=good>&amp; bad",
    "bidirectional marks": "good \u202ebad\u202c film \u2066not\u2069",
    "emoji": "👍🏽👨‍👩‍👧‍👦 good 🤷",
    "lone surrogate": "good \ud800 bad",
    "controls": "good\x00bad\x1f\x85\u2028film",
    "one word": "good" * 300,
    "combining": "g\u0308o\u0308o\u0308d\u0308 " + "\u0300" * 100,
    "blank": " \t\n\u00a0",
    "empty": "",
    "quotes": "\"good\\\" 'bad' \\u0041 \n",
}


def promised(found: Explanation) -> None:
    """What holds for every explanation of every text."""
    assert len(found.scores) == len(found.text.words)
    assert found.scores.dtype == np.float64
    assert np.isfinite(found.scores).all()
    if found.gap is not None:
        assert found.base is not None
        assert found.base + found.scores.sum() + found.gap == pytest.approx(found.value, abs=1e-9)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == found.to_dict()


@pytest.mark.parametrize("method", NAMES)
def test_an_explanation_says_what_it_is_of(method: str) -> None:
    model = small_classifier()
    found = explain(model, TEXT, method=method)
    promised(found)
    (answer,) = model.predict([TEXT])
    assert (found.method, found.target, found.text.label) == (method, answer.label, answer.label)
    logits = dict(zip(model.labels, model.logits([model.tokenizer.encode(TEXT)])[0], strict=True))
    others = {label: logit for label, logit in logits.items() if label != found.target}
    assert found.against == max(others, key=lambda label: others[label])
    assert found.value == pytest.approx(logits[found.target] - others[found.against], abs=1e-4)
    assert found.value > 0
    assert found.text.words == tuple(model.tokenizer.words(TEXT))
    assert found.faithfulness is not None
    assert found.phrases is None


def test_another_label_may_be_asked_about() -> None:
    model = small_classifier()
    first = explain(model, TEXT, method="conveyor", faithfulness=False)
    for label in model.labels:
        found = explain(model, TEXT, method="conveyor", target=label, faithfulness=False)
        promised(found)
        assert found.target == label != found.against
        assert (found.value > 0) == (label == first.target)
    opposite = explain(model, TEXT, method="conveyor", target=first.against, faithfulness=False)
    assert opposite.against == first.target
    np.testing.assert_allclose(opposite.scores, -first.scores, atol=1e-12)


def test_what_is_measured_is_the_probability_of_the_target() -> None:
    """From the whole text to the empty one, at the model's temperature; of any label that is asked about."""
    plain = small_classifier()
    model = Classifier(plain.config.replace(temperature=2.0), plain.tokenizer, plain.weights)
    whole, empty = model.predict_proba([TEXT, ""])
    assert abs(whole - plain.predict_proba([TEXT])[0]).max() > 0.01
    for k, label in enumerate(model.labels):
        found = explain(model, TEXT, method="conveyor", target=label)
        assert found.faithfulness is not None
        curve = found.faithfulness.curve
        np.testing.assert_allclose((curve[0], curve[-1]), (whole[k], empty[k]), **FLOAT32)
        np.testing.assert_allclose(found.text.probabilities, whole, **FLOAT32)


def test_only_what_is_asked_for_is_made() -> None:
    model = small_classifier()
    found = explain(model, TEXT, faithfulness=False, phrases=True)
    assert found.faithfulness is None
    assert found.phrases is not None
    assert found.phrases.end == len(found.text.words)
    assert found.to_dict()["phrases"]["first"] == 0
    assert found.method == DEFAULT == methods()[0].name


@pytest.mark.parametrize("method", NAMES)
@pytest.mark.parametrize("kind", HOSTILE)
def test_no_text_breaks_it(kind: str, method: str) -> None:
    model = small_classifier()
    found = explain(model, HOSTILE[kind], method=method, phrases=True)
    promised(found)
    for word in found.text.words:
        assert found.text.text[word.start : word.stop] == word.text
    if kind in ("empty", "blank"):
        assert (len(found.scores), found.faithfulness, found.phrases) == (0, None, None)
        assert found.note == "no words"


def test_words_may_be_unknown() -> None:
    model = small_classifier("word")
    found = explain(model, "xyzzy good plugh")
    promised(found)
    assert [word.text for word in found.text.words] == ["xyzzy", "good", "plugh"]


def test_a_text_that_is_too_long_to_trace_is_explained_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_classifier()
    monkeypatch.setattr(sys.modules[explain.__module__], "MOST_TRACED_TOKENS", 5)
    found = explain(model, TEXT, method="decomposition", faithfulness=False, phrases=True)
    promised(found)
    assert found.method == LONG
    assert found.note.startswith("decomposition is for texts of at most 5 tokens, and this has")
    assert explain(model, TEXT, method="leave-one-out", faithfulness=False).method == "leave-one-out"
    steps = len(model.tokenizer.encode(TEXT))
    monkeypatch.setattr(sys.modules[explain.__module__], "MOST_TRACED_TOKENS", steps)  # just short enough
    assert explain(model, TEXT, method="decomposition", faithfulness=False).method == "decomposition"


@pytest.mark.parametrize("words", [300, 320])
def test_the_method_that_measured_best_gives_each_word_a_score_of_its_own(words: int) -> None:
    found = explain(small_classifier(), "good film " * (words // 2), faithfulness=False)
    assert found.method == (DEFAULT if words * len(found.text.tokens) <= MOST_PAIRS else LONG)
    assert (found.method == DEFAULT) == (words == 300)
    assert "groups" not in found.note


def test_a_long_text_is_decomposed_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[methods.__module__], "_ROWS", 1)
    found = explain(small_classifier(), "good film " * 20, method="decomposition", faithfulness=False)
    promised(found)
    assert "in 20 groups" in found.note
    assert found.scores[0] == found.scores[1]


@pytest.mark.slow
@pytest.mark.parametrize("method", NAMES)
def test_a_hundred_thousand_words(method: str) -> None:
    found = explain(small_classifier(), "good bad film not " * 25_000, method=method, phrases=True)
    promised(found)
    assert len(found.scores) == 100_000
    assert found.faithfulness is None
    assert found.phrases is None


@pytest.mark.parametrize(
    ("given", "error", "rule"),
    [
        ({"method": "lime"}, OptionError, "method must be one of 'auto', 'decomposition'"),
        ({"method": "shapely"}, OptionError, "did you mean 'shapley'"),
        (
            {"target": "god"},
            OptionError,
            "target must be one of the labels 'bad', 'good', 'odd'; got 'god' (did you mean 'good'?)",
        ),
        ({"text": 3}, TextTypeError, "explain: text: must be a str"),
        ({"model": "reviews"}, OptionError, "model must be a Classifier; got str"),
    ],
    ids=str,
)
def test_what_is_refused(given: dict[str, Any], error: type[Exception], rule: str) -> None:
    asked: dict[str, Any] = {"model": small_classifier(), "text": TEXT, **given}
    model, text = asked.pop("model"), asked.pop("text")
    with pytest.raises(error) as caught:
        explain(model, text, **asked)
    assert rule in str(caught.value)


def test_two_labels_and_weights_of_zero() -> None:
    tokenizer = small_tokenizer()
    config = ModelConfig.default(vocabulary=tokenizer.vocabulary_size, labels=["bad", "good"], hidden_size=4)
    model = Classifier(
        config, tokenizer, {name: np.zeros(shape) for name, shape in config.parameter_shapes().items()}
    )
    for name in NAMES:
        found = explain(model, TEXT, method=name)
        promised(found)
        assert found.value == 0.0
        np.testing.assert_array_equal(found.scores, 0.0)
        assert found.faithfulness is not None
        assert found.faithfulness.normalised is None


def test_it_runs_without_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import peephole\n"
        "from peephole.insight.explanations import explain\n"
        "print(explain(peephole.load(), 'Not bad at all.', phrases=True).target)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "positive", done.stderr


def test_it_can_be_printed() -> None:
    found = explain(small_classifier(), "good bad", method="conveyor", faithfulness=False)
    assert repr(found).startswith(
        f"Explanation('{found.target}' over '{found.against}' by {found.value:.2f}, conveyor: "
    )
    assert {word for word, _ in found.top(2)} == {"good", "bad"}


def test_the_words_on_top_are_those_of_the_largest_size() -> None:
    found = explain(small_classifier(), "good bad film", method="conveyor", faithfulness=False)
    scored = dataclasses.replace(found, scores=np.array([0.5, -2.0, 1.0]))
    assert scored.top() == [("bad", -2.0), ("film", 1.0), ("good", 0.5)]
    assert scored.top(1) == [("bad", -2.0)]
    alike = dataclasses.replace(found, scores=np.array([1.0, -1.0, 0.0]))
    assert alike.top(2) == [("good", 1.0), ("bad", -1.0)]
