"""Estimators of scikit-learn: `TextClassifier` learns from texts, `RecurrentFeatures` makes vectors of them.

Both take a list, an array or a column of `str`. Fitting needs torch; predicting and transforming do not.
"""

from __future__ import annotations

from peephole.errors import require

# Named before any module of this room asks for it without a word.
require("sklearn", extra="sklearn", purpose="peephole.sklearn")

from peephole.sklearn.estimator import TextClassifier as TextClassifier
from peephole.sklearn.features import RecurrentFeatures as RecurrentFeatures

__all__ = ["RecurrentFeatures", "TextClassifier"]
