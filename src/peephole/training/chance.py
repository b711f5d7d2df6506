"""Is the network still guessing? A run that stays at chance should say so, and why that may be."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def is_guessing(predicted: Ints, labels: Ints) -> bool:
    """Tell whether predictions agree with the labels no better than predictions made without reading the text.

    A guesser that answers class c with probability q_c has a recall of q_c in class c, so a mean recall of 1 / C
    whatever its preferences. Judged is whether the mean recall lies within two standard errors of that, so that
    nine texts of ten in one class do not make a guesser look good.

    Args:
        predicted: predicted class of each text `[N]`.
        labels: true class of each text `[N]`.

    Example:
        >>> truth = np.array([0] * 90 + [1] * 10)
        >>> is_guessing(np.zeros(100, dtype=np.int64), truth), is_guessing(truth, truth)
        (True, False)
    """
    classes = np.unique(labels)
    if len(classes) < 2:
        return False
    recalls = [float((predicted[labels == label] == label).mean()) for label in classes]
    answered = [float((predicted == label).mean()) for label in classes]
    supports = [int((labels == label).sum()) for label in classes]
    variance = sum(q * (1 - q) / n for q, n in zip(answered, supports, strict=True)) / len(classes) ** 2
    return float(np.mean(recalls)) <= sum(answered) / len(classes) + 2 * math.sqrt(variance)


def guessing_advice(train_loss: float, guess: float, label_counts: Ints, learning_rate: float) -> str:
    """Return what to tell about a run that is guessing after its warm-up.

    Args:
        train_loss: mean training loss of the last pass, nats.
        guess: training loss of a guesser, nats.
        label_counts: training texts of each class `[C]`.
        learning_rate: peak of the schedule.

    Example:
        >>> print(guessing_advice(0.3, 0.69, np.array([500, 500]), 3e-3).splitlines()[0])
        the development score is no better than chance, although the training texts are being learnt
    """
    if train_loss < 0.9 * guess:
        return (
            "the development score is no better than chance, although the training texts are being learnt\n"
            "likely causes: the labels of one of the two parts do not belong to its texts (a shuffled or shifted "
            "column); the development texts are of another kind; there are too few training texts "
            f"({int(label_counts.sum()):,})"
        )
    return (
        f"the development score is no better than chance, and the training loss ({train_loss:.3f}) is that of a "
        f"guesser ({guess:.3f})\n"
        "likely causes: the labels do not belong to the texts (the wrong column, or a shuffled one); the text "
        f"column is not the text; too few texts (the rarest class has {int(label_counts.min()):,}); a learning rate "
        f"that does not suit ({learning_rate:g}: try a third of it); too few steps"
    )
