"""Means and differences, and their intervals: chance over texts and over seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from peephole.errors import ShapeError
from peephole.studies.compare.pairing import Mean, difference, mean_of, seed_deviation


def test_means_and_differences_by_hand() -> None:
    numbers = np.array([[1.0, 0.0, 1.0, 1.0], [1.0, 0.0, 0.0, 1.0]])
    # By text: 1, 0, ½, 1, a mean of 0.625 with a deviation of 0.4787; by seed: 0.75 and 0.5.
    assert seed_deviation({"a": numbers}) == pytest.approx(0.1768, abs=1e-4)
    found = mean_of(numbers, 0.2)
    assert found.value == pytest.approx(0.625)
    assert found.error == pytest.approx(math.hypot(0.4787 / 2, 0.2 / math.sqrt(2)), abs=1e-4)
    assert found.interval == pytest.approx((0.625 - 1.96 * found.error, 0.625 + 1.96 * found.error))
    less = difference(numbers, np.zeros((2, 4)), 0.2)
    assert less.error == pytest.approx(math.hypot(0.4787 / 2, 0.2), abs=1e-4)
    assert less.p == pytest.approx(math.erfc(less.value / less.error / math.sqrt(2)))
    assert mean_of(numbers[:1], None).error == pytest.approx(0.25)
    assert (Mean(0.0, 0.0).p, Mean(0.1, 0.0).p) == (1.0, 0.0)
    assert Mean(-0.196, 0.1).p == Mean(0.196, 0.1).p == pytest.approx(0.05, abs=1e-4)
    # Contenders are as far apart as they like; three seeds and a single one beside two: (0.01² + 0.01²) / (1 + 2 + 0).
    several = {"a": [0.90, 0.92], "b": [0.5, 0.5, 0.5], "c": [0.3]}
    pooled = seed_deviation({name: np.array(own)[:, None] for name, own in several.items()})
    assert pooled == pytest.approx(math.sqrt(0.0002 / 3))
    assert seed_deviation({"c": np.array([[0.3]])}) is None
    with pytest.raises(ShapeError, match=r"got \[2, 4\] and \[1, 4\]"):
        difference(numbers, numbers[:1], None)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    chance = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        own = chance.normal(0, 0.1, 3)  # what each seed is worth
        numbers = 0.3 + own[:, None] + chance.normal(0, 1.0, 200) + chance.normal(0, 0.2, (3, 200))
        low, high = mean_of(numbers, 0.1).interval
        held += low <= 0.3 <= high
    assert 0.92 <= held / 400 <= 0.99
