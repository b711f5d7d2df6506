"""Classifiers as ONNX graphs, run in ONNX Runtime against `Classifier.predict_proba`, on real texts and on hard batches."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers

import peephole
from peephole.classifier import Classifier, Linear, Pooling, load
from peephole.errors import OptionError
from peephole.export import onnx, save_onnx
from peephole.reading import read
from peephole.reading.sample import sample_reviews
from support.onnx_runs import operators, session
from support.small_models import TEXTS, random_weights, small_classifier, small_tokenizer

pytest.importorskip("onnx", reason="needs the onnx package")
pytest.importorskip("onnxruntime", reason="needs ONNX Runtime")

# What is promised: float32 on both sides, other sums and other exponentials, softmax at the end.
PROMISED = 1e-5


def probabilities(run: Any, ids: Sequence[Any], more: int = 0) -> np.ndarray:
    """One batch, padded with the id 1, `more` steps further than it must be."""
    lengths = np.array([len(each) for each in ids], np.int64)
    batch = np.ones((len(ids), int(lengths.max(initial=0)) + more), np.int64)
    for row, each in zip(batch, ids, strict=True):
        row[: len(each)] = each
    return run.run(None, {"ids": batch, "lengths": lengths})[0]


def real_texts() -> list[str]:
    """Reviews of the corpus, if it is here; otherwise of the package's own sample. Empty ones among them."""
    folder = os.environ.get("PEEPHOLE_DATA")
    path = Path(folder or "") / "imdb_train.csv.gz"
    if folder and path.exists():
        texts = [record.text for record, _ in zip(read(path), range(60), strict=False)]
    else:
        texts = [record.text for record in sample_reviews("test", 60)]
    return [*texts[:30], "", *texts[30:], " "]


@pytest.fixture(scope="module")
def shipped() -> Classifier:
    return load(precision="highest")


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_the_shipped_model_on_real_texts(shipped: Classifier, precision: str) -> None:
    """It is stored in int8, so that both have its very numbers."""
    texts = real_texts()
    model = onnx(shipped, precision=precision)
    assert operators(model) == ["LSTM"]
    run, ids = session(model), shipped.tokenizer.encode_batch(texts)
    found = np.concatenate([probabilities(run, ids[k : k + 16], more=k % 3) for k in range(0, len(ids), 16)])
    np.testing.assert_allclose(found, shipped.predict_proba(texts), rtol=0, atol=PROMISED)


def test_the_shipped_model_in_float16(shipped: Classifier) -> None:
    texts = [record.text for record in sample_reviews("test", 40)]
    run = session(onnx(shipped, precision="float16"))
    found = probabilities(run, shipped.tokenizer.encode_batch(texts))
    np.testing.assert_allclose(
        found, shipped.with_storage("float16").predict_proba(texts), rtol=0, atol=PROMISED
    )
    # What the storage itself changes: weights are off by 2^-11 of themselves at most.
    np.testing.assert_allclose(found, shipped.predict_proba(texts), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"pooling": ("last",), "bidirectional": False},
        {"pooling": ("last", "mean", "max"), "num_layers": 2},
        {"pooling": ("max",), "cell": "gru", "head": 0},
        {"cell": "gru", "cell_options": {"reset": "before"}, "bias": False},
        {"cell": "rnn", "cell_options": {"nonlinearity": "relu"}, "num_layers": 2},
        {"cell": "peephole-lstm"},
        {
            "cell": "peephole-lstm",
            "cell_options": {"peephole": "full", "output_peephole": "previous"},
            "pooling": ("last", "max"),
        },
        {"cell": "coupled-lstm", "bidirectional": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_every_stack(options: dict[str, Any], precision: str) -> None:
    classifier = small_classifier(**options)
    classifier = Classifier(
        classifier.config.replace(temperature=1.7),
        classifier.tokenizer,
        classifier.tensors,
        precision="highest",
    )
    run, ids = session(onnx(classifier, precision=precision)), classifier.tokenizer.encode_batch(TEXTS)
    expected = classifier.with_storage(precision).predict_proba(TEXTS)  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(probabilities(run, ids), expected, rtol=0, atol=PROMISED)
    np.testing.assert_allclose(
        probabilities(run, ids[3:4], more=1), expected[3:4], rtol=0, atol=PROMISED
    )  # ""


def test_linear_stages_before_the_pooling() -> None:
    base = small_classifier().config
    first, *rest = base.stages
    stages = (first, Linear(7, "tanh", "mapped"), *rest[:-3], Linear(4, "relu", "after"), *rest[-3:])
    stages = tuple(stage for stage in stages if not isinstance(stage, Pooling))
    place = next(k for k, stage in enumerate(stages) if stage.name == "after") + 1
    config = base.replace(stages=(*stages[:place], Pooling(("max", "mean")), *stages[place:]))
    classifier = Classifier(config, small_tokenizer(), random_weights(config), precision="highest")
    found = probabilities(session(onnx(classifier)), classifier.tokenizer.encode_batch(TEXTS))
    np.testing.assert_allclose(found, classifier.predict_proba(TEXTS), rtol=0, atol=PROMISED)


def test_the_folder_is_all_that_somebody_needs(tmp_path: Path) -> None:
    classifier = small_classifier()
    folder = save_onnx(classifier, tmp_path / "out", precision="int8")
    assert sorted(each.name for each in folder.iterdir()) == [
        "README.md",
        "model.json",
        "model.onnx",
        "tokenizer.json",
    ]
    import onnx as package
    import onnxruntime

    facts = json.loads((folder / "model.json").read_text("utf-8"))
    properties = {each.key: each.value for each in package.load(folder / "model.onnx").metadata_props}
    assert json.loads(properties["labels"]) == list(facts["id2label"].values()) == ["bad", "good", "odd"]
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids = [tokenizer.encode(text).ids for text in TEXTS]
    run = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    expected = classifier.with_storage("int8").predict_proba(TEXTS)
    np.testing.assert_allclose(probabilities(run, ids), expected, rtol=0, atol=PROMISED)
    save_onnx(classifier, folder)  # in place of the one before
    assert json.loads((folder / "model.json").read_text("utf-8"))["precision"] == "float32"


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(
        OptionError, match=r"must be a new path, an empty folder or .* got a folder of letter\.txt"
    ):
        save_onnx(small_classifier(), tmp_path)
    with pytest.raises(OptionError, match="got a file"):
        save_onnx(small_classifier(), tmp_path / "letter.txt")
    assert [each.name for each in tmp_path.iterdir()] == ["letter.txt"]


def test_the_room_is_there_without_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys; import peephole; peephole.export.onnx(peephole.load()); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert peephole.export.onnx is onnx
