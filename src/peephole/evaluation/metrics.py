"""Scores of a classifier, from counts: accuracy with its interval, precision, recall, F1, ROC-AUC, log-loss.

Every rate is a share in [0, 1]. What happens at 0/0 is part of each definition, and stands in its docstring.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from peephole.errors import DataError, OptionError, ShapeError
from peephole.evaluation.checks import Floats, Ints, as_floats, as_integers, check_scores, raise_problems

SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
"""Log-loss counts a smaller probability as this one, so that a certain mistake costs 36.04 nats, not infinity."""


class Interval(NamedTuple):
    """A range of shares, both ends in [0, 1] and included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How one class fared.

    Args:
        name: the class.
        precision: of the texts given this class, the share that has it. A class that is never predicted has
            precision 0 (0/0 counts as 0: it earned nothing).
        recall: of the texts that have this class, the share that was given it. None where no text has it.
        f1: ``2 TP / (2 TP + FP + FN)``. None where the class is neither in the labels nor predicted.
        support: how many texts have this class.
        predicted: how many texts were given this class.
    """

    name: str
    precision: float
    recall: float | None
    f1: float | None
    support: int
    predicted: int


def accuracy_interval(correct: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Return Wilson's score interval for a share of `correct` in `n`.

    Unlike the textbook's ``p ± 1.96 sqrt(p (1 - p) / n)`` it never leaves [0, 1] and stays honest for few
    texts and for shares near 0 and 1.

    Args:
        correct: successes, in [0, n].
        n: trials, at least 1.
        confidence: in (0, 1): how often such an interval covers the true share.

    Raises:
        DataError: `n` is 0: no trial, no share.
        OptionError: `correct`, `n` or `confidence` is out of range.

    Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927).

    >>> low, high = accuracy_interval(81, 263)
    >>> f"{low:.4f} {high:.4f}"
    '0.2553 0.3662'
    """
    problems: list[str] = []
    if n < 0:
        problems.append(f"n must be at least 1; got {n}")
    if not 0 <= correct <= max(n, 0):
        problems.append(f"correct must be in [0, n] = [0, {n}]; got {correct}")
    if not 0 < confidence < 1:
        problems.append(f"confidence must be in (0, 1); got {confidence}")
    raise_problems("accuracy_interval", OptionError, problems)
    if n == 0:
        raise DataError("accuracy_interval: n must be at least 1; got 0")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = correct / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the two ends the bound is exactly the share; the formula leaves a rounding error there.
    low = 0.0 if correct == 0 else max(0.0, centre - half)
    high = 1.0 if correct == n else min(1.0, centre + half)
    return Interval(low, high)


def confusion_matrix(labels: npt.ArrayLike, predicted: npt.ArrayLike, classes: int) -> Ints:
    """Count texts by true class (row) and predicted class (column).

    Args:
        labels: true classes `[N]`, in [0, classes).
        predicted: predicted classes `[N]`, in [0, classes).
        classes: C, at least 1.

    Returns:
        `[C, C]` int64; its sum is N.

    Raises:
        ShapeError: the two are not of one length.
        OptionError: a class is out of range, or not an integer.

    >>> confusion_matrix([0, 0, 1, 1, 1], [0, 1, 1, 1, 0], 2).tolist()
    [[1, 1], [1, 2]]
    """
    where = "confusion_matrix"
    truth, guess = as_integers(where, "labels", labels), as_integers(where, "predicted", predicted)
    if truth.ndim != 1 or truth.shape != guess.shape:
        raise ShapeError(
            f"{where}: labels and predicted must both be [N]; got {list(truth.shape)} and {list(guess.shape)}"
        )
    problems: list[str] = []
    for name, array in (("labels", truth), ("predicted", guess)):
        stray = array[(array < 0) | (array >= classes)]
        if len(stray):
            problems.append(f"{name} must be in [0, {classes}); got {stray[0]}")
    raise_problems(where, OptionError, problems)
    return np.bincount(truth * classes + guess, minlength=classes * classes).reshape(classes, classes)


def class_scores(confusion: Ints, names: Sequence[str]) -> tuple[ClassScores, ...]:
    """Return the scores of every class of a confusion matrix `[C, C]`, in the order of `names`.

    >>> class_scores(np.array([[3, 1], [0, 0]]), ["no", "yes"])[1]
    ClassScores(name='yes', precision=0.0, recall=None, f1=0.0, support=0, predicted=1)
    """
    scores: list[ClassScores] = []
    for index, name in enumerate(names):
        hits = int(confusion[index, index])
        support, predicted = int(confusion[index].sum()), int(confusion[:, index].sum())
        scores.append(
            ClassScores(
                name=name,
                precision=hits / predicted if predicted else 0.0,
                recall=hits / support if support else None,
                f1=2 * hits / (support + predicted) if support + predicted else None,
                support=support,
                predicted=predicted,
            )
        )
    return tuple(scores)


def macro_f1(scores: Sequence[ClassScores]) -> float:
    """Return the mean F1 of the classes that occur in the labels or in the predictions.

    A class that is predicted but that no text has counts with F1 = 0; a class that occurs nowhere is left out.
    """
    return _mean([score.f1 for score in scores])


def macro_recall(scores: Sequence[ClassScores]) -> float:
    """Return the mean recall of the classes that some text has (also called balanced accuracy)."""
    return _mean([score.recall for score in scores])


def _mean(values: Sequence[float | None]) -> float:
    defined = [value for value in values if value is not None]
    return math.fsum(defined) / len(defined)


def roc_auc(scores: npt.ArrayLike, positive: npt.ArrayLike) -> float | None:
    """Return the chance that a positive text scores above a negative one; a tie counts one half.

    Computed from ranks (the Mann-Whitney statistic), equal scores sharing their mean rank: exact, and as
    fast as sorting.

    Args:
        scores: `[N]`, higher for texts thought positive; finite.
        positive: `[N]`, 1 (or True) where the text is positive, else 0.

    Returns:
        The area under the ROC curve in [0, 1], or None where one of the two classes has no text.

    Raises:
        ShapeError: the two are not of one length.
        OptionError: a score is not finite, or `positive` holds another number than 0 and 1.

    Source: Hanley and McNeil, Radiology 143 (1982).

    >>> roc_auc([0.1, 0.4, 0.4, 0.9], [0, 0, 1, 1])
    0.875
    """
    where = "roc_auc"
    values, truth = as_floats(where, "scores", "[N]", scores), as_integers(where, "positive", positive)
    if values.ndim != 1 or values.shape != truth.shape:
        raise ShapeError(
            f"{where}: scores and positive must both be [N]; got {list(values.shape)} and {list(truth.shape)}"
        )
    problems: list[str] = []
    if not np.isfinite(values).all():
        problems.append(f"scores must be finite; got {values[~np.isfinite(values)][0]}")
    if not np.isin(truth, (0, 1)).all():
        problems.append(f"positive must be 0 or 1; got {truth[~np.isin(truth, (0, 1))][0]}")
    raise_problems(where, OptionError, problems)
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if positives == 0 or negatives == 0:
        return None
    _, place, ties = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(ties) - (ties - 1) / 2
    rank_sum = float(mean_rank[place.reshape(-1)][truth == 1].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def log_loss(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the mean of ``-ln p`` over the texts, `p` being the probability given to the true class.

    Args:
        probabilities: `[N, C]`, each in [0, 1], rows summing to 1.
        labels: true classes `[N]`, in [0, C).

    Returns:
        Nats per text, in [0, 36.05]: a probability below 2.2e-16 (also 0) counts as 2.2e-16.

    Raises:
        ShapeError, DataError, OptionError: as `evaluate`.

    >>> round(log_loss([[0.5, 0.5], [0.25, 0.75]], [0, 1]), 4)
    0.4904
    """
    return mean_log_loss(*check_scores("log_loss", "probabilities", probabilities, labels))


def mean_log_loss(probabilities: Floats, labels: Ints) -> float:
    """Return `log_loss` of arrays that have been checked."""
    given = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(given, SMALLEST_PROBABILITY, 1.0)).mean()) + 0.0  # + 0.0: never -0.0
