"""`TextClassifier` and `RecurrentFeatures` in scikit-learn's pipelines, searches, cross-validation and calibration."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_predict, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from peephole.sklearn import RecurrentFeatures, TextClassifier
from support.small_estimators import TINY, labelled

TEXTS, LABELS = labelled(48)
SMALL = TextClassifier(**{**TINY, "epochs": 1, "random_state": 0})


def shorter(texts):
    return [text.removeprefix("the ") for text in texts]


def test_in_a_pipeline_with_parameters_by_name() -> None:
    pipeline = Pipeline([("clean", FunctionTransformer(shorter)), ("read", SMALL)])
    pipeline.set_params(read__hidden_size=3).fit(TEXTS, LABELS, read__sample_weight=np.ones(48))
    assert pipeline.predict_proba(TEXTS).shape == (48, 2)
    assert pipeline.named_steps["read"].recipe_.hidden_size == 3


def test_in_a_grid_search_with_small_folds() -> None:
    search = GridSearchCV(SMALL, {"hidden_size": [2, 3], "cell": ["gru"]}, cv=3, error_score="raise")
    search.fit(TEXTS[:18], LABELS[:18])
    assert search.best_params_["cell"] == "gru"
    assert search.best_estimator_.recipe_.cell == "gru"
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_in_a_random_search_whose_numbers_are_numpys() -> None:
    space = {"learning_rate": np.array([0.01, 0.02]), "hidden_size": np.arange(2, 4)}
    search = RandomizedSearchCV(SMALL, space, n_iter=2, cv=2, random_state=0, error_score="raise")
    assert search.fit(TEXTS, LABELS).best_score_ >= 0


def test_in_cross_validation_with_object_arrays() -> None:
    scores = cross_val_score(
        SMALL, np.array(TEXTS, dtype=object), np.array(LABELS), cv=3, error_score="raise"
    )
    assert scores.shape == (3,)
    assert cross_val_predict(SMALL, TEXTS, LABELS, cv=2, method="predict_proba").shape == (48, 2)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_anew(method) -> None:
    calibrated = CalibratedClassifierCV(SMALL, method=method, cv=2)
    calibrated.fit(TEXTS, np.array(LABELS), sample_weight=np.ones(48))
    np.testing.assert_allclose(calibrated.predict_proba(TEXTS).sum(axis=1), 1)


def test_one_against_the_rest() -> None:
    labels = ["one", "two", "three"] * 16
    wrapped = OneVsRestClassifier(SMALL).fit(np.array(TEXTS), labels)
    assert wrapped.predict(np.array(TEXTS)).shape == (48,)


def test_features_for_a_linear_model() -> None:
    pipeline = make_pipeline(RecurrentFeatures(), LogisticRegression(max_iter=2000))
    pipeline.fit(TEXTS, LABELS)
    assert pipeline.score(TEXTS, LABELS) > 0.9
    assert pipeline[:-1].get_feature_names_out().shape == pipeline[-1].coef_.shape[1:]


@pytest.mark.slow
def test_searches_in_processes_and_threads_find_what_one_process_finds() -> None:
    import joblib

    grid = {"hidden_size": [2, 3]}
    alone = GridSearchCV(SMALL, grid, cv=2).fit(TEXTS, LABELS)
    for backend in ("loky", "threading"):
        with joblib.parallel_backend(backend, n_jobs=2):
            together = GridSearchCV(SMALL, grid, cv=2).fit(TEXTS, LABELS)
        np.testing.assert_allclose(
            together.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"], atol=1e-6
        )
