"""`start` and `step`: a text read word by word ends where the whole text does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from peephole.classifier import Classifier, Embedding, Linear, ModelConfig, Pooling
from peephole.errors import OptionError
from support.small_models import TEXTS, small_classifier

CASES: dict[str, dict[str, Any]] = {
    "lstm": {"pooling": ("max", "mean", "last")},
    "three layers of a gru": {"cell": "gru", "num_layers": 3, "pooling": ("mean", "last")},
    "peephole-lstm": {"cell": "peephole-lstm", "pooling": ("last",)},
    "no hidden stage": {"head": 0, "pooling": ("max",)},
}


def whole(classifier: Classifier, text: str) -> dict[str, float]:
    return next(classifier.predict([text])).probabilities


@pytest.mark.parametrize("kind", ["bpe", "word"])
@pytest.mark.parametrize("case", CASES)
def test_word_by_word_equals_the_whole_text_at_every_word(case: str, kind: Any):
    classifier = small_classifier(kind, bidirectional=False, **CASES[case])
    text = f"{TEXTS[1]}\n {TEXTS[2]}<br />{TEXTS[4]}"
    state = classifier.start()
    words = text.replace("<br />", " ").split()
    for count, word in enumerate(words, 1):
        state = classifier.step(state, word)
        assert state.probabilities == pytest.approx(whole(classifier, " ".join(words[:count])), abs=1e-6)
    assert state.probabilities == pytest.approx(whole(classifier, text), abs=1e-6)
    assert state.tokens == len(classifier.tokenizer.encode(text))
    prediction = next(classifier.predict([text]))
    assert state.label == prediction.label
    assert state.probability == pytest.approx(prediction.probability, abs=1e-6)


def test_ids_one_by_one_or_several_at_once():
    classifier = small_classifier(bidirectional=False, pooling=("max", "mean", "last"))
    ids = classifier.tokenizer.encode(TEXTS[2])
    one = classifier.start()
    for token in ids.tolist():
        one = classifier.step(one, token)
    some = classifier.step(classifier.step(classifier.start(), ids[:5]), ids[5:].tolist())
    assert one.tokens == some.tokens == len(ids)
    expected = whole(classifier, TEXTS[2])
    assert one.probabilities == pytest.approx(expected, abs=1e-6)
    assert some.probabilities == pytest.approx(expected, abs=1e-6)


def test_nothing_read_is_the_empty_text():
    classifier = small_classifier(bidirectional=False, pooling=("max", "mean", "last"))
    state = classifier.start()
    for nothing in ("", "  ", [], np.zeros(0, np.int32)):
        state = classifier.step(state, nothing)
        assert state.tokens == 0
        assert state.probabilities == pytest.approx(whole(classifier, ""), abs=1e-6)


@pytest.mark.parametrize("pooling", [("max",), ("mean",), ("last",)])
def test_a_state_is_not_changed_by_what_follows(pooling: Any):
    classifier = small_classifier(bidirectional=False, pooling=pooling, head=0)
    first = classifier.step(classifier.start(), "good")  # not looked at before others go on from it
    branches = [classifier.step(first, word) for word in ("film", "end", "film")]
    for branch, word in zip(branches, ("film", "end", "film"), strict=True):
        assert branch.probabilities == pytest.approx(whole(classifier, f"good {word}"), abs=1e-6)
    assert first.probabilities == pytest.approx(whole(classifier, "good"), abs=1e-6)
    assert branches[0].probabilities != pytest.approx(branches[1].probabilities, abs=1e-4)
    first.probabilities.clear()
    assert first.probabilities


def test_many_steps_at_once_equal_blocks_of_steps():
    classifier = small_classifier(bidirectional=False, num_layers=2, pooling=("max", "mean", "last"))
    ids = np.random.default_rng(0).integers(3, 300, 50)
    expected = classifier.step(classifier.start(), ids).probabilities
    classifier.forward.row_limit = 7
    assert classifier.step(classifier.start(), ids).probabilities == pytest.approx(expected, abs=1e-6)


def test_a_model_without_recurrent_stage_steps_too():
    base = small_classifier()
    size = base.tokenizer.vocabulary_size
    config = ModelConfig((Embedding(size, 3), Pooling(), Linear(2, name="output")), ("a", "b"))
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=shape) for name, shape in config.parameter_shapes().items()}
    classifier = Classifier(config, base.tokenizer, weights)
    state = classifier.step(classifier.step(classifier.start(), "good"), "film")
    assert state.probabilities == pytest.approx(whole(classifier, "good film"), abs=1e-6)


def test_a_bidirectional_model_says_what_it_cannot_do():
    with pytest.raises(OptionError) as caught:
        small_classifier().start()
    assert "start: needs a model that reads in one direction; got a bidirectional one" in str(caught.value)
    assert "hint: train with bidirectional=False, or use predict on the whole text" in str(caught.value)


@pytest.mark.parametrize(
    ("piece", "problem"),
    [
        (99_999, "step: ids must be from 0 to"),
        (-1, "step: ids must be from 0 to"),
        (1.5, "step: piece must be an id, a list of ids or a str; got 1.5"),
        ([[1, 2]], "step: piece must be an id, a list of ids or a str"),
        (None, "step: piece must be an id, a list of ids or a str; got None"),
    ],
)
def test_pieces_that_are_none(piece: Any, problem: str):
    classifier = small_classifier(bidirectional=False)
    with pytest.raises(OptionError, match=problem):
        classifier.step(classifier.start(), piece)


PIECES = [
    "<",
    "<br",
    "good<br",
    "!!<BR",
    "</",
    "/>",
    ">",
    "/>film",
    ">!",
    "br",
    "br/",
    "class='x'",
    "/",
    "good",
    "",
    "<b",
    "</br",
]
PIECES += ["x" * 38, "<br\u0080", "a<b", "film.", "<br><br", "\x81", "<br \t\u00a0", "<\x81br", "<br />"]
STREAMS = {
    kind: small_classifier(kind, bidirectional=False, pooling=("max", "last")) for kind in ("bpe", "word")
}


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.sampled_from(["bpe", "word"]))
@settings(deadline=None, max_examples=300)
@example(["good", "<br", "/>", "film"], "bpe")
@example(["good", "<br", "film"], "bpe")
@example(["good", "<br/", ">"], "bpe")
@example(["<br", "x" * 38, "y", ">"], "word")
def test_a_tag_in_pieces_is_the_tag_of_the_whole_text(pieces: list[str], kind: str):
    classifier = STREAMS[kind]
    state = classifier.start()
    for count, piece in enumerate(pieces, 1):
        state = classifier.step(state, piece)
        text = " ".join(pieces[:count])
        assert state.tokens == len(classifier.tokenizer.encode(text))
        assert state.probabilities == pytest.approx(whole(classifier, text), abs=1e-5)
        assert len(state.pending) <= 120


def test_an_open_tag_branches_and_ids_end_it():
    classifier = small_classifier("word", bidirectional=False, pooling=("max", "last"))
    opened = classifier.step(classifier.step(classifier.start(), "good"), "<br")
    assert opened.tokens == len(classifier.tokenizer.encode("good <br"))
    closed, other = classifier.step(opened, "/>"), classifier.step(opened, "film")
    assert closed.tokens == 1
    assert opened.pending == "<br"
    assert other.probabilities == pytest.approx(whole(classifier, "good <br film"), abs=1e-6)
    token = int(classifier.tokenizer.encode("film")[0])
    after = classifier.step(opened, token)
    assert after.pending == ""
    assert after.probabilities == pytest.approx(whole(classifier, "good <br film"), abs=1e-6)
    assert (
        classifier.step(after, ">").tokens == after.tokens + 1
    )  # an id was read: the tag can no longer close


@pytest.mark.parametrize("control", ["\x1c", "\x1f", "\x85"])
def test_controls_that_only_python_takes_for_white_space(control: str):
    """The exception that the docstring of `step` names."""
    tokenizer = small_classifier("word").tokenizer
    text = f"good{control}film"
    assert text.split() == ["good", "film"]
    assert len(tokenizer.encode(text)) == 3
