"""Calibration against hand-worked numbers, SciPy's optimiser and texts drawn from known probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss as sk_log_loss

from peephole.errors import DataError, OptionError, ShapeError
from peephole.evaluation import (
    TEMPERATURE_RANGE,
    apply_temperature,
    cross_fitted_calibration,
    expected_calibration_error,
    fit_temperature,
    reliability_bins,
)
from peephole.evaluation.calibration import stratified_half


def draw(texts: int, classes: int, temperature: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels such that the labels are truly drawn from ``softmax(logits / temperature)``."""
    random = np.random.default_rng(seed)
    logits = 3 * random.normal(size=(texts, classes))
    chances = softmax(logits / temperature, axis=1)
    labels = (random.random((texts, 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)
    return logits, labels


def test_error_worked_by_hand():
    # confidence 0.95 0.92 0.62 0.60 | right 1 0 1 0. Of 15 bins, 0.95 and 0.92 share bin (14/15 = 0.933… parts
    # them): 0.95 is alone in (0.933, 1], 0.92 alone in (0.867, 0.933], 0.62 in (0.6, 0.667], 0.60 in (0.533, 0.6].
    probabilities = [[0.95, 0.05], [0.08, 0.92], [0.38, 0.62], [0.60, 0.40]]
    labels = [0, 0, 1, 1]
    expected = (abs(1 - 0.95) + abs(0 - 0.92) + abs(1 - 0.62) + abs(0 - 0.60)) / 4
    assert expected_calibration_error(probabilities, labels) == pytest.approx(expected, abs=1e-12)
    # With 2 bins all four are in (0.5, 1]: accuracy 2/4, mean confidence 0.7725.
    assert expected_calibration_error(probabilities, labels, bins=2) == pytest.approx(0.2725, abs=1e-12)


def test_bins_are_open_below_and_closed_above():
    bins = reliability_bins([[0.5, 0.5], [0.75, 0.25], [1.0, 0.0]], [0, 1, 0], bins=4)
    assert [(b.low, b.high, b.n, b.correct, b.confidence, b.accuracy) for b in bins] == [
        (0.0, 0.25, 0, 0, None, None),
        (0.25, 0.5, 1, 1, 0.5, 1.0),
        (0.5, 0.75, 1, 0, 0.75, 0.0),
        (0.75, 1.0, 1, 1, 1.0, 1.0),
    ]


@given(st.integers(1, 60), st.integers(2, 5), st.integers(1, 20), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_error_against_a_loop(texts, classes, bins, seed):
    logits, labels = draw(texts, classes, 1.0, seed)
    probabilities = softmax(logits, axis=1)
    total = 0.0
    for index in range(bins):
        inside = [i for i in range(texts) if index / bins < probabilities[i].max() <= (index + 1) / bins]
        if inside:
            right = np.mean([probabilities[i].argmax() == labels[i] for i in inside])
            total += len(inside) / texts * abs(right - np.mean([probabilities[i].max() for i in inside]))
    assert expected_calibration_error(probabilities, labels, bins=bins) == pytest.approx(total, abs=1e-9)
    assert sum(b.n for b in reliability_bins(probabilities, labels, bins=bins)) == texts


def test_bins_are_refused_below_one():
    with pytest.raises(OptionError, match="bins must be at least 1; got 0"):
        reliability_bins([[1.0, 0.0]], [0], bins=0)


def softened_loss(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    """The documented objective, written independently: targets by Laplace's rule of succession."""
    texts, classes = logits.shape
    targets = (np.eye(classes)[labels] * texts + 1) / (texts + classes)
    return float(-(targets * log_softmax(logits / temperature, axis=1)).sum(axis=1).mean())


def scipys_temperature(loss) -> float:
    low, high = np.log(TEMPERATURE_RANGE)
    result = minimize_scalar(
        lambda t: loss(np.exp(t)), bounds=(low, high), method="bounded", options={"xatol": 1e-10}
    )
    return float(np.exp(result.x))


@given(st.integers(2, 200), st.integers(2, 5), st.floats(0.2, 5), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_temperature_is_scipys_minimum(texts, classes, temperature, seed):
    logits, labels = draw(texts, classes, temperature, seed)
    ours = fit_temperature(logits, labels)
    # The loss is flat at its minimum: the arguments agree to sqrt(eps) of its curvature, the losses far better.
    theirs = scipys_temperature(lambda t: softened_loss(logits, labels, t))
    assert softened_loss(logits, labels, ours) <= softened_loss(logits, labels, theirs) + 1e-13
    if theirs < 0.99 * TEMPERATURE_RANGE[1]:
        assert ours == pytest.approx(theirs, rel=1e-3)


def test_temperature_of_thousands_is_guos():
    logits, labels = draw(20_000, 3, 1.7, seed=5)

    def plain_loss(temperature: float) -> float:
        return float(-log_softmax(logits / temperature, axis=1)[np.arange(len(labels)), labels].mean())

    assert fit_temperature(logits, labels) == pytest.approx(scipys_temperature(plain_loss), rel=2e-3)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("classes", [2, 6])
def test_temperature_recovers_the_true_one(temperature, classes):
    logits, labels = draw(20_000, classes, temperature, seed=3)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.05)


def test_temperature_does_not_mind_a_shift_and_follows_a_scale():
    logits, labels = draw(300, 3, 1.5, seed=1)
    fitted = fit_temperature(logits, labels)
    assert fit_temperature(logits + np.arange(300)[:, None] * 10.0, labels) == pytest.approx(fitted, rel=1e-6)
    assert fit_temperature(logits * 4, labels) == pytest.approx(4 * fitted, rel=1e-9)


@pytest.mark.parametrize("texts", [1, 10, 1000])
def test_perfect_separation_gives_the_confidence_that_so_many_texts_can_show(texts):
    logits = np.tile([[5.0, 0.0], [0.0, 5.0]], (texts, 1))
    labels = np.tile([0, 1], texts)
    temperature = fit_temperature(logits, labels)
    shown = (2 * texts + 1) / (2 * texts + 2)  # Laplace: N successes in N
    assert apply_temperature(logits, temperature).max(axis=1) == pytest.approx(shown, rel=1e-9)
    assert temperature > TEMPERATURE_RANGE[0]


def test_single_class_parts_are_fitted():
    logits, _ = draw(500, 3, 1.0, seed=2)
    temperature = fit_temperature(logits, np.ones(500, dtype=int))
    assert temperature == pytest.approx(
        scipys_temperature(lambda t: softened_loss(logits, np.ones(500, dtype=int), t)), rel=1e-3
    )
    assert fit_temperature([[3.0, 0.0]], [0]) < 20


def test_ends_of_the_range():
    tiny = np.tile([[1e-6, 0.0], [0.0, 1e-6]], (50, 1))
    assert fit_temperature(tiny, np.tile([0, 1], 50)) == TEMPERATURE_RANGE[0]
    assert fit_temperature(tiny, np.tile([1, 0], 50)) == TEMPERATURE_RANGE[1]  # always wrong: know nothing
    assert fit_temperature(np.zeros((4, 3)), [0, 1, 2, 0]) == 1.0
    huge = np.tile([[1e90, 0.0], [0.0, 1e90]], (50, 1))
    assert fit_temperature(huge, np.tile([0, 1], 50)) == TEMPERATURE_RANGE[1]


def test_temperature_lowers_held_out_loss():
    logits, labels = draw(4000, 3, 3.0, seed=9)
    temperature = fit_temperature(logits[:2000], labels[:2000])
    before = sk_log_loss(labels[2000:], softmax(logits[2000:], axis=1))
    after = sk_log_loss(labels[2000:], apply_temperature(logits[2000:], temperature))
    assert after < before - 0.1


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_apply_temperature_refuses(temperature):
    with pytest.raises(OptionError, match="temperature must be a number above 0"):
        apply_temperature([[1.0, 0.0]], temperature)


@given(st.integers(2, 40), st.integers(2, 5), st.floats(0.05, 20), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_apply_temperature_is_scipys_softmax(texts, classes, temperature, seed):
    logits = 30 * np.random.default_rng(seed).normal(size=(texts, classes))
    expected = softmax(logits / temperature, axis=1)
    np.testing.assert_allclose(apply_temperature(logits, temperature), expected, rtol=1e-9, atol=1e-300)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(0, 1000))
@settings(deadline=None)
def test_halves_are_stratified(labels, seed):
    truth = np.array(labels)
    half = stratified_half(truth, seed)
    assert abs(int(half.sum()) - int((~half).sum())) <= 1
    for label in range(5):
        of_class = truth == label
        assert abs(int((half & of_class).sum()) - int((~half & of_class).sum())) <= 1
    assert (half == stratified_half(truth, seed)).all()


def test_halves_depend_on_the_seed():
    truth = np.repeat([0, 1], 50)
    assert (stratified_half(truth, 0) != stratified_half(truth, 1)).any()


def test_cross_fitting_by_hand():
    logits, labels = draw(400, 2, 2.0, seed=4)
    half = stratified_half(labels, 7)
    probabilities = np.empty_like(logits)
    probabilities[half] = softmax(logits[half] / fit_temperature(logits[~half], labels[~half]), axis=1)
    probabilities[~half] = softmax(logits[~half] / fit_temperature(logits[half], labels[half]), axis=1)
    expected = expected_calibration_error(probabilities, labels)
    assert cross_fitted_calibration(logits, labels, seed=7) == pytest.approx(expected, abs=1e-12)


def test_cross_fitting_mends_an_overconfident_model():
    logits, labels = draw(5000, 2, 4.0, seed=6)
    assert expected_calibration_error(softmax(logits, axis=1), labels) > 0.15
    assert cross_fitted_calibration(logits, labels) < 0.03


def test_cross_fitting_of_one_class_and_of_two_texts():
    logits, _ = draw(21, 3, 1.0, seed=8)
    assert 0 <= cross_fitted_calibration(logits, np.zeros(21, dtype=int)) <= 1
    assert 0 <= cross_fitted_calibration(logits[:2], [0, 2]) <= 1


def test_bad_logits_are_refused_with_their_rows():
    with pytest.raises(DataError, match="at least two labelled texts; got one"):
        cross_fitted_calibration([[1.0, 0.0]], [0])
    with pytest.raises(
        DataError, match="fit_temperature: there must be at least one labelled text; got none"
    ):
        fit_temperature(np.zeros((0, 2)), [])
    with pytest.raises(OptionError, match=r"logits must be finite and below 1e100 in size; got inf in row 1"):
        fit_temperature([[0.0, 1.0], [0.0, np.inf]], [0, 1])
    with pytest.raises(ShapeError, match=r"labels must be \[N\] = \[2\], one per row of logits; got \[1\]"):
        fit_temperature([[0.0, 1.0], [0.0, 1.0]], [0])


def test_a_tiny_temperature_leaves_the_largest_logit_alone():
    with np.errstate(over="ignore"):
        assert apply_temperature([[2.0, 3.0], [1.0, 1.0]], 5e-324).tolist() == [[0.0, 1.0], [0.5, 0.5]]


def test_there_is_one_softmax():
    from peephole.classifier import prediction
    from peephole.evaluation import calibration

    assert calibration.softmax is prediction.softmax
