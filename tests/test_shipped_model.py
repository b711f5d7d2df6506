"""The model inside the package: what its card promises of size, cost, behaviour and sameness."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import peephole
from peephole.classifier.shipped import DEFAULT, FOLDER, shipped_models
from peephole.classifier.stages import Recurrent
from peephole.errors import OptionError
from peephole.evaluation.behaviour import behaviour_suite, judge_behaviour
from peephole.ops.library import library
from peephole.reading.sample import SAMPLE_SENTENCES
from support.tolerances import SHIPPED_MODEL_BETWEEN_INSTRUCTION_SETS

MOST_BYTES = 10_000_000
MOST_OPERATIONS = 1_200_000  # a token, forward; a multiplication and an addition are two


def test_it_is_small_and_cheap() -> None:
    (model,) = [model for model in shipped_models() if model.name == DEFAULT]
    assert model.size <= MOST_BYTES
    operations = 0
    config = peephole.load().config
    for stage, width in zip(config.stages, config.input_widths, strict=True):
        if isinstance(stage, Recurrent):
            gates = len(stage.make_cell().gates) * stage.hidden_size
            operations += 2 * stage.directions * gates * (width + stage.hidden_size)
            assert stage.num_layers == 1
    assert 0 < operations <= MOST_OPERATIONS


def test_its_card_names_its_command_and_no_place() -> None:
    for file in (FOLDER / DEFAULT / "README.md", FOLDER / DEFAULT / "config.json"):
        text = file.read_text(encoding="utf-8")
        assert "peephole train texts/" in text
        assert "/home/" not in text
        assert "/tmp/" not in text


PLAIN = {
    "negative": (
        "I want my money back.", "This camera stopped working after a week.", "I fell asleep halfway through.",
        "We walked out after an hour.", "Save your money.", "It broke on the second day.", "Nobody answered my emails.",
        "I sent it back the same day.", "The staff ignored us all evening.", "Two hours of my life that I will never get back.",
        "The battery is dead after an hour.", "I could not finish this book.",
    ),
    "positive": (
        "Not bad at all.", "A wonderful film.", "I would buy it again.", "We laughed from start to finish.",
        "I could not put this book down.", "It still works after ten years.", "My kids ask for it every week.",
        "The staff went out of their way to help us.", "I watched it twice in one day.", "Best money I ever spent.",
        "The battery lasts for days.", "I have recommended it to all my friends.",
    ),
}  # fmt: skip


def test_it_tells_plain_opinions_apart() -> None:
    """Opinions in few words, most of them without a word of praise or blame: three of them it may miss, as it does."""
    model = peephole.load()
    right = sum(answer.label == label for label, texts in PLAIN.items() for answer in model.predict(texts))
    assert right >= sum(len(texts) for texts in PLAIN.values()) - 3
    found = model.predict([text for text, _ in SAMPLE_SENTENCES])
    right = sum(p.label == label for p, (_, label) in zip(found, SAMPLE_SENTENCES, strict=True))
    assert right >= len(SAMPLE_SENTENCES) - 1


def test_its_behaviour_is_what_its_card_says() -> None:
    """The rates were measured on this suite; another machine may turn a text that is on the fence."""
    said = json.loads((FOLDER / DEFAULT / "config.json").read_text(encoding="utf-8"))["metrics"]["behaviour"]
    found = judge_behaviour(peephole.load()).to_json()["capabilities"]
    for capability in found:
        assert abs(capability["rate"] - said[capability["name"]]) < 0.05, capability["name"]


@pytest.mark.slow
def test_high_precision_changes_next_to_nothing() -> None:
    texts = [case.text for case in behaviour_suite()]
    texts.append(" ".join(texts * 3))  # a long one
    found, expected = (peephole.load(precision=name).predict_proba(texts) for name in ("high", "highest"))
    np.testing.assert_allclose(found, expected, **SHIPPED_MODEL_BETWEEN_INSTRUCTION_SETS)
    with pytest.raises(OptionError, match=r"load: precision must be one of .*; got 'medium'"):
        peephole.load(precision="medium")


PROGRAM = """
import json, sys
import numpy as np
import peephole
from peephole.evaluation.behaviour import behaviour_suite
texts = [case.text for case in behaviour_suite()]
print(json.dumps(peephole.load().predict_proba(texts).tolist()))
"""


@pytest.mark.parametrize("isa", library().isas)
def test_every_instruction_set_gives_the_same_answers(isa: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PEEPHOLE_ISA": isa},
        capture_output=True,
        text=True,
        check=True,
    )
    found = np.array(json.loads(done.stdout))
    expected = peephole.load().predict_proba([case.text for case in behaviour_suite()])
    np.testing.assert_allclose(found, expected, **SHIPPED_MODEL_BETWEEN_INSTRUCTION_SETS)
    sure = np.abs(expected[:, 0] - 0.5) > 1e-4
    assert np.array_equal(found.argmax(1)[sure], expected.argmax(1)[sure])
