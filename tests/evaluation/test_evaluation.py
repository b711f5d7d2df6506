"""`evaluate` as a whole: its fields, its JSON, its refusals, and what it does not import."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from peephole.errors import DataError, LengthError, OptionError, ShapeError
from peephole.evaluation import (
    Evaluation,
    accuracy_interval,
    cross_fitted_calibration,
    evaluate,
    expected_calibration_error,
)
from peephole.evaluation.checks import check_names

NAMES = ("negative", "neutral", "positive")


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Probabilities on a coarse grid (many ties), labels that may miss classes, names."""
    classes = draw(st.integers(2, 5))
    texts = draw(st.integers(1, 30))
    row = st.lists(st.integers(0, 4), min_size=classes, max_size=classes).filter(any)
    grid = np.array(draw(st.lists(row, min_size=texts, max_size=texts)), dtype=float)
    labels = np.array(draw(st.lists(st.integers(0, classes - 1), min_size=texts, max_size=texts)))
    return grid / grid.sum(axis=1, keepdims=True), labels, [f"class {i}" for i in range(classes)]


@given(scored())
@settings(deadline=None)
def test_fields_agree_with_sklearn_and_each_other(case):
    probabilities, labels, names = case
    result = evaluate(probabilities, labels, names)
    predicted = probabilities.argmax(axis=1)
    assert result.n == len(labels)
    assert result.accuracy == pytest.approx(sk.accuracy_score(labels, predicted), abs=1e-12)
    assert result.correct == (predicted == labels).sum()
    assert result.interval == accuracy_interval(result.correct, result.n)
    assert (
        np.array(result.confusion).tolist()
        == sk.confusion_matrix(labels, predicted, labels=range(len(names))).tolist()
    )
    assert result.macro_f1 == pytest.approx(sk.f1_score(labels, predicted, average="macro"), abs=1e-12)
    assert result.calibration_error == expected_calibration_error(probabilities, labels)
    assert len(result.calibration_bins) == 15
    assert result.baseline == pytest.approx(np.bincount(labels).max() / len(labels))
    if len(names) == 2 and len(set(labels)) == 2:
        assert result.roc_auc == pytest.approx(sk.roc_auc_score(labels, probabilities[:, 1]), abs=1e-12)
    else:
        assert result.roc_auc is None
    assert result.by_length is None
    assert result.cross_fitted_calibration_error is None


@given(scored())
@settings(deadline=None)
def test_json_is_strict_and_holds_every_field(case):
    probabilities, labels, names = case
    result = evaluate(probabilities, labels, names, lengths=range(len(labels)), logits=probabilities)
    written = result.to_json()
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    assert set(Evaluation.__dataclass_fields__) < set(written)


def three(labels=(0, 0, 2, 2)):
    return [[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.2, 0.1, 0.7], [0.1, 0.0, 0.9]], list(labels)


def test_worked_by_hand():
    result = evaluate(*three(), NAMES)
    assert (result.n, result.correct, result.accuracy) == (4, 3, 0.75)
    assert result.confusion == ((1, 0, 1), (0, 0, 0), (0, 0, 2))
    negative, neutral, positive = result.per_class
    assert (negative.precision, negative.recall, negative.f1) == (1.0, 0.5, pytest.approx(2 / 3))
    assert (neutral.precision, neutral.recall, neutral.f1, neutral.support) == (0.0, None, None, 0)
    assert (positive.precision, positive.recall, positive.f1) == (pytest.approx(2 / 3), 1.0, 0.8)
    assert result.macro_f1 == pytest.approx((2 / 3 + 0.8) / 2)
    assert result.macro_recall == 0.75
    assert result.log_loss == pytest.approx(-math.log(0.8 * 0.1 * 0.7 * 0.9) / 4)


def test_notes_name_silent_and_absent_classes():
    assert evaluate(*three(), NAMES).notes == (
        "Without any text, so that recall is undefined and not averaged: neutral.",
    )
    assert evaluate(*three((0, 1, 2, 2)), NAMES).notes == (
        "Never predicted, so that precision counts as 0: neutral.",
    )
    assert evaluate([[0.9, 0.1], [0.1, 0.9]], [0, 1], NAMES[:2]).notes == ()


def test_baseline_is_the_largest_class():
    result = evaluate(*three((0, 1, 2, 2)), NAMES)
    assert (result.largest_class.name, result.baseline) == ("positive", 0.5)


def test_accuracy_by_length():
    lengths = [0, 8, 9, 16, 17, 1000]
    probabilities = [[0.9, 0.1]] * 6
    result = evaluate(probabilities, [0, 1, 0, 0, 1, 0], NAMES[:2], lengths=lengths)
    assert result.by_length is not None
    assert [(b.low, b.high, b.n, b.correct, b.accuracy) for b in result.by_length] == [
        (0, 8, 2, 1, 0.5),
        (9, 16, 2, 2, 1.0),
        (17, 32, 1, 0, 0.0),
        (513, 1024, 1, 1, 1.0),
    ]
    assert result.by_length[0].interval == accuracy_interval(1, 2)


@given(st.lists(st.integers(0, 3_000_000), min_size=1, max_size=50))
@settings(deadline=None)
def test_every_text_is_in_one_length_bin(lengths):
    result = evaluate([[1.0, 0.0]] * len(lengths), [0] * len(lengths), NAMES[:2], lengths=lengths)
    assert result.by_length is not None
    assert sum(b.n for b in result.by_length) == len(lengths)
    for b in result.by_length:
        assert b.n == sum(b.low <= length <= b.high for length in lengths) > 0


def test_logits_add_the_cross_fitted_error():
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(50, 3)), random.integers(0, 3, 50)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    result = evaluate(probabilities, labels, NAMES, logits=logits)
    assert result.cross_fitted_calibration_error == cross_fitted_calibration(logits, labels)
    assert evaluate([[0.2, 0.8]], [1], NAMES[:2], logits=[[0.0, 1.0]]).cross_fitted_calibration_error is None


def test_float16_and_float32_probabilities_are_taken():
    for dtype in (np.float16, np.float32):
        probabilities = np.full((2, 20), 1 / 20, dtype=dtype)
        assert evaluate(probabilities, [0, 1], [str(i) for i in range(20)]).correct == 1


def message(error: type[Exception], *arguments: object, **options: object) -> str:
    with pytest.raises(error) as caught:
        evaluate(*arguments, **options)  # pyright: ignore
    return str(caught.value)


TWO = [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("probabilities", "labels", "text"),
    [
        ([0.5, 0.5], [0, 1], "probabilities must be [N, C]; got [2]"),
        (TWO, [0], "labels must be [N] = [2], one per row of probabilities; got [1]"),
        (TWO, [[0], [1]], "labels must be [N] = [2], one per row of probabilities; got [2, 1]"),
        ([[0.2, 0.3, 0.5]], [0], "probabilities must be [N, C] with C = 2 class names; got [1, 3]"),
        ([[0.5, 0.5], [1.0]], [0, 1], "probabilities must be [N, C] of numbers"),
        ([["a", "b"]], [0], "probabilities must be [N, C] of numbers"),
    ],
)
def test_wrong_shapes(probabilities, labels, text):
    assert f"evaluate: {text}" in message(ShapeError, probabilities, labels, NAMES[:2])


def test_both_shapes_are_reported_at_once():
    text = message(ShapeError, [[0.2, 0.3, 0.5]], [0, 1], NAMES[:2])
    assert "evaluate: 2 problems" in text
    assert "C = 2 class names" in text
    assert "labels must be [N] = [1]" in text


def test_no_text_at_all():
    text = message(DataError, np.zeros((0, 2)), [], NAMES[:2])
    assert text.startswith("evaluate: there must be at least one labelled text; got none\nhint: ")


def test_every_bad_value_is_reported_at_once_with_its_rows():
    probabilities = [[0.5, 0.5], [math.nan, 0.5], [1.5, -0.5], [0.5, 0.6], [3.0, 1.0], [math.inf, 0.0]]
    assert message(OptionError, probabilities, [0, 1, 0, 7, 0, 0], NAMES[:2]) == (
        "evaluate: 4 problems\n"
        "  probabilities must be finite; got nan in rows 1 and 5\n"
        "  probabilities must be in [0, 1]; got -0.5 in row 2\n"
        "  probabilities must sum to 1 in every row; got 1.1 in rows 3 and 4\n"
        "  labels must be in [0, 2); got 7 in row 3"
    )


def test_long_lists_of_rows_are_cut_with_their_number():
    text = message(OptionError, [[2.0, 2.0]] * 30, [0] * 30, NAMES[:2])
    assert text.endswith("got 4 in rows 0, 1, 2, 3, 4 … (30 in all)")


@pytest.mark.parametrize("labels", [[0.0, 1.0], ["negative", "positive"]])
def test_labels_must_be_integers(labels):
    assert "evaluate: labels must be integers; got an array of" in message(
        OptionError, TWO, labels, NAMES[:2]
    )


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ("ab", "got the one text 'ab'"),
        (["a", "a"], "names must differ; got 'a' more than once"),
        (["a", 1], "names must be text; got 1 as class 1"),
        (["a"], "names must hold at least two classes; got 1"),
    ],
)
def test_names(names, text):
    assert text in message(OptionError, TWO, [0, 1], names)


def test_lengths():
    expected = "evaluate: lengths must be 0 or more; got -1 in row 1"
    assert message(LengthError, TWO, [0, 1], NAMES[:2], lengths=[3, -1]) == expected
    expected = "evaluate: lengths must be [N] = [2], one per text; got [3]"
    assert message(ShapeError, TWO, [0, 1], NAMES[:2], lengths=[1, 2, 3]) == expected
    assert "must be integers" in message(OptionError, TWO, [0, 1], NAMES[:2], lengths=[1.5, 2.0])


def test_logits_must_fit():
    assert "logits must be [N, C] with C = 2" in message(
        ShapeError, TWO, [0, 1], NAMES[:2], logits=[[0, 1, 2]] * 2
    )
    assert "got nan in row 1" in message(OptionError, TWO, [0, 1], NAMES[:2], logits=[[0, 1], [math.nan, 0]])


def test_importing_brings_neither_torch_nor_figures_nor_rich():
    program = (
        "import sys, peephole.evaluation\n"
        "heavy = {'torch', 'matplotlib', 'rich', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_names_are_gone_through_a_few_times_however_many():
    class Names(list):
        rounds = 0

        def __iter__(self):
            Names.rounds += 1
            return super().__iter__()

    names = Names([f"class {i}" for i in range(300)])
    assert check_names("evaluate", names) == tuple(f"class {i}" for i in range(300))
    assert Names.rounds < 10
    with pytest.raises(OptionError, match="names must differ; got 'a', 'b' more than once"):
        check_names("evaluate", ["b", "a", "c", "a", "b"])
