"""scikit-learn's own checks of an estimator.

They hand out tables of numbers, so they are run on `NumbersAsTexts`, which writes each row as a text and is otherwise
`TextClassifier` itself; what is left out is listed with its reason. Checks that look at no data are run on both estimators.
"""

from __future__ import annotations

import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from peephole.sklearn import RecurrentFeatures, TextClassifier
from support.small_estimators import TINY, NumbersAsTexts

WITHOUT_DATA = [
    estimator_checks.check_estimator_cloneable,
    estimator_checks.check_estimator_tags_renamed,
    estimator_checks.check_valid_tag_types,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    estimator_checks.check_mixin_order,
    estimator_checks.check_parameters_default_constructible,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_set_params,
]


@pytest.mark.parametrize(
    "estimator", [TextClassifier(), RecurrentFeatures()], ids=lambda one: type(one).__name__
)
@pytest.mark.parametrize("check", WITHOUT_DATA, ids=lambda check: check.__name__)
def test_a_check_that_looks_at_no_data(estimator, check) -> None:
    check(type(estimator).__name__, estimator)


LEFT_OUT = {
    "check_supervised_y_2d": "a column of labels in two dimensions is refused in words, not flattened with a warning",
    "check_sample_weight_equivalence_on_dense_data": "asks for equal models; a text that stands twice stands in other "
    "batches, which chance deals, than one of weight 2 (that their gradients are equal: tests/training/test_text_weights.py)",
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([NumbersAsTexts(**TINY)], expected_failed_checks=lambda _: LEFT_OUT)
def test_a_check_on_tables_written_as_texts(estimator, check) -> None:
    check(estimator)
