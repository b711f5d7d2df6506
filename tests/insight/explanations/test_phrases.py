"""The tree of phrases: its shape, its scores, and what is joined first."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
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


def tree_of(
    monkeypatch: pytest.MonkeyPatch, words: int, extra: dict[tuple[int, int], float]
) -> dict[tuple[int, int], Phrase]:
    """The phrases of a tree in which a word gives 1, and the words from `first` to `end` give so much more together."""

    def score(case: Any, spans: Any) -> Any:
        return SimpleNamespace(
            scores=np.array(
                [
                    end - start + sum(more for (a, b), more in extra.items() if start <= a and b <= end)
                    for start, end in spans
                ]
            )
        )

    monkeypatch.setattr(module, "decompose", score)
    nothing: Any = None
    spans = np.stack([np.arange(words), np.arange(words) + 1], axis=1)
    tree = phrase_tree(
        Case(nothing, nothing, np.zeros((words, 1)), spans, np.ones(1), nothing, nothing, nothing)
    )
    assert tree is not None
    return {(node.first, node.end): node for node in every(tree)}


def test_of_two_pairs_with_a_common_word_the_one_that_changes_more_is_joined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nine words, of whose eight pairs two are joined at first: (3, 4), and of those that change nothing the first."""
    found = tree_of(monkeypatch, 9, {(2, 4): 4.0, (3, 5): -5.0})
    assert found[3, 5].interaction == -5.0
    assert (2, 4) not in found
    assert found[0, 2].interaction == 0.0


def test_a_quarter_of_the_pairs_is_joined_before_the_rest_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At first (0, 1) and (2, 3); only then is word 4 seen to belong to the latter, and not to word 5."""
    found = tree_of(monkeypatch, 9, {(0, 2): 9.0, (2, 4): 8.0, (4, 6): 1.0, (2, 5): 50.0})
    assert found[2, 5].interaction == 50.0
    assert [(part.first, part.end) for part in found[2, 5].parts] == [(2, 4), (4, 5)]
    assert (4, 6) not in found


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
