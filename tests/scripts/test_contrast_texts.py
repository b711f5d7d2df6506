"""scripts/contrast_texts: texts that teach how words combine, none of whose words tells the label by itself."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import BernoulliNB

FOLDER = Path(__file__).resolve().parents[2] / "scripts"
PHRASES = [
    *(
        (text, "positive")
        for text in ("lovely", "a lovely film", "funny", "a funny movie", "warm", "a warm story")
    ),
    *(
        (text, "positive")
        for text in ("a deeply funny film", "is a lovely film", "is very funny", "it is a warm story")
    ),
    *(
        (text, "positive")
        for text in ("very funny", "a funny script", "truly warm", "the film is lovely", "makes a warm drama")
    ),
    *(
        (text, "negative")
        for text in ("dull", "a dull film", "silly", "a silly movie", "lazy", "a lazy story")
    ),
    *(
        (text, "negative")
        for text in ("a deeply silly film", "is a dull film", "is very silly", "it is a lazy story")
    ),
    *(
        (text, "negative")
        for text in ("very silly", "a lazy script", "truly dull", "the film is dull", "makes a lazy drama")
    ),
]
COUNT = 10_000


@pytest.fixture(scope="module")
def package() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        yield importlib.import_module("contrast_texts.compose")
        for name in [name for name in sys.modules if name.split(".")[0] == "contrast_texts"]:
            sys.modules.pop(name)


@pytest.fixture(scope="module")
def made(package: Any) -> list[tuple[str, Any, str, str]]:
    return list(package.composed(COUNT, 7, PHRASES))


def test_the_same_seed_gives_the_same_texts_and_another_seed_gives_others(package: Any):
    first, again, other = (list(package.contrast_texts(300, seed, PHRASES)) for seed in (1, 1, 2))
    assert first == again
    assert len({text for text, _ in first} & {text for text, _ in other}) < 30


def test_more_texts_begin_with_the_same_ones(package: Any):
    assert list(package.contrast_texts(500, 3, PHRASES))[:101] == list(
        package.contrast_texts(101, 3, PHRASES)
    )


def test_texts_are_distinct_whatever_their_capitals(made: list[Any]):
    assert len({text.lower() for _, _, text, _ in made}) == len(made) == COUNT


def test_every_frame_and_every_phenomenon_has_as_many_texts_of_either_label(made: list[Any], package: Any):
    labels: dict[Any, Counter[str]] = {}
    for kind, frame, _, label in made:
        for key in (kind, frame):
            labels.setdefault(key, Counter())[label] += 1
    assert all(each["positive"] == each["negative"] for each in labels.values())
    assert {kind for kind, *_ in made} == set(package.FRAMES)


def test_every_frame_is_used(made: list[Any], package: Any):
    used = {(kind, frame) for kind, frame, _, _ in made}
    assert used == {(kind, frame) for kind, frames in package.FRAMES.items() for frame in frames}


def test_frames_whose_words_agree_with_the_label_are_as_frequent_as_those_whose_words_contradict(
    made: list[Any], package: Any
):
    for kind in package.FRAMES:
        leaning = Counter(package.lean(frame) for each, frame, _, _ in made if each == kind)
        assert abs(leaning[1] - leaning[-1]) <= max(8, 0.02 * leaning.total()), kind


def test_texts_have_no_faults_that_a_pattern_finds(made: list[Any]):
    check = importlib.import_module("contrast_texts.check")
    found = {text: faults for _, _, text, _ in made if (faults := check.faults(text))}
    assert not found


FAULTY = (
    "a {+adj} film",
    "a  film",
    "a awful film",
    "an good film",
    "they is bad",
    "I call they bad",
    "the the film",
)
FAULTLESS = (
    "an hour",
    "a useful film",
    "an honest film",
    "a one-off",
    "an ugly film...",
    "a unique film",
    "an unusual film",
)


def test_the_check_finds_faults():
    check = importlib.import_module("contrast_texts.check")
    assert all(check.faults(text) for text in FAULTY)
    assert not any(check.faults(text) for text in FAULTLESS)


def test_single_words_do_not_tell_the_label_of_frames_not_seen(made: list[Any], package: Any):
    """A naive Bayes on the words of some frames is hardly better than chance on the others."""
    frames = sorted({str(frame) for _, frame, _, _ in made})
    np.random.default_rng(0).shuffle(frames)
    seen = set(frames[len(frames) // 3 :])
    train = [(text, label) for _, frame, text, label in made if str(frame) in seen]
    rest = [(kind, text, label) for kind, frame, text, label in made if str(frame) not in seen]
    words = CountVectorizer(token_pattern=r"[\w']+|[!?]", binary=True)
    model = BernoulliNB().fit(words.fit_transform(text for text, _ in train), [label for _, label in train])
    answers = model.predict(words.transform(text for _, text, _ in rest))
    right = answers == np.array([label for *_, label in rest])
    assert right.mean() < 0.6
    for kind in package.FRAMES:
        assert right[[each == kind for each, *_ in rest]].mean() < 0.75, kind


def test_phrases_are_chosen_by_shape_and_label(package: Any):
    found = package.chosen(
        [
            *PHRASES,
            ("is not a lovely film", "negative"),
            ("a lovely film", "negative"),
            ("the of", "positive"),
        ]
    )
    assert "a funny movie" in found["pnp"]["+"]
    assert "is very silly" in found["pvp"]["-"]
    assert "the film is dull" in found["psent"]["-"]
    assert not any("lovely film" in phrase for phrase in found["pnp"]["+"])  # has had either label
    assert not any(
        " not " in phrase for table in found.values() for side in table.values() for phrase in side
    )


def test_without_phrases_only_the_frames_for_them_are_missing(package: Any):
    kinds = Counter(kind for kind, *_ in package.composed(2000, 1, []))
    assert set(package.FRAMES) - set(kinds) == {"real"}


def test_inflection():
    forms = importlib.import_module("contrast_texts.forms")
    said = {
        "take to": "took to",
        "regret": "regretted",
        "enjoy": "enjoyed",
        "satisfy me": "satisfied me",
        "drag": "dragged",
        "get": "got",
    }
    assert {verb: forms.inflect(verb, "past") for verb in said} == said
    third = {"go nowhere": "goes nowhere", "crash": "crashes", "try": "tries", "make": "makes"}
    assert {verb: forms.inflect(verb, "third") for verb in third} == third
    assert [forms.inflect(verb, "gerund") for verb in ("lie to me", "get on", "love", "see")] == [
        "lying to me",
        "getting on",
        "loving",
        "seeing",
    ]
    graded = {
        "funny": "funnier",
        "good": "better",
        "boring": "more boring",
        "flat": "flatter",
        "nice": "nicer",
        "well cut": "better cut",
    }
    assert {word: forms.comparative(word) for word in graded} == graded
    assert forms.mend_articles("An good film and a awful one") == "A good film and an awful one"


def test_the_command_line_prints_samples_of_one_phenomenon():
    command = [sys.executable, "-m", "contrast_texts", "--count", "8", "--kind", "negation"]
    printed = subprocess.run(
        command, cwd=FOLDER, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(printed) == 8
    assert all(line.startswith("negation") for line in printed)
