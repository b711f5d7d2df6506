"""Counts and scores against scikit-learn, SciPy, published numbers and a count by brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from peephole.errors import DataError, OptionError, ShapeError
from peephole.evaluation import (
    accuracy_interval,
    class_scores,
    confusion_matrix,
    log_loss,
    macro_f1,
    macro_recall,
    roc_auc,
)

EXACT = 1e-12  # both sides compute the same few float64 operations


@st.composite
def judgements(draw: st.DrawFn) -> tuple[int, np.ndarray, np.ndarray]:
    """Classes, labels and predictions; classes often lack labels, predictions or both."""
    classes = draw(st.integers(2, 6))
    pairs = draw(
        st.lists(st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)), min_size=1, max_size=40)
    )
    labels, predicted = np.array(pairs).T
    return classes, labels, predicted


@given(judgements())
@settings(deadline=None)
def test_confusion_matrix_is_sklearns(case):
    classes, labels, predicted = case
    expected = sk.confusion_matrix(labels, predicted, labels=range(classes))
    assert confusion_matrix(labels, predicted, classes).tolist() == expected.tolist()


@given(judgements())
@settings(deadline=None)
def test_class_scores_are_sklearns(case):
    classes, labels, predicted = case
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        labels, predicted, labels=range(classes), zero_division=0
    )
    scores = class_scores(confusion_matrix(labels, predicted, classes), [f"c{i}" for i in range(classes)])
    assert [s.name for s in scores] == [f"c{i}" for i in range(classes)]
    assert [s.support for s in scores] == support.tolist()
    assert [s.predicted for s in scores] == np.bincount(predicted, minlength=classes).tolist()
    for i, score in enumerate(scores):
        assert score.precision == pytest.approx(precision[i], abs=EXACT)
        if support[i]:
            assert score.recall == pytest.approx(recall[i], abs=EXACT)
        else:
            assert score.recall is None
        if support[i] or score.predicted:
            assert score.f1 == pytest.approx(f1[i], abs=EXACT)
        else:
            assert score.f1 is None


@given(judgements())
@settings(deadline=None)
def test_means_are_sklearns(case):
    classes, labels, predicted = case
    scores = class_scores(confusion_matrix(labels, predicted, classes), ["c"] * classes)
    # Without labels=, scikit-learn averages F1 over the classes that are in the labels or the predictions.
    assert macro_f1(scores) == pytest.approx(sk.f1_score(labels, predicted, average="macro"), abs=EXACT)
    present = sorted(set(labels.tolist()))
    recall = sk.recall_score(labels, predicted, labels=present, average="macro", zero_division=0)
    assert macro_recall(scores) == pytest.approx(recall, abs=EXACT)


scores_with_ties = st.lists(
    st.tuples(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 0.5000001, 1.0, 7.0]), st.integers(0, 1)),
    min_size=2,
    max_size=40,
)


@given(scores_with_ties)
@settings(deadline=None)
def test_roc_auc_is_sklearns_and_the_share_of_ordered_pairs(pairs):
    scores, positive = np.array([s for s, _ in pairs]), np.array([p for _, p in pairs])
    assume(0 < positive.sum() < len(positive))
    area = roc_auc(scores, positive)
    assert area == pytest.approx(sk.roc_auc_score(positive, scores), abs=EXACT)
    high, low = scores[positive == 1][:, None], scores[positive == 0][None, :]
    assert area == pytest.approx(((high > low) + 0.5 * (high == low)).mean(), abs=EXACT)


@pytest.mark.parametrize("positive", [[0, 0, 0], [1, 1, 1]])
def test_roc_auc_of_one_class_is_undefined(positive):
    assert roc_auc([0.1, 0.2, 0.3], positive) is None


def test_roc_auc_refuses_what_has_no_order():
    with pytest.raises(OptionError, match=r"roc_auc: scores must be finite; got nan"):
        roc_auc([0.1, math.nan], [0, 1])
    with pytest.raises(OptionError, match=r"roc_auc: positive must be 0 or 1; got 2"):
        roc_auc([0.1, 0.2], [0, 2])
    with pytest.raises(ShapeError, match=r"must both be \[N\]; got \[2\] and \[3\]"):
        roc_auc([0.1, 0.2], [0, 1, 1])


@given(st.integers(2, 6), st.integers(1, 30), st.integers(0, 2**32 - 1), st.floats(0.01, 20))
@settings(deadline=None)
def test_log_loss_is_sklearns(classes, texts, seed, spread):
    random = np.random.default_rng(seed)
    raised = np.exp(spread * random.normal(size=(texts, classes)))
    probabilities = raised / raised.sum(axis=1, keepdims=True)
    labels = random.integers(0, classes, texts)
    expected = sk.log_loss(labels, probabilities, labels=range(classes))
    assert log_loss(probabilities, labels) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_log_loss_of_a_certain_mistake_is_finite_and_of_certain_truth_zero():
    assert log_loss([[1.0, 0.0]], [1]) == pytest.approx(-math.log(2.220446049250313e-16))
    assert str(log_loss([[1.0, 0.0]], [0])) == "0.0"


# R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3 (the score interval without correction).
PUBLISHED = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
]


@pytest.mark.parametrize(("correct", "n", "low", "high"), PUBLISHED)
def test_interval_is_the_published_one(correct, n, low, high):
    interval = accuracy_interval(correct, n)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@given(st.integers(1, 100_000), st.floats(0, 1), st.floats(0.5, 0.999))
@settings(deadline=None)
def test_interval_is_scipys(n, share, confidence):
    correct = round(share * n)
    expected = stats.binomtest(correct, n).proportion_ci(confidence, method="wilson")
    interval = accuracy_interval(correct, n, confidence=confidence)
    assert interval == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= interval.low <= correct / n <= interval.high <= 1


def test_interval_ends_are_exact_at_none_and_all():
    assert accuracy_interval(0, 7).low == 0.0
    assert accuracy_interval(7, 7).high == 1.0


def test_interval_refuses_with_every_problem():
    with pytest.raises(DataError, match="n must be at least 1; got 0"):
        accuracy_interval(0, 0)
    with pytest.raises(OptionError) as caught:
        accuracy_interval(5, 4, confidence=95)
    assert str(caught.value) == (
        "accuracy_interval: 2 problems\n"
        "  correct must be in [0, n] = [0, 4]; got 5\n"
        "  confidence must be in (0, 1); got 95"
    )


def test_confusion_matrix_refuses_strangers():
    with pytest.raises(OptionError, match=r"labels must be in \[0, 2\); got 2"):
        confusion_matrix([0, 2], [0, 1], 2)
    with pytest.raises(OptionError, match=r"predicted must be in \[0, 2\); got -1"):
        confusion_matrix([0, 1], [0, -1], 2)
    with pytest.raises(ShapeError):
        confusion_matrix([0, 1], [0], 2)
