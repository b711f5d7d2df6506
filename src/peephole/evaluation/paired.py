"""Whether one model is better than another, on the same texts: the difference of each text's log-loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from peephole.errors import DataError, ShapeError
from peephole.evaluation.checks import Floats, Ints


@dataclass(frozen=True, slots=True)
class Paired:
    """Two models on the same texts.

    Two models mostly fail on the same texts, so the differences text by text say far more than two accuracies with
    their intervals.

    Args:
        n: texts.
        difference: mean log-loss of the first model less that of the second, nats; below 0 the first is better.
        standard_error: of the difference, nats.
        p: how probable so large a difference would be, of either sign, between models that are equally good; normal
            approximation.
        first_only, second_only: texts that only the first, or only the second, judged right.
        p_accuracy: the same question for right and wrong alone: McNemar's exact test.
    """

    n: int
    difference: float
    standard_error: float
    p: float
    first_only: int
    second_only: int
    p_accuracy: float

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the difference, nats."""
        margin = 1.96 * self.standard_error
        return self.difference - margin, self.difference + margin


def compare(first: Floats, second: Floats, labels: Ints) -> Paired:
    """Compare the probabilities of two models on the same texts.

    Args:
        first: probabilities `[N, C]` of one model, each row summing to 1.
        second: those of the other.
        labels: the right class of each text `[N]`, in [0, C).

    Raises:
        ShapeError: the shapes do not go together.
        DataError: there are fewer than two texts.

    Source: McNemar, Psychometrika 12 (1947), in its exact binomial form.

    Example:
        >>> import numpy as np
        >>> good, bad = np.full((8, 2), [0.9, 0.1]), np.full((8, 2), [0.4, 0.6])
        >>> found = compare(good, bad, np.zeros(8, int))
        >>> found.first_only, found.second_only, round(found.difference, 3), round(found.p_accuracy, 4)
        (8, 0, -0.811, 0.0078)
    """
    if first.ndim != 2 or first.shape != second.shape or labels.shape != first.shape[:1]:
        raise ShapeError(
            "compare: first and second must be [N, C] and labels [N]; got "
            f"{list(first.shape)}, {list(second.shape)} and {list(labels.shape)}"
        )
    n = len(labels)
    if n < 2:
        raise DataError(f"compare: needs at least two texts; got {n}")
    rows = np.arange(n)
    smallest = np.finfo(np.float64).eps
    losses = [
        -np.log(np.maximum(each[rows, labels].astype(np.float64), smallest)) for each in (first, second)
    ]
    differences = losses[0] - losses[1]
    mean, error = float(differences.mean()), float(differences.std(ddof=1) / math.sqrt(n))
    right = [each.argmax(axis=1) == labels for each in (first, second)]
    one, other = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    return Paired(n, mean, error, _two_sided(mean, error), one, other, mcnemar(one, other))


def mcnemar(one: int, other: int) -> float:
    """Return how probable a split at least as uneven as `one` to `other` is where both sides are equally likely.

    Example:
        >>> mcnemar(0, 4), mcnemar(3, 3)
        (0.125, 1.0)
    """
    trials, fewer = one + other, min(one, other)
    below = sum(math.comb(trials, k) for k in range(fewer + 1))
    return min(1.0, float(2 * below / 2**trials)) if trials else 1.0


def _two_sided(mean: float, error: float) -> float:
    if error == 0.0:
        return 1.0 if mean == 0.0 else 0.0
    return 2 * NormalDist().cdf(-abs(mean) / error)
