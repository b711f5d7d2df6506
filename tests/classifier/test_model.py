"""`Classifier`: one answer for each text, in order, whatever the texts and however they come."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peephole.classifier import Classifier, ModelConfig, TextTypeError, load
from peephole.classifier.prediction import predictions, softmax
from peephole.errors import BackendUnavailable, DataError, ModelError, OptionError
from support.small_models import TEXTS, random_weights, small_classifier, small_tokenizer

HOSTILE = ["", "\0", "👍🏽", "\ud800", "\u202eabc", "a" * 20_000, " ", "日本語のレビュー", "x" * 7]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return small_classifier()


def test_probabilities_are_the_softmax_of_the_logits_over_the_temperature(classifier: Classifier):
    for temperature in (1.0, 2.5):
        config = classifier.config.replace(temperature=temperature)
        calibrated = Classifier(config, classifier.tokenizer, classifier.weights)
        logits = calibrated.logits(calibrated.tokenizer.encode_batch(TEXTS)).astype(np.float64)
        exponentials = np.exp(logits / temperature)
        expected = exponentials / exponentials.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(calibrated.predict_proba(TEXTS), expected, rtol=0, atol=1e-12)


def test_softmax_of_huge_logits():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        probabilities = softmax(np.array([[3e38, -3e38], [-3e38, -3e38]], np.float32), 1.0)
    assert probabilities.tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_predictions_agree_with_probabilities(classifier: Classifier):
    probabilities = classifier.predict_proba(TEXTS)
    assert len({p.tobytes() for p in probabilities}) == len(set(TEXTS))
    for text, row, prediction in zip(TEXTS, probabilities, classifier.predict(TEXTS), strict=True):
        best = int(np.argmax(row))
        assert prediction.text == text
        assert prediction.label == classifier.labels[best]
        assert prediction.probability == row[best]
        assert prediction.probabilities == dict(zip(classifier.labels, row, strict=True))
        assert list(prediction.probabilities.values()) == sorted(row, reverse=True)


def test_top_k(classifier: Classifier):
    prediction = next(classifier.predict(["good"], top_k=2))
    whole = next(classifier.predict(["good"]))
    assert list(prediction.probabilities.items()) == list(whole.probabilities.items())[:2]
    assert len(next(classifier.predict(["good"], top_k=99)).probabilities) == 3
    tied = predictions([""], np.array([[0.4, 0.4, 0.2]]), ["x", "y", "z"])
    assert tied[0].label == "x"


def test_order_is_kept_over_blocks_of_texts_of_all_lengths(classifier: Classifier):
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(["good", "bad", "film", "not"], n)) for n in rng.integers(0, 60, 300)]
    expected = np.concatenate([classifier.predict_proba([text]) for text in texts])
    for block in (1, 7, 1024):
        found = list(classifier.predict(iter(texts), block=block))
        assert [prediction.text for prediction in found] == texts
        actual = [[p.probabilities[label] for label in classifier.labels] for p in found]
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(classifier.predict_proba(texts), expected, rtol=0, atol=1e-6)


def test_predict_is_lazy_and_takes_endless_iterables(classifier: Classifier):
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield f"good film number {taken}"

    answers = classifier.predict(endless(), block=4)
    assert taken == 0
    assert next(answers).text == "good film number 1"
    assert taken == 4
    for _ in range(4):
        answer = next(answers)
    assert (answer.text, taken) == ("good film number 5", 8)


def test_a_block_ends_after_four_million_characters(classifier: Classifier):
    taken = 0

    def long() -> Iterator[str]:
        nonlocal taken
        for _ in range(9):
            taken += 1
            yield " " * 3_000_000

    next(classifier.predict(long()))
    assert taken == 2


@pytest.mark.parametrize("kind", ["bpe", "word"])
def test_hostile_texts_each_have_their_own_answer(kind: Any):
    classifier = small_classifier(kind, embedding=2, hidden_size=2)
    found = list(classifier.predict(HOSTILE))
    assert len(found) == len(HOSTILE)
    for prediction in found:
        assert sum(prediction.probabilities.values()) == pytest.approx(1)
        prediction.text.encode()  # can be printed
    assert [p.text for p in found] == [text.replace("\ud800", "\ufffd") for text in HOSTILE]


def test_no_texts(classifier: Classifier):
    assert list(classifier.predict([])) == []
    assert classifier.predict_proba([]).shape == (0, 3)


def test_texts_that_are_no_texts(classifier: Classifier):
    bad: Any
    for bad, words in (
        ("good film", "predict: texts must be an iterable of str; got one str"),
        (b"good film", "got one bytes"),
    ):
        with pytest.raises(TextTypeError, match=words):
            classifier.predict(bad)
        with pytest.raises(TypeError, match=r"hint: pass a list: \[text\]"):
            classifier.predict_proba(bad)
    bad = ["good", "bad", "good", float("nan")]
    answers = classifier.predict(bad, block=2)
    assert [next(answers).text, next(answers).text] == ["good", "bad"]
    with pytest.raises(DataError, match=r"predict: texts\[3\]: must be a str; got nan \(float\)"):
        next(answers)


@pytest.mark.parametrize(("options", "problem"), [({"top_k": 0}, "top_k"), ({"block": 0}, "block")])
def test_options_out_of_range_are_refused_at_once(classifier: Classifier, options: Any, problem: str):
    with pytest.raises(OptionError, match=f"predict: {problem} must be at least 1; got 0"):
        classifier.predict(["good"], **options)


def test_several_threads_get_the_answers_of_one(classifier: Classifier):
    texts = [text * n for n in range(1, 9) for text in TEXTS]
    expected = classifier.predict_proba(texts).tolist()
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda _: classifier.predict_proba(texts).tolist(), range(12))
    assert all(one == expected for one in found)


def test_parts_that_do_not_belong_together(classifier: Classifier):
    config, weights = classifier.config, classifier.weights
    words = small_tokenizer("word")
    with pytest.raises(ModelError) as caught:
        Classifier(config, words, weights)
    assert "vocabulary: config says" in str(caught.value)
    assert "preprocessing.tokenizer: config says 'bpe', the tokenizer 'word'" in str(caught.value)
    other: dict[str, Any] = dict(weights)
    del other["output.bias"]
    other["output.weight"] = other["output.weight"].T
    other["extra"] = np.zeros(1)
    with pytest.raises(ModelError) as caught:
        Classifier(config, classifier.tokenizer, other)
    for part in (
        "Classifier: has no tensor 'output.bias'",
        "Classifier: has a tensor that config.json does not name, 'extra'",
        "Classifier, output.weight: must be [3, 4] by config.json; got [4, 3]",
    ):
        assert part in str(caught.value)


def test_double_precision_weights_are_taken_as_float32(classifier: Classifier):
    doubled = {name: value.astype(np.float64) for name, value in classifier.weights.items()}
    again = Classifier(classifier.config, classifier.tokenizer, doubled)
    assert all(value.dtype == np.float32 for value in again.weights.values())
    assert again.predict_proba(TEXTS).tolist() == classifier.predict_proba(TEXTS).tolist()


def test_a_named_backend_is_honoured_or_refused(classifier: Classifier):
    reference = Classifier(classifier.config, classifier.tokenizer, classifier.weights, backend="reference")
    np.testing.assert_allclose(
        reference.predict_proba(TEXTS), classifier.predict_proba(TEXTS), rtol=0, atol=1e-6
    )
    with pytest.raises(BackendUnavailable):
        Classifier(
            classifier.config, classifier.tokenizer, classifier.weights, backend="torch"
        ).predict_proba(["a"])


def test_pickle(classifier: Classifier):
    again = pickle.loads(pickle.dumps(classifier))
    assert again.config == classifier.config
    assert again.predict_proba(TEXTS).tolist() == classifier.predict_proba(TEXTS).tolist()


def test_every_cell_predicts():
    for cell in ("rnn", "lstm", "peephole-lstm", "gru", "coupled-lstm"):
        probabilities = small_classifier(cell=cell).predict_proba(TEXTS)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        assert np.ptp(probabilities, axis=0).min() > 0.001


def test_predicting_imports_no_torch():
    code = (
        "import sys; from support.small_models import small_classifier;"
        "print(next(small_classifier().predict(['good'])).label, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[1] == "False"


def test_a_long_text_takes_memory_for_its_ids_only():
    """Four times the text takes far less than four times the memory: its rows are never all there."""
    classifier = small_classifier(embedding=64, hidden_size=64)
    classifier.forward.row_limit = 256
    peaks = []
    for length in (1500, 6000):
        ids = np.full(length, 5, np.int32)
        tracemalloc.start()
        classifier.logits([ids])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    rows = (6000 - 1500) * 64 * 4  # bytes of what one array [R, H] grows by
    assert peaks[1] - peaks[0] < rows / 4


def test_probabilities_do_not_depend_on_unused_config_fields():
    config: ModelConfig = small_classifier().config
    weights = random_weights(config)
    tokenizer = small_tokenizer()
    one = Classifier(config, tokenizer, weights).predict_proba(TEXTS)
    other = Classifier(
        config.replace(metrics={"accuracy": 1.0}, library="x"), tokenizer, weights
    ).predict_proba(TEXTS)
    assert one.tolist() == other.tolist()


def test_an_unknown_backend_is_refused_at_once(classifier: Classifier, tmp_path: Path):
    choices = "backend must be one of 'auto', 'compiled', 'triton', 'torch', 'reference'; got"
    with pytest.raises(OptionError, match=f"Classifier: {choices} 'gpu'"):
        Classifier(classifier.config, classifier.tokenizer, classifier.weights, backend="gpu")
    with pytest.raises(OptionError, match=rf"load: {choices} 'refrence' \(did you mean 'reference'\?\)"):
        load(classifier.save(tmp_path / "model"), backend="refrence")
    assert load(tmp_path / "model", backend="reference").backend == "reference"
