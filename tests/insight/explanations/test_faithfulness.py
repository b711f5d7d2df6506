"""Faithfulness on models whose truth is obvious, and its bounds on long texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from peephole.insight.explanations import Case, faithfulness
from peephole.insight.explanations.faithfulness import deletions


def obvious(worth: Sequence[float], steps: Sequence[int] | None = None) -> tuple[Case, list[int]]:
    """A case whose number is the sum of the words' worth that are there; with a list that counts the runs."""
    ends = np.cumsum(steps or [1] * len(worth)).astype(np.int64)
    starts = np.append(0, ends)[:-1]
    spans = np.stack([starts, ends], axis=1)
    word_of = np.repeat(np.arange(len(worth)), np.diff(spans, axis=1)[:, 0])
    runs = [0]

    def run_again(selections: Any) -> Any:
        runs[0] += sum(len(one) for one in selections)
        return np.array(
            [[sum(worth[word] for word in set(word_of[one].tolist()))] for one in selections], np.float64
        ).reshape(-1, 1)

    nothing: Any = None
    rows = np.zeros((int(ends[-1]) if len(ends) else 0, 1))
    case = Case(
        nothing,
        nothing,
        rows,
        spans.astype(np.int64).reshape(-1, 2),
        np.ones(1),
        run_again,
        nothing,
        lambda outputs: outputs[:, 0],
    )
    return case, runs


def test_numbers_by_hand() -> None:
    case, _ = obvious([1.0, 8.0, 2.0, 4.0])
    found = faithfulness(case, np.array([1.0, 8.0, 2.0, 4.0]))
    assert found is not None
    assert found.curve == (15.0, 7.0, 3.0, 1.0, 0.0)
    assert found.deleted == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert found.area == 15 - 11 / 4
    assert found.greedy_curve == found.curve
    assert found.normalised == 1.0
    # the top 1, 5, 10 and 20 % of four words are one word, 50 % are two
    assert found.comprehensiveness == pytest.approx((4 * 8 + 12) / 5)
    assert found.sufficiency == pytest.approx((4 * 7 + 3) / 5)
    assert found.random_curve[0] == 15.0
    assert found.random_curve[-1] == 0.0
    json.dumps(found.to_dict())


def test_a_wrong_order_is_worse_than_chance() -> None:
    worth = np.random.default_rng(0).normal(size=30) ** 3
    case, _ = obvious(worth.tolist())
    orders = deletions(case)
    right, wrong = faithfulness(case, worth, orders), faithfulness(case, -worth, orders)
    chance = faithfulness(case, np.random.default_rng(5).normal(size=30), orders)
    assert right is not None
    assert wrong is not None
    assert chance is not None
    assert right.normalised == pytest.approx(1.0)
    assert wrong.normalised is not None
    assert chance.normalised is not None
    assert wrong.normalised < -0.5
    assert abs(chance.normalised) < 0.5
    assert right.sufficiency < chance.sufficiency < wrong.sufficiency
    assert right.comprehensiveness > chance.comprehensiveness > wrong.comprehensiveness
    assert len(right.curve) == 21
    assert right.random == wrong.random
    assert right.greedy == wrong.greedy


def test_greedy_looks_again_after_each_step() -> None:
    """Two words say the same: without either nothing changes, so that the first look misses them."""

    def run_again(selections: Any) -> Any:
        return np.array(
            [
                [3.0 * (0 in one or 1 in one) + (2 in one) + 0.5 * (3 in one)]
                for one in map(set, (s.tolist() for s in selections))
            ]
        )

    case, _ = obvious([0.0] * 4)
    case = Case(
        case.network,
        case.reader,
        case.rows,
        case.spans,
        case.weights,
        run_again,
        case.differentiate,
        case.measure,
    )
    found = faithfulness(case, np.array([4.0, 3.0, 2.0, 1.0]))
    assert found is not None
    assert found.greedy_curve == (4.5, 3.5, 3.0, 3.0, 0.0)
    assert found.curve == (4.5, 4.5, 1.5, 0.5, 0.0)
    assert (
        found.normalised is None
    )  # no strict bound: here it is worse than chance, and nothing is compared with it


def test_words_of_several_tokens_are_deleted_whole() -> None:
    case, _ = obvious([1.0, 2.0, 4.0], [3, 1, 2])
    found = faithfulness(case, np.array([0.0, 1.0, 2.0]))
    assert found is not None
    assert found.curve == (7.0, 3.0, 1.0, 0.0)


def test_nothing_to_delete() -> None:
    case, _ = obvious([])
    assert deletions(case) is None
    assert faithfulness(case, np.zeros(0)) is None
    one, _ = obvious([2.0])
    found = faithfulness(one, np.ones(1))
    assert found is not None
    assert found.curve == (2.0, 0.0)
    assert found.normalised is None  # every order is the same


@pytest.mark.parametrize(
    ("words", "tokens"), [(60, 1), (100, 1), (150, 1), (400, 2), (2000, 2), (4500, 2), (40_000, 2)]
)
def test_how_often_a_text_is_run_again_is_bounded(words: int, tokens: int) -> None:
    case, runs = obvious([0.0] * words, [tokens] * words)
    light = Case(
        case.network, case.reader, case.rows, case.spans, case.weights,
        lambda selections: counted(runs, selections), case.differentiate, case.measure,
    )  # fmt: skip
    found = faithfulness(light, np.arange(words, dtype=float))
    assert runs[0] < 1_000_000
    if found is None:
        assert words == 40_000
    else:
        assert found.units == min(words, found.units) <= 100
        assert (found.greedy is None) == (words * tokens > 3750)
        assert len(found.curve) == 1 + min(20, found.units)


def counted(runs: list[int], selections: Any) -> Any:
    runs[0] += sum(len(one) for one in selections)
    return np.array([[float(len(one))] for one in selections])
