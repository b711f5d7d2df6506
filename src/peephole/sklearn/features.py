"""`RecurrentFeatures`: what a trained network makes of texts, as features for any other model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from peephole.classifier import Classifier, load
from peephole.classifier.features import feature_names, pooled_features
from peephole.sklearn.inputs import checked_texts
from peephole.sklearn.state import restored, state_of


class RecurrentFeatures(TransformerMixin, BaseEstimator):
    """The pooled states of a trained classifier's recurrent layers, as a transformer of scikit-learn.

    Nothing is learnt: `fit` loads the model. Needs no torch. A pickle holds the model itself, so that a pipeline is whole
    wherever it is loaded.

    Args:
        model: None: the model of the package; the name of one; a model folder; or a `peephole.Classifier`.
        pooling: of ``"max"``, ``"mean"``, ``"last"``, in the order of the features; None: the model's own.

    Attributes:
        classifier_: the model.
        n_features_out_: features of a text.

    Example:
        >>> features = RecurrentFeatures(pooling=("mean",)).fit_transform(["A fine film.", ""])
        >>> features.dtype, features.shape[0], bool(features[1].any())
        (dtype('float32'), 2, False)
    """

    def __init__(
        self,
        *,
        model: str | os.PathLike[str] | Classifier | None = None,
        pooling: Sequence[str] | None = None,
    ) -> None:
        self.model = model
        self.pooling = pooling

    def fit(self, X: Any = None, y: Any = None) -> RecurrentFeatures:  # noqa: N803
        """Load the model; texts and labels are not looked at.

        Raises:
            ModelError: there is no such model.
            OptionError: there is no such pooling.
        """
        self._take(self._load())
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """Return the features `[N, F]` float32 of texts `[N]`; a text without tokens has zeros.

        Raises:
            TextTypeError: something is no `str`; the message says which.
        """
        texts = checked_texts(X, f"{type(self).__name__}.transform")
        return pooled_features(self._model(), texts, self.pooling)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the features `[F]`: pooling, direction and unit, such as ``max_forward_0``."""
        return np.asarray(feature_names(self._model(), self.pooling), dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags: Any = cast("Any", super()).__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.one_d_array = True, True
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __getstate__(self) -> dict[str, Any]:
        return state_of(self.get_params(deep=False), getattr(self, "classifier_", None), None)

    def __setstate__(self, state: dict[str, Any]) -> None:
        parameters, classifier, _ = restored(
            state, f"{type(self).__name__}: the pickled state", classes=False
        )
        self.__dict__.update(parameters)
        if classifier is not None:
            self._take(classifier)

    def _model(self) -> Classifier:
        return self.classifier_ if hasattr(self, "classifier_") else self._load()

    def _load(self) -> Classifier:
        return self.model if isinstance(self.model, Classifier) else load(self.model)

    def _take(self, classifier: Classifier) -> None:
        self.n_features_out_ = len(feature_names(classifier, self.pooling))
        self.classifier_ = classifier
