"""The neutral band: where two probabilities lie closer together than was asked for, and only there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from peephole.classifier.prediction import predictions
from peephole.errors import OptionError
from support.models import word_counter
from support.small_models import small_classifier

ROWS = np.array([[0.5, 0.5], [0.46, 0.54], [0.55, 0.45], [0.56, 0.44], [0.0, 1.0]])


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (0.0, ["a", "b", "a", "a", "b"]),
        (0.1, ["neutral", "neutral", "a", "a", "b"]),  # 0.55 and 0.45 lie no closer than 0.1
        (0.13, ["neutral", "neutral", "neutral", "neutral", "b"]),
        (1.0, ["neutral", "neutral", "neutral", "neutral", "b"]),
    ],
)
def test_answers_worked_by_hand(width: float, expected: list[str]):
    found = predictions([""] * 5, ROWS, ["a", "b"], neutral=width)
    assert [answer.label for answer in found] == expected


def test_only_the_label_changes():
    plain, banded = (predictions(["x"], ROWS[1:2], ["a", "b"], neutral=width)[0] for width in (0.0, 0.2))
    assert (plain.label, banded.label) == ("b", "neutral")
    assert banded.probability == plain.probability == 0.54
    assert banded.probabilities == plain.probabilities
    assert banded.text == "x"


def test_a_classifier_answers_so_when_it_is_asked_to():
    classifier = word_counter()
    texts = ["", "good", "the film"]  # without a word that counts, both labels are equally probable
    assert [answer.label for answer in classifier.predict(texts, neutral=0.05)] == [
        "neutral",
        "positive",
        "neutral",
    ]
    assert "neutral" not in {answer.label for answer in classifier.predict(texts)}


@pytest.mark.parametrize("width", [-0.1, 1.5, float("nan"), "0.1", True, None])
def test_other_widths_are_refused_at_once(width: Any):
    with pytest.raises(OptionError, match=r"predict: neutral must be a number from 0 to 1; got"):
        word_counter().predict(["good"], neutral=width)


def test_other_models_are_refused_at_once():
    with pytest.raises(
        OptionError, match=r"neutral is for models with two labels; this one has 3: \['bad', "
    ):
        small_classifier().predict(["good"], neutral=0.1)
    with pytest.raises(OptionError, match="second meaning to one of the model's labels, 'neutral'"):
        small_classifier(labels=["neutral", "toxic"]).predict(["good"], neutral=0.1)
    assert next(small_classifier().predict(["good"], neutral=0)).label in ("bad", "good", "odd")
