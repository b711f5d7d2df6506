"""Paired comparison against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from peephole.errors import DataError, ShapeError
from peephole.evaluation.paired import compare, mcnemar
from support.tolerances import FLOAT64


def probabilities(seed: int, n: int = 4000) -> np.ndarray:
    one = np.random.default_rng(seed).beta(2, 1, n)
    return np.stack([one, 1 - one], axis=1)


def test_the_difference_and_its_error_are_those_of_a_paired_t_test() -> None:
    first, second, labels = probabilities(1), probabilities(2), np.zeros(4000, int)
    found = compare(first, second, labels)
    expected = scipy.stats.ttest_rel(-np.log(first[:, 0]), -np.log(second[:, 0]))
    np.testing.assert_allclose(found.difference / found.standard_error, expected.statistic, **FLOAT64)
    np.testing.assert_allclose(found.p, 2 * scipy.stats.norm.sf(abs(expected.statistic)), **FLOAT64)
    low, high = found.interval
    assert low < found.difference < high


@pytest.mark.parametrize(("one", "other"), [(0, 0), (0, 4), (3, 3), (2, 9), (700, 801)])
def test_mcnemar_is_a_binomial_test(one: int, other: int) -> None:
    expected = scipy.stats.binomtest(one, one + other).pvalue if one + other else 1.0
    np.testing.assert_allclose(mcnemar(one, other), expected, **FLOAT64)


def test_counts_of_texts_that_one_model_alone_judged_right() -> None:
    first = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    second = np.array([[0.4, 0.6], [0.6, 0.4], [0.7, 0.3], [0.1, 0.9]])
    found = compare(first, second, np.array([0, 1, 1, 1]))
    assert (found.first_only, found.second_only) == (2, 0)


def test_a_model_beside_itself_is_not_better() -> None:
    same = probabilities(1)
    found = compare(same, same, np.zeros(4000, int))
    assert (found.difference, found.p, found.p_accuracy) == (0.0, 1.0, 1.0)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ShapeError, match=r"must be \[N, C\]"):
        compare(probabilities(1), probabilities(2, 3999), np.zeros(4000, int))
    with pytest.raises(DataError, match="at least two texts; got 1"):
        compare(probabilities(1, 1), probabilities(2, 1), np.zeros(1, int))
