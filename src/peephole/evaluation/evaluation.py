"""`evaluate`: from probabilities and true labels to everything that is reported about a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from peephole.errors import LengthError, ShapeError
from peephole.evaluation.calibration import (
    BINS,
    CalibrationBin,
    bins_of,
    cross_fitted_calibration,
    error_of,
)
from peephole.evaluation.checks import Ints, Mask, as_integers, check_names, check_scores, rows_of
from peephole.evaluation.metrics import (
    ClassScores,
    Interval,
    accuracy_interval,
    class_scores,
    confusion_matrix,
    macro_f1,
    macro_recall,
    mean_log_loss,
    roc_auc,
)

SHORTEST_BIN = 8
"""Tokens: the first bin of `by_length` holds 0 to 8, each following one twice as much: 9–16, 17–32 …"""


@dataclass(frozen=True, slots=True)
class LengthBin:
    """The accuracy on texts of similar length.

    Args:
        low: fewest tokens, included.
        high: most tokens, included; a power of two.
        n: how many texts, at least 1.
        correct: how many of them were judged right.
        accuracy: ``correct / n``.
        interval: Wilson's 95 % interval of the accuracy.
    """

    low: int
    high: int
    n: int
    correct: int
    accuracy: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a classifier fared on labelled texts. Shares are in [0, 1]; None stands for what is undefined.

    Args:
        names: the classes, in index order.
        n: how many texts, at least 1.
        correct: how many were judged right.
        accuracy: ``correct / n``.
        interval: Wilson's 95 % interval of the accuracy.
        macro_f1: mean F1 of the classes that occur in the labels or the predictions.
        macro_recall: mean recall of the classes that occur in the labels.
        log_loss: nats per text.
        roc_auc: two classes only, the second one as positive; None otherwise, or where a class has no text.
        calibration_error: expected calibration error over 15 bins.
        cross_fitted_calibration_error: the same after temperature scaling, each half of the texts measured
            under the temperature fitted on the other; None unless logits were given, at least two of them.
        calibration_bins: the 15 bins, empty ones too.
        per_class: one `ClassScores` per class, in index order.
        confusion: `[C][C]` counts; row: true class, column: predicted class.
        by_length: accuracy by tokens, bins without texts left out; None when no lengths were given.
    """

    names: tuple[str, ...]
    n: int
    correct: int
    accuracy: float
    interval: Interval
    macro_f1: float
    macro_recall: float
    log_loss: float
    roc_auc: float | None
    calibration_error: float
    cross_fitted_calibration_error: float | None
    calibration_bins: tuple[CalibrationBin, ...]
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    by_length: tuple[LengthBin, ...] | None

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from peephole.evaluation.display import evaluation_html  # which is made of evaluations

        return evaluation_html(self)

    def __repr__(self) -> str:
        return (
            f"Evaluation(n={self.n}, correct={self.correct}, accuracy={self.accuracy:.4f} "
            f"({self.interval.low:.4f} to {self.interval.high:.4f}), macro_f1={self.macro_f1:.4f}, classes={len(self.names)})"
        )

    @property
    def largest_class(self) -> ClassScores:
        """The class that most texts have; the first of several."""
        return max(self.per_class, key=lambda scores: scores.support)

    @property
    def baseline(self) -> float:
        """The accuracy of always answering the largest class: what a model must beat to have learnt anything."""
        return self.largest_class.support / self.n

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers must know: classes never predicted, classes without texts."""
        notes: list[str] = []
        silent = [scores.name for scores in self.per_class if scores.support and not scores.predicted]
        absent = [scores.name for scores in self.per_class if not scores.support]
        if silent:
            notes.append(f"Never predicted, so that precision counts as 0: {', '.join(silent)}.")
        if absent:
            notes.append(
                f"Without any text, so that recall is undefined and not averaged: {', '.join(absent)}."
            )
        return tuple(notes)

    def to_json(self) -> dict[str, object]:
        """Return plain dicts, lists, numbers, texts and None: strict JSON, no NaN or infinity anywhere.

        The baseline and the notes are included. Intervals are ``[low, high]``.

        >>> result = evaluate([[0.9, 0.1], [0.2, 0.8]], [0, 0], ["negative", "positive"])
        >>> result.to_json()["accuracy"], result.to_json()["roc_auc"]
        (0.5, None)
        """
        derived = {"baseline": self.baseline, "notes": list(self.notes)}
        return {name: _plain(value) for name, value in (asdict(self) | derived).items()}


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def evaluate(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    names: Sequence[str],
    *,
    lengths: npt.ArrayLike | None = None,
    logits: npt.ArrayLike | None = None,
) -> Evaluation:
    """Score a classifier's probabilities against the true labels.

    Args:
        probabilities: `[N, C]`, each in [0, 1], every row summing to 1 within 0.001; N at least 1, C at
            least 2. The predicted class is the most probable one; of several equally probable, the first.
        labels: true classes `[N]`, integers in [0, C).
        names: the C class names, in index order, all different.
        lengths: tokens of each text `[N]`, 0 or more; asks for the accuracy by length.
        logits: `[N, C]`, finite; asks for the cross-fitted calibration error.

    Returns:
        An `Evaluation`.

    Raises:
        ShapeError: the axes of two arguments disagree.
        LengthError: a length is negative.
        DataError: there is no text.
        OptionError: a probability, label, logit or name is out of range; every broken rule is listed, with
            the rows (counted from 0) that break it.

    >>> result = evaluate([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], [0, 1, 0], ["negative", "positive"])
    >>> result.confusion, round(result.accuracy, 3), result.roc_auc
    (((1, 1), (0, 1)), 0.667, 1.0)
    """
    labels_of_classes = check_names("evaluate", names)
    values, truth = check_scores(
        "evaluate", "probabilities", probabilities, labels, classes=len(labels_of_classes)
    )
    tokens = None if lengths is None else _check_lengths(lengths, len(truth))
    cross_fitted = None
    if logits is not None:
        raw, _ = check_scores("evaluate", "logits", logits, truth, classes=len(labels_of_classes))
        cross_fitted = cross_fitted_calibration(raw, truth) if len(truth) > 1 else None
    predicted = values.argmax(axis=1).astype(np.int64)
    right = predicted == truth
    confusion = confusion_matrix(truth, predicted, len(labels_of_classes))
    per_class = class_scores(confusion, labels_of_classes)
    bins = bins_of(values, truth, bins=BINS)
    n, correct = len(truth), int(right.sum())
    return Evaluation(
        names=labels_of_classes,
        n=n,
        correct=correct,
        accuracy=correct / n,
        interval=accuracy_interval(correct, n),
        macro_f1=macro_f1(per_class),
        macro_recall=macro_recall(per_class),
        log_loss=mean_log_loss(values, truth),
        roc_auc=roc_auc(values[:, 1], truth) if len(labels_of_classes) == 2 else None,
        calibration_error=error_of(bins),
        cross_fitted_calibration_error=cross_fitted,
        calibration_bins=bins,
        per_class=per_class,
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        by_length=None if tokens is None else _by_length(tokens, right),
    )


def _check_lengths(lengths: npt.ArrayLike, n: int) -> Ints:
    tokens = as_integers("evaluate", "lengths", lengths)
    if tokens.shape != (n,):
        raise ShapeError(f"evaluate: lengths must be [N] = [{n}], one per text; got {list(tokens.shape)}")
    if (tokens < 0).any():
        stray = tokens < 0
        raise LengthError(f"evaluate: lengths must be 0 or more; got {tokens[stray][0]} in {rows_of(stray)}")
    return tokens


def _by_length(tokens: Ints, right: Mask) -> tuple[LengthBin, ...]:
    bins: list[LengthBin] = []
    low, high = 0, SHORTEST_BIN
    while low <= int(tokens.max()):
        inside = (tokens >= low) & (tokens <= high)
        n, correct = int(inside.sum()), int(right[inside].sum())
        if n:
            bins.append(LengthBin(low, high, n, correct, correct / n, accuracy_interval(correct, n)))
        low, high = high + 1, high * 2
    return tuple(bins)
