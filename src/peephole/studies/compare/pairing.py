"""Scores over texts and seeds: what is left to chance, and how sure a difference is.

Two things come by chance: which texts are in the development part, and the seed. The first is told by the spread from text to
text of the mean over the seeds; the second by the spread from seed to seed of one contender, pooled over the contenders. Their
squared errors are added.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole.errors import ShapeError

Numbers = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class Mean:
    """A mean over texts and seeds.

    Attributes:
        value: the mean.
        error: its standard error, by texts, and by seeds where there are several.
    """

    value: float
    error: float

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval, by the normal distribution."""
        return self.value - 1.96 * self.error, self.value + 1.96 * self.error

    @property
    def p(self) -> float:
        """How probable so large a value is, of either sign, where the true one is 0."""
        if self.error == 0.0:
            return 1.0 if self.value == 0.0 else 0.0
        return 2 * NormalDist().cdf(-abs(self.value) / self.error)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"value": self.value, "error": self.error, "interval": list(self.interval)}


def seed_deviation(scores: Mapping[str, Numbers]) -> float | None:
    """Return the standard deviation from seed to seed, pooled over contenders; None where each has one seed.

    Args:
        scores: contender → a number of each text and seed `[seeds, texts]`.

    >>> round(seed_deviation({"a": np.array([[0.90], [0.92]]), "b": np.array([[0.80], [0.80]])}), 4)
    0.01
    """
    means = [own.mean(axis=1) for own in scores.values()]
    freedom = sum(len(own) - 1 for own in means)
    if not freedom:
        return None
    return math.sqrt(sum(float(((own - own.mean()) ** 2).sum()) for own in means) / freedom)


def mean_of(numbers: Numbers, deviation: float | None) -> Mean:
    """Return the mean of a contender's numbers.

    Args:
        numbers: of each seed and text `[seeds, texts]`, at least two texts.
        deviation: from seed to seed.
    """
    return _mean(numbers, 0.0 if deviation is None else deviation)


def difference(first: Numbers, second: Numbers, deviation: float | None) -> Mean:
    """Return the mean of `first` less `second`, text by text and seed by seed.

    Args:
        first: `[seeds, texts]` of one contender.
        second: of another, the same seeds and texts.
        deviation: of each from seed to seed.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> one, other = np.array([[1.0, 1.0, 0.0, 1.0]]), np.array([[1.0, 0.0, 0.0, 1.0]])
        >>> found = difference(one, other, None)
        >>> found.value, round(found.error, 3)
        (0.25, 0.25)
    """
    if first.shape != second.shape:
        raise ShapeError(
            f"difference: both must be [seeds, texts]; got {list(first.shape)} and {list(second.shape)}"
        )
    return _mean(first - second, 0.0 if deviation is None else math.sqrt(2) * deviation)


def _mean(numbers: Numbers, deviation: float) -> Mean:
    seeds, texts = numbers.shape
    by_text = numbers.mean(axis=0)
    spread = float(by_text.std(ddof=1)) / math.sqrt(texts) if texts > 1 else 0.0
    return Mean(float(by_text.mean()), math.hypot(spread, deviation / math.sqrt(seeds)))
