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


def test_shares_of_the_words_are_rounded() -> None:
    """Of 18 words 1, 5, 10, 20 and 50 % are 0.18, 0.9, 1.8, 3.6 and 9: the top 1, 1, 2, 4 and 9 of 18, 17, 16, …, 1."""
    worth = np.arange(1.0, 19.0)
    found = faithfulness(obvious(worth.tolist())[0], worth)
    assert found is not None
    tops = [18, 18, 18 + 17, 18 + 17 + 16 + 15, sum(range(10, 19))]
    assert found.comprehensiveness == pytest.approx(sum(tops) / 5)
    assert found.sufficiency == pytest.approx(171 - sum(tops) / 5)
    assert found.deleted == pytest.approx([k / 18 for k in range(19)])


def test_words_with_the_same_score_are_deleted_in_the_order_of_the_text() -> None:
    found = faithfulness(obvious([1.0, 8.0, 2.0, 4.0])[0], np.array([0.5, 0.5, 1.0, 0.5]))
    assert found is not None
    assert found.curve == (15.0, 13.0, 12.0, 4.0, 0.0)


def test_a_group_of_words_counts_as_much_as_its_words_together() -> None:
    """150 words are 50 pairs and 50 single words: a pair of 0.6 each goes before a word of 1."""
    scores = np.array([0.6] * 100 + [1.0] * 50)
    found = faithfulness(obvious([1.0] * 150)[0], scores)
    assert found is not None
    assert found.units == 100
    assert found.curve == (*range(150, 50, -10), *range(50, -1, -5))


def test_random_orders_are_several_and_those_of_the_seed() -> None:
    """One word of 20 counts: each order has a step from 1 to 0, and their mean has one for each place of it."""
    case, _ = obvious([0.0] * 7 + [1.0] + [0.0] * 12)
    first, again, other = (deletions(case, greedy=False, seed=seed) for seed in (3, 3, 4))
    assert first is not None
    assert again is not None
    assert other is not None
    assert np.array_equal(first.random_curve, again.random_curve)
    assert not np.array_equal(first.random_curve, other.random_curve)
    assert (np.diff(first.random_curve) <= 0).all()
    assert len(set(first.random_curve.tolist()) - {0.0, 1.0}) >= 2
    found = faithfulness(case, np.zeros(20), first)
    assert found is not None
    assert found.random == pytest.approx(1 - first.random_curve[1:].mean())
    assert found.greedy is None


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
    ("words", "tokens", "units"),
    [
        (60, 1, 60),
        (100, 1, 100),
        (150, 1, 100),
        (400, 2, 50),
        (1000, 2, 20),
        (2000, 2, 20),
        (4500, 2, 20),
        (40_000, 2, 0),
    ],
)
def test_how_often_a_text_is_run_again_is_bounded(words: int, tokens: int, units: int) -> None:
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
        assert found.units == units
        assert (found.greedy is None) == (words * tokens > 3750)
        assert len(found.curve) == 1 + min(20, found.units)


def counted(runs: list[int], selections: Any) -> Any:
    runs[0] += sum(len(one) for one in selections)
    return np.array([[float(len(one))] for one in selections])
