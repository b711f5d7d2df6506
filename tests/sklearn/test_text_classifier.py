"""`TextClassifier` learns, answers in any kind of label, weighs, refuses in words, and gives the same bits again."""

from __future__ import annotations

import dataclasses
import inspect
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from peephole.errors import DataError, OptionError, TextTypeError
from peephole.sklearn import TextClassifier
from peephole.training.recipe import Recipe, settings
from support.small_estimators import TINY, labelled

TEXTS, LABELS = labelled()


def made(**changes) -> TextClassifier:
    return TextClassifier(**{**TINY, "random_state": 0, **changes})


@pytest.fixture(scope="module")
def fitted() -> TextClassifier:
    return made(epochs=12, hidden_size=8).fit(TEXTS, LABELS)


def test_the_parameters_have_the_defaults_of_the_recipe() -> None:
    parameters = inspect.signature(TextClassifier).parameters
    own = [name for name in settings() if name in parameters]
    assert len(own) > 20
    recipe = Recipe()
    assert {name: parameters[name].default for name in own} == {name: getattr(recipe, name) for name in own}


def test_it_learns_and_answers(fitted) -> None:
    assert fitted.score(TEXTS, LABELS) > 0.9
    probabilities = fitted.predict_proba(TEXTS)
    assert probabilities.shape == (60, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(
        1 / (1 + np.exp(-fitted.decision_function(TEXTS))), probabilities[:, 1], atol=1e-12
    )
    assert fitted.predict(TEXTS).tolist() == fitted.classes_[probabilities.argmax(axis=1)].tolist()
    np.testing.assert_allclose(fitted.classifier_.predict_proba(TEXTS), probabilities, atol=1e-12)
    assert fitted.classifier_.labels == ("bad", "good")
    assert fitted.predict_proba([]).shape == (0, 2)


def test_it_says_what_it_was_fitted_with(fitted) -> None:
    assert (fitted.recipe_.seed, fitted.recipe_.hidden_size, fitted.recipe_.epochs) == (0, 8, 12)
    assert fitted.n_iter_ == 12
    assert isinstance(fitted.warnings_, tuple)


def test_before_fit_it_says_so() -> None:
    with pytest.raises(NotFittedError, match="not fitted yet"):
        made().predict(["a"])
    assert not hasattr(made(), "classes_")


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        np.array(LABELS),
        np.array(LABELS, dtype=object),
        np.array([7 if label == "good" else -3 for label in LABELS]),
        [label == "good" for label in LABELS],
        np.array([1.0 if label == "good" else 2.0 for label in LABELS]),
        [
            "Good" if label == "good" else "good" for label in LABELS
        ],  # a model folder could not tell them apart
        [" x" if label == "good" else "10" for label in LABELS],
    ],
    ids=["list", "strings", "objects", "ints", "bools", "floats", "case", "spaces"],
)
def test_labels_of_any_kind_come_back_as_they_were(labels) -> None:
    model = made(epochs=1).fit(TEXTS, labels)
    assert model.classes_.tolist() == np.unique(np.asarray(labels)).tolist()
    answers = model.predict(TEXTS)
    assert answers.dtype == model.classes_.dtype
    assert set(answers.tolist()) <= set(model.classes_.tolist())


def test_columns_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"text": TEXTS, "label": LABELS})
    model = made(epochs=1).fit(table["text"], table["label"])
    assert np.array_equal(
        model.predict_proba(table["text"]), made(epochs=1).fit(TEXTS, LABELS).predict_proba(TEXTS)
    )
    with pytest.raises(TextTypeError, match=r"one column of texts \[N\]; got shape \(60, 2\)"):
        model.predict(table)


def test_three_classes_have_a_score_each() -> None:
    labels = ["one", "two", "three"] * 20
    model = made(epochs=1).fit(TEXTS, labels)
    assert model.decision_function(TEXTS).shape == (60, 3)
    assert model.classes_.tolist() == ["one", "three", "two"]
    assert (model.decision_function(TEXTS).argmax(1) == model.predict_proba(TEXTS).argmax(1)).all()


def weights_of(model: TextClassifier) -> dict[str, np.ndarray]:
    return model.classifier_.weights


def same(one: TextClassifier, other: TextClassifier) -> bool:
    first, second = weights_of(one), weights_of(other)
    return all(np.array_equal(first[name], second[name]) for name in first)


def test_a_random_state_gives_the_same_bits_again() -> None:
    first = made(random_state=5).fit(TEXTS, LABELS)
    np.random.seed(3)
    np.random.random(7)
    assert same(first, made(random_state=5).fit(TEXTS, LABELS))
    assert same(first, clone(first).fit(TEXTS, LABELS))
    assert same(first, first.fit(TEXTS, LABELS))
    assert not same(first, made(random_state=6).fit(TEXTS, LABELS))


def test_a_generator_draws_a_seed_each_time() -> None:
    drawn = [made(random_state=np.random.RandomState(1), epochs=1).fit(TEXTS, LABELS) for _ in range(2)]
    assert drawn[0].recipe_.seed == drawn[1].recipe_.seed
    generator = np.random.RandomState(1)
    two = [made(random_state=generator, epochs=1).fit(TEXTS, LABELS).recipe_.seed for _ in range(2)]
    assert two[0] != two[1]


def test_fitting_writes_nothing_and_is_quiet(tmp_path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", os.fspath(scratch))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made(epochs=1).fit(TEXTS, LABELS).predict(TEXTS)
    assert list(tmp_path.rglob("*")) == [scratch]
    assert capfd.readouterr() == ("", "")


def test_verbose_tells_of_every_pass(capfd) -> None:
    made(epochs=2, verbose=True).fit(TEXTS, LABELS)
    assert capfd.readouterr().err.count("development: loss") == 2


def test_weights_of_texts_and_of_classes_are_one_thing() -> None:
    good = np.array([label == "good" for label in LABELS])
    weighed = made().fit(TEXTS, LABELS, sample_weight=np.where(good, 3.0, 1.0))
    by_class = made(class_weight={"good": 3.0}).fit(TEXTS, LABELS)
    assert same(weighed, by_class)
    assert same(made().fit(TEXTS, LABELS), made().fit(TEXTS, LABELS, sample_weight=np.full(60, 2.0)))
    assert not same(weighed, made().fit(TEXTS, LABELS))
    assert (
        weighed.predict_proba(TEXTS)[:, 1].mean()
        > made().fit(TEXTS, LABELS).predict_proba(TEXTS)[:, 1].mean()
    )


def test_a_weight_of_zero_is_absence() -> None:
    texts, labels = [*TEXTS, "a text of its own"], [*LABELS, "neither"]
    model = made().fit(texts, labels, sample_weight=[1.0] * 60 + [0.0])
    assert model.classes_.tolist() == ["bad", "good"]
    assert same(model, made().fit(TEXTS, LABELS))


def test_balanced_classes_weigh_the_same_in_total() -> None:
    some = TEXTS[:40] + TEXTS[41::2]
    labels = LABELS[:40] + LABELS[41::2]
    rare = labels.count("good")
    by_hand = {"good": len(labels) / (2 * rare), "bad": len(labels) / (2 * (len(labels) - rare))}
    assert rare == 20
    assert same(made(class_weight="balanced").fit(some, labels), made(class_weight=by_hand).fit(some, labels))


def test_blank_texts_are_left_out_and_answered() -> None:
    model = made(epochs=1).fit(["", "  \n", *TEXTS], ["good", "bad", *LABELS])
    assert same(model, made(epochs=1).fit(TEXTS, LABELS))
    assert model.predict_proba(["", " "]).shape == (2, 2)


def test_a_class_with_one_text_is_trained_on() -> None:
    model = made(epochs=1).fit(["a b", "c d", "e f"], ["x", "x", "y"])
    assert model.classes_.tolist() == ["x", "y"]


@pytest.mark.parametrize(
    ("texts", "labels", "weights", "words"),
    [
        ("one text", ["a"], None, "X must be a list or an array of texts; got one str"),
        (np.array([["a"], ["b"]]), ["x", "y"], None, r"one column of texts \[N\]; got shape \(2, 1\)"),
        (["a", None], ["x", "y"], None, r"X\[1\]: must be a str; got None"),
        (["a", float("nan")], ["x", "y"], None, r"X\[1\]: must be a str; got nan"),
        ([["a"], ["b"]], ["x", "y"], None, r"X\[0\]: must be a str"),
        (3, ["x"], None, "X must be a list or an array of texts; got int"),
        (["a", "b"], [["x"], ["y"]], None, r"y should be a 1d array, .*\(2, 1\)"),
        (["a", "b"], ["x"], None, "X and y must have as many entries; got 2 and 1"),
        (["a", "b"], ["x", None], None, "y must be all strings, .* none missing; got None"),
        (["a", "b"], np.array(["x", 1], dtype=object), None, "got a number and a string"),
        (["a", "b"], [0.5, 1.5], None, "Unknown label type: continuous"),
        (["a", "b"], [0.0, float("nan")], None, "contains NaN"),
        (["a", "b"], None, None, "requires y to be passed"),
        (["a", "b"], ["x", "x"], None, "texts of two classes or more; got one class, 'x'"),
        (["a", "b"], ["x", "y"], None, "a class must have two texts or more.*got 2 texts of 2 classes"),
        ([], [], None, "texts of two classes or more; got no text"),
        (TEXTS, LABELS, [1.0] * 59, r"sample_weight must have shape \(60,\); got \(59,\)"),
        (TEXTS, LABELS, [-1.0] * 60, "sample_weight must be finite and at least 0; got -1.0"),
        (TEXTS, LABELS, [0.0] * 60, "all are zero"),
        (TEXTS, LABELS, ["heavy"] * 60, "sample_weight must be numbers"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_in_words(texts, labels, weights, words) -> None:
    with pytest.raises(ValueError, match=words):
        made().fit(texts, labels, sample_weight=weights)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_size": 0}, "hidden_size: must be a whole number, at least 1"),
        ({"recipe": {"clipp": 1.0}}, "unknown setting 'clipp' \\(did you mean 'clip'\\?\\)"),
        (
            {"recipe": {"hidden_size": 3}},
            r"without a parameter of their own; got hidden_size \(here: hidden_size=…\)",
        ),
        ({"recipe": {"seed": 3}}, r"seed \(here: random_state=…\)"),
        ({"recipe": "fast"}, "recipe must be a dict"),
        ({"class_weight": "even"}, "class_weight must be None, 'balanced' or a dict; got 'even'"),
        ({"class_weight": {"good": 0}}, "class_weight must be finite and above 0; got 0 for 'good'"),
        ({"class_weight": {"godo": 2}}, r"The classes, \['bad', 'good'\], are not in class_weight"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_refused_by_fit(changes, words) -> None:
    model = made(**changes)
    with pytest.raises(OptionError, match=words):
        model.fit(TEXTS, LABELS)


def test_numbers_of_numpy_are_numbers() -> None:
    model = made(
        hidden_size=np.int64(4), learning_rate=np.float64(0.03), epochs=np.int32(1), pooling=["mean"]
    )
    assert model.fit(TEXTS, LABELS).recipe_.pooling == ("mean",)


def test_the_saved_model_is_a_folder_like_any_other(fitted, tmp_path: Path) -> None:
    import peephole

    fitted.classifier_.save(tmp_path / "model")
    loaded = peephole.load(tmp_path / "model")
    np.testing.assert_allclose(loaded.predict_proba(TEXTS), fitted.predict_proba(TEXTS), atol=1e-12)
    assert dataclasses.asdict(fitted.recipe_)["cell"] == "lstm"


def test_a_text_that_is_no_text_is_named_in_predict(fitted) -> None:
    with pytest.raises(TextTypeError, match=r"TextClassifier\.predict: X\[1\]: must be a str; got 3"):
        fitted.predict(["a", 3])
    with pytest.raises(DataError):
        fitted.predict_proba("a text")


def test_columns_are_in_the_order_of_the_classes_whatever_the_models() -> None:
    """A model folder sorts numbers by their size, NumPy sorts strings by their letters."""
    labels = ["10" if label == "good" else "9" for label in LABELS]
    model = made().fit(TEXTS, labels)
    assert (model.classes_.tolist(), model.classifier_.labels) == (["10", "9"], ("9", "10"))
    np.testing.assert_allclose(
        model.predict_proba(TEXTS), model.classifier_.predict_proba(TEXTS)[:, ::-1], rtol=0, atol=1e-12
    )


def test_a_fit_that_is_stopped_promises_no_checkpoint(monkeypatch) -> None:
    from peephole.training import TrainingInterrupted

    def stop(request, *, progress):
        raise TrainingInterrupted(f"everything is kept in {request.output}", checkpoint=None)

    monkeypatch.setattr("peephole.training.run.train", stop)
    model = made()
    with pytest.raises(
        KeyboardInterrupt, match=r"TextClassifier\.fit: training was stopped; nothing is kept"
    ):
        model.fit(TEXTS, LABELS)
    assert not hasattr(model, "classes_")
