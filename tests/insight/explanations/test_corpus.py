"""The words that matter most over many texts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from peephole.errors import OptionError, TextTypeError
from peephole.insight.explanations import corpus, explain, words_that_matter
from support.models import word_counter
from support.small_models import small_classifier


def test_means_and_counts_are_those_of_the_single_explanations() -> None:
    model = small_classifier()
    texts = ["Good film", "good good end", "bad film!", ""]
    found = words_that_matter(model, iter(texts), method="conveyor", min_count=1)
    assert list(found) == list(model.labels)
    scores: dict[tuple[str, str], list[float]] = {}
    for text in texts:
        one = explain(model, text, method="conveyor", faithfulness=False)
        for word, score in zip(one.text.words, one.scores, strict=True):
            scores.setdefault((one.target, word.text.lower()), []).append(score)
    assert {(label, one.word): one.count for label, own in found.items() for one in own} == {
        key: len(value) for key, value in scores.items()
    }
    for label, own in found.items():
        assert [one.score for one in own] == sorted((one.score for one in own), reverse=True)
        for one in own:
            assert one.score == pytest.approx(sum(scores[label, one.word]) / one.count)


def test_words_with_the_same_score_stand_in_alphabetical_order() -> None:
    """A network that keeps nothing: all but the last word of a text give exactly 0."""
    found = words_that_matter(
        word_counter(), ["the film was a good", "was the fine"], method="conveyor", min_count=1
    )
    assert [one.word for one in found["positive"]] == ["fine", "good", "a", "film", "the", "was"]
    assert {one.score for one in found["positive"][2:]} == {0.0}


def test_rare_words_and_long_lists_are_cut() -> None:
    model = small_classifier()
    texts = ["good film", "good end", "good story"]
    often = words_that_matter(model, texts, method="conveyor", min_count=3)
    assert {one.word for own in often.values() for one in own} <= {"good"}
    assert all(
        len(own) <= 1
        for own in words_that_matter(model, texts, method="conveyor", min_count=1, top=1).values()
    )


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "_MOST_WORDS", 8)

    def texts() -> Iterator[str]:
        for k in range(40):
            yield f"good word{k}"

    found = words_that_matter(small_classifier("word"), texts(), method="conveyor", min_count=1)
    kept = [one for own in found.values() for one in own]
    assert len(kept) <= 8
    assert max(one.count for one in kept if one.word == "good") >= 20


def test_what_is_refused() -> None:
    model = small_classifier()
    with pytest.raises(OptionError, match="top must be at least 1; got 0"):
        words_that_matter(model, [], top=0)
    with pytest.raises(OptionError, match="min_count must be at least 1; got -1"):
        words_that_matter(model, [], min_count=-1)
    with pytest.raises(TextTypeError, match="must be several texts"):
        words_that_matter(model, "good")
    assert words_that_matter(model, []) == {"bad": [], "good": [], "odd": []}
