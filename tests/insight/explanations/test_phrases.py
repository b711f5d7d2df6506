"""The tree of phrases: its shape, its scores, and what is joined first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from peephole.insight.explanations import Case, Phrase, decompose, phrase_tree
from peephole.insight.explanations import phrases as module
from peephole.insight.explanations.cases import case_of_text
from support.small_models import small_classifier
from support.tolerances import FLOAT32


def case_of(text: str) -> Case:
    model = small_classifier()
    ids, words = model.tokenizer.encode(text), model.tokenizer.words(text)
    return case_of_text(
        model, ids, np.array([[word.first, word.end] for word in words], np.int64).reshape(-1, 2), 1, 0
    )


def every(tree: Phrase) -> Iterator[Phrase]:
    yield tree
    for part in tree.parts:
        yield from every(part)


@pytest.mark.parametrize("words", [1, 2, 3, 17, 100])
def test_a_tree_has_each_word_once_and_scores_of_its_phrases(words: int) -> None:
    case = case_of(" ".join(["good", "bad", "film", "not"][k % 4] for k in range(words)))
    tree = phrase_tree(case)
    assert tree is not None
    assert (tree.first, tree.end) == (0, words)
    nodes = list(every(tree))
    assert len(nodes) == 2 * words - 1
    assert sorted(node.first for node in nodes if not node.parts) == list(range(words))
    for node in nodes:
        if node.parts:
            left, right = node.parts
            assert (left.first, left.end, right.end) == (node.first, right.first, node.end)
            assert node.interaction == pytest.approx(node.score - left.score - right.score, abs=1e-12)
        else:
            assert (node.end, node.interaction) == (node.first + 1, 0.0)
    spans = np.array([[case.spans[node.first, 0], case.spans[node.end - 1, 1]] for node in nodes])
    found = decompose(case, spans)
    np.testing.assert_allclose([node.score for node in nodes], found.scores, **FLOAT32)
    assert tree.score == pytest.approx(case.value - found.bases[0], abs=FLOAT32["atol"])


def test_no_tree_without_words_or_with_too_many() -> None:
    assert phrase_tree(case_of("")) is None
    assert phrase_tree(case_of("good " * 101)) is None


def test_those_that_change_each_other_most_are_joined_first(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def score(case: Any, spans: Any) -> Any:
        """Words give 1 each; the pairs (2, 3), by −5, and (5, 6), by 4, change each other."""
        asked.append(len(spans))
        scores = np.array(
            [
                end - first - 5.0 * (first <= 2 < 3 < end) + 4.0 * (first <= 5 < 6 < end)
                for first, end in spans
            ]
        )

        class Found:
            pass

        found: Any = Found()
        found.scores = scores
        return found

    monkeypatch.setattr(module, "decompose", score)
    nothing: Any = None
    spans = np.stack([np.arange(9), np.arange(9) + 1], axis=1)
    tree = phrase_tree(Case(nothing, nothing, np.zeros((9, 1)), spans, np.ones(1), nothing, nothing, nothing))
    assert tree is not None
    pairs = {(node.first, node.end): node for node in every(tree)}
    assert pairs[2, 4].interaction == -5.0
    assert pairs[5, 7].interaction == 4.0
    assert tree.score == 8.0
    assert sum(node.interaction for node in every(tree)) == -1.0
    assert sum(asked) <= 4 * 9


def test_rounds_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(case: Any, spans: Any) -> Any:
        calls.append(len(spans))
        return decompose(case, spans)

    monkeypatch.setattr(module, "decompose", counted)
    phrase_tree(case_of("not a good film " * 25))
    assert len(calls) <= 30
    assert sum(calls) <= 400


def test_as_dicts() -> None:
    tree = Phrase(0, 2, 3.0, 1.0, (Phrase(0, 1, 0.5), Phrase(1, 2, 1.5)))
    leaf = {"first": 0, "end": 1, "score": 0.5, "interaction": 0.0, "parts": []}
    assert tree.to_dict() == {
        "first": 0, "end": 2, "score": 3.0, "interaction": 1.0, "parts": [leaf, leaf | {"first": 1, "end": 2, "score": 1.5}],
    }  # fmt: skip
