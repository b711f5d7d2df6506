"""Does 90 % mean 90 %? Reliability bins, expected calibration error, and the temperature that mends it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peephole.classifier.prediction import softmax
from peephole.errors import DataError, OptionError
from peephole.evaluation.checks import Floats, Ints, as_floats, check_scores

BINS = 15
"""Bins of equal width between 0 and 1, as in Guo et al. (2017)."""

TEMPERATURE_RANGE = (0.05, 20.0)
"""`fit_temperature` stays within these: what lies beyond is a broken model, not a miscalibrated one."""

_HALVINGS = 60  # ln(20 / 0.05) / 2^60: the bracket ends below the spacing of float64


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """The texts whose confidence lies in one bin.

    Args:
        low: excluded lower edge, in [0, 1) (0 itself belongs to the first bin).
        high: included upper edge, in (0, 1].
        n: how many texts.
        correct: how many of them were judged right.
        confidence: their mean probability of the predicted class; None for an empty bin.
        accuracy: ``correct / n``; None for an empty bin.
    """

    low: float
    high: float
    n: int
    correct: int
    confidence: float | None
    accuracy: float | None


def reliability_bins(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = BINS
) -> tuple[CalibrationBin, ...]:
    """Group texts by the probability of their predicted class.

    Args:
        probabilities: `[N, C]`, each in [0, 1], rows summing to 1. The predicted class is the most probable
            one; of several equally probable, the first.
        labels: true classes `[N]`, in [0, C).
        bins: how many bins of equal width; at least 1.

    Returns:
        All `bins` bins from low to high confidence, empty ones too.

    Raises:
        ShapeError, DataError, OptionError: as `evaluate`; or `bins` is below 1.

    >>> [bin.n for bin in reliability_bins([[0.9, 0.1], [0.2, 0.8]], [0, 0], bins=5)]
    [0, 0, 0, 1, 1]
    """
    if bins < 1:
        raise OptionError(f"reliability_bins: bins must be at least 1; got {bins}")
    return bins_of(*check_scores("reliability_bins", "probabilities", probabilities, labels), bins=bins)


def expected_calibration_error(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = BINS
) -> float:
    """Return the mean distance between confidence and accuracy, over bins, weighted by their texts.

    0 is perfect; 0.05 says that a stated probability is off by five points on average. The figure is
    biased upward when there are few texts: with 100 of them even a perfect model shows several points.

    Args:
        probabilities: `[N, C]`, as for `reliability_bins`.
        labels: true classes `[N]`, in [0, C).
        bins: how many bins of equal width; at least 1.

    Raises:
        ShapeError, DataError, OptionError: as `reliability_bins`.

    Source: Guo, Pleiss, Sun, Weinberger, ICML (2017), equation 3.

    >>> round(expected_calibration_error([[0.9, 0.1], [0.8, 0.2]], [0, 0]), 3)
    0.15
    """
    return error_of(reliability_bins(probabilities, labels, bins=bins))


def bins_of(probabilities: Floats, labels: Ints, *, bins: int = BINS) -> tuple[CalibrationBin, ...]:
    """Return `reliability_bins` of arrays that have been checked."""
    predicted = probabilities.argmax(axis=1)
    confidence = np.clip(probabilities.max(axis=1), 0.0, 1.0)
    right = predicted == labels
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    hits = np.bincount(place, weights=right, minlength=bins)
    sums = np.bincount(place, weights=confidence, minlength=bins)
    return tuple(
        CalibrationBin(
            low=float(edges[i]),
            high=float(edges[i + 1]),
            n=int(counts[i]),
            correct=int(hits[i]),
            confidence=float(sums[i] / counts[i]) if counts[i] else None,
            accuracy=float(hits[i] / counts[i]) if counts[i] else None,
        )
        for i in range(bins)
    )


def error_of(bins: tuple[CalibrationBin, ...]) -> float:
    """Return the expected calibration error of `bins`, at least one of them not empty."""
    total = sum(bin.n for bin in bins)
    return sum(
        bin.n / total * abs(bin.accuracy - bin.confidence)
        for bin in bins
        if bin.accuracy is not None and bin.confidence is not None
    )


def apply_temperature(logits: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """Return ``softmax(logits / temperature)`` of each row, as float64.

    Args:
        logits: `[N, C]`, finite.
        temperature: above 0. Above 1 the probabilities are drawn together, below 1 apart; their order stays.

    Raises:
        OptionError: `temperature` is not a positive finite number.

    >>> apply_temperature([[2.0, 0.0]], 2.0).round(3).tolist()
    [[0.731, 0.269]]
    """
    if not 0 < temperature < float("inf"):
        raise OptionError(f"apply_temperature: temperature must be a number above 0; got {temperature}")
    return softmax(as_floats("apply_temperature", "logits", "[N, C]", logits), temperature)


def fit_temperature(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the temperature under which `logits` explain `labels` best.

    The mean log-loss of ``softmax(logits / t)`` is convex in ``1 / t``, so its slope has one sign change at
    most; that is found by bisection, which cannot diverge. Where the slope keeps its sign, the answer is the
    end of `TEMPERATURE_RANGE` on that side; where it is zero throughout (all logits of a text equal), it is 1.

    Args:
        logits: `[N, C]` of texts that the model was not trained on; finite.
        labels: their true classes `[N]`, in [0, C). One class alone will do.

    Returns:
        A temperature in [0.05, 20].

    Raises:
        ShapeError, DataError, OptionError: as `evaluate`.

    Source: Guo, Pleiss, Sun, Weinberger, ICML (2017), section 4.2. We differ: each target is 1 softened by
        Laplace's rule of succession, ``(N + 1) / (N + C)`` for the true class and ``1 / (N + C)`` for the
        others (for two classes, Platt's 1999 targets). With thousands of texts that moves the temperature
        by about one percent. With perfectly separated ones it keeps it finite: plain log-loss would make
        every probability exactly 1 after a part without a mistake, and N texts do not show that much.

    >>> fit_temperature([[4.0, 0.0]] * 4, [0, 0, 0, 1]) > 1      # 98 % sure and 75 % right
    True
    """
    values, truth = check_scores("fit_temperature", "logits", logits, labels)
    texts, classes = values.shape
    centred = values - values.max(axis=1, keepdims=True)
    targets = np.full((texts, classes), 1 / (texts + classes))
    targets[np.arange(texts), truth] = (texts + 1) / (texts + classes)

    def slope(log_sharpness: float) -> float:
        """Return the derivative of the mean loss in the sharpness 1 / t, at ``t = exp(-log_sharpness)``."""
        return float(((softmax(centred, np.exp(-log_sharpness)) - targets) * centred).sum(axis=1).mean())

    if slope(0.0) == 0.0:
        return 1.0
    coldest, hottest = TEMPERATURE_RANGE
    low, high = -float(np.log(hottest)), -float(np.log(coldest))
    if slope(low) >= 0:
        return hottest
    if slope(high) <= 0:
        return coldest
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if slope(middle) < 0:
            low = middle
        else:
            high = middle
    return float(np.exp(-(low + high) / 2))


def cross_fitted_calibration(logits: npt.ArrayLike, labels: npt.ArrayLike, seed: int = 0) -> float:
    """Return the calibration error of temperature scaling, measured on texts the temperature has not seen.

    The texts are dealt into two halves; a temperature is fitted on each and applied to the other, and one
    expected calibration error is taken over all texts. (The mean of the two halves' errors would be larger:
    half the texts per bin, more noise counted as error.)

    Args:
        logits: `[N, C]` of texts that the model was not trained on, N at least 2; finite.
        labels: their true classes `[N]`, in [0, C).
        seed: of the dealing. The halves hold each class equally, within one text, and differ in size by at
            most one; the same seed deals the same halves.

    Returns:
        The expected calibration error, in [0, 1].

    Raises:
        ShapeError, DataError, OptionError: as `evaluate`; `DataError` also for a single text.

    >>> cross_fitted_calibration([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], [0, 1, 0, 1]) < 0.5
    True
    """
    values, truth = check_scores("cross_fitted_calibration", "logits", logits, labels)
    if len(truth) < 2:
        raise DataError("cross_fitted_calibration: there must be at least two labelled texts; got one")
    first = stratified_half(truth, seed)
    probabilities = np.empty_like(values)
    for half in (first, ~first):
        temperature = fit_temperature(values[~half], truth[~half])
        probabilities[half] = softmax(values[half], temperature)
    return error_of(bins_of(probabilities, truth))


def stratified_half(labels: Ints, seed: int) -> npt.NDArray[np.bool_]:
    """Return a mask `[N]` that is True for one half of the texts, of each class too, within one text."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    half = np.zeros(len(labels), dtype=np.bool_)
    half[by_class[::2]] = True
    return half
