"""Matrices in float16 and int8: worked by hand, there and back, and no further from the original than promised."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from peephole.classifier import Classifier, ModelConfig, converted, load, model_card
from peephole.classifier.storage import (
    LARGEST_SCALE,
    SMALLEST_SCALE,
    STORAGES,
    Int8Rows,
    dense,
    gather,
    int8_rows,
    stored,
)
from peephole.errors import ModelError, OptionError
from support.small_models import TEXTS, random_weights, small_classifier

WORKED: dict[str, tuple[list[float], float, list[int]]] = {
    # a row, its scale, its codes
    "scale one, halves to even": ([127, 2.5, 3.5, -2.5, -3.5], 1.0, [127, 2, 4, -2, -4]),
    "a largest number below zero": ([-254, 1, 253, 3.2], 2.0, [-127, 0, 126, 2]),  # 0.5 and 126.5 are halves
    "a power of two": ([127 / 64, 1 / 64, 1 / 128, 3 / 128], 1 / 64, [127, 1, 0, 2]),
    "zeros": ([0.0, -0.0, 0.0], SMALLEST_SCALE, [0, 0, 0]),
    "one number": ([0.0, -5.08, 0.0], 0.04, [0, -127, 0]),
    "smaller than a scale can be": ([1e-40, -1e-45, 0.0], SMALLEST_SCALE, [0, 0, 0]),
}


@pytest.mark.parametrize("name", WORKED)
def test_rows_worked_by_hand(name: str):
    row, scale, codes = WORKED[name]
    found = int8_rows(np.array([row], np.float64))
    assert found.codes.tolist() == [codes]
    assert found.scale.tolist() == [np.float32(scale)]
    assert (found.codes.dtype, found.scale.dtype) == (np.int8, np.float32)
    np.testing.assert_array_equal(found.dense(), [np.float32(codes) * np.float32(scale)])


def test_each_row_has_its_own_scale():
    found = int8_rows(np.array([[1.27, 0.01], [127.0, 1.0], [0.0, 0.0]]))
    assert found.codes.tolist() == [[127, 1], [127, 1], [0, 0]]
    assert found.scale.tolist() == [np.float32(0.01), 1.0, np.float32(SMALLEST_SCALE)]


def test_no_number_moves_by_more_than_half_a_scale():
    rng = np.random.default_rng(0)
    matrix = (rng.normal(size=(200, 33)) * 10.0 ** rng.integers(-30, 30, (200, 1))).astype(np.float32)
    found = int8_rows(matrix)
    assert np.abs(found.codes).max(axis=1).tolist() == [127] * 200
    error = np.abs(found.dense().astype(np.float64) - matrix) / found.scale[:, None]
    assert error.max() < 0.5 + 1e-4  # the product of code and scale is itself rounded to float32
    assert error.mean() > 0.2  # and they do move


@pytest.mark.parametrize("storage", STORAGES)
def test_rows_are_gathered_as_they_are_made_dense(storage: Any):
    matrix = np.random.default_rng(1).normal(size=(40, 7)).astype(np.float32)
    tensor = stored(matrix, storage)
    ids = np.array([3, 3, 0, 39], np.int32)
    rows = gather(tensor, ids)
    assert rows.dtype == dense(tensor).dtype == np.float32
    assert rows.tolist() == dense(tensor)[ids].tolist()
    assert gather(tensor, ids[:0]).shape == (0, 7)


def test_what_is_stored_so_already_stays_to_the_bit():
    matrix = np.random.default_rng(2).normal(size=(50, 9)).astype(np.float32)
    rows = stored(matrix, "int8")
    assert stored(rows, "int8") is rows
    half = stored(matrix, "float16")
    assert stored(half, "float16") is half
    assert stored(matrix, "float32") is matrix
    bias = np.ones(3, np.float32)
    assert all(stored(bias, storage) is bias for storage in STORAGES)


def test_half_precision_rounds_as_ieee_says():
    # 11 significant bits: between 2048 and 4096 the even numbers; halves go to the even last bit
    found = stored(np.array([[2049.0, 2051.0, 0.1, 65519.0]], np.float32), "float16")
    assert dense(found).tolist() == [[2048.0, 2052.0, 0.0999755859375, 65504.0]]


def tensors_of(folder: Path) -> dict[str, Any]:
    return safetensors.numpy.load_file(folder / "model.safetensors")


@pytest.mark.parametrize("storage", STORAGES)
def test_a_folder_holds_what_its_config_says_and_answers_the_same(storage: Any, tmp_path: Path):
    classifier = small_classifier(cell="peephole-lstm", num_layers=2)
    expected = classifier.with_storage(storage)
    folder = classifier.save(tmp_path / "model", storage=storage)
    assert json.loads((folder / "config.json").read_bytes())["storage"] == storage
    dtypes = {name: str(array.dtype) for name, array in tensors_of(folder).items()}
    for name, shape in classifier.config.parameter_shapes().items():
        assert dtypes.pop(name) == (storage if len(shape) == 2 else "float32")
        if storage == "int8" and len(shape) == 2:
            assert dtypes.pop(f"{name}.scale") == "float32"
            assert tensors_of(folder)[f"{name}.scale"].shape == shape[:1]
    assert dtypes == {}
    again = load(folder)
    assert again.config == expected.config
    assert again.predict_proba(TEXTS).tolist() == expected.predict_proba(TEXTS).tolist()
    for name, weight in again.weights.items():
        assert weight.dtype == np.float32
        assert not weight.flags.writeable
        assert weight.tolist() == expected.weights[name].tolist()


@pytest.mark.parametrize("storage", STORAGES)
def test_a_model_saved_again_is_the_same_bytes(storage: Any, tmp_path: Path):
    first = small_classifier().save(tmp_path / "first" / "model", storage=storage)
    second = load(first).save(tmp_path / "second" / "model")
    for name in ("model.safetensors", "config.json", "tokenizer.json", "README.md"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_the_embedding_stays_mapped_and_is_not_made_dense(tmp_path: Path):
    classifier = load(small_classifier().save(tmp_path / "model", storage="int8"))
    embedding = classifier.tensors["embedding.weight"]
    assert isinstance(embedding, Int8Rows)
    assert classifier.forward.embedding is embedding
    assert not embedding.codes.flags.writeable
    assert not embedding.codes.flags.owndata


def test_probabilities_hardly_move():
    classifier = small_classifier()
    exact = classifier.predict_proba(TEXTS)
    for storage, bound in (("float16", 2e-3), ("int8", 0.05)):
        moved = np.abs(classifier.with_storage(storage).predict_proba(TEXTS) - exact).max()
        assert 0 < moved < bound


def test_a_folder_without_the_field_is_float32(tmp_path: Path):
    folder = small_classifier().save(tmp_path / "model")
    config = json.loads((folder / "config.json").read_bytes())
    del config["storage"]
    (folder / "config.json").write_text(json.dumps(config))
    assert load(folder).config.storage == "float32"
    assert load(folder).predict_proba(TEXTS).tolist() == small_classifier().predict_proba(TEXTS).tolist()


def test_numbers_too_large_for_a_storage_are_named(tmp_path: Path):
    classifier = small_classifier()
    weights = dict(classifier.weights)
    weights["hidden.weight"] = weights["hidden.weight"] * 1e6
    large = Classifier(classifier.config, classifier.tokenizer, weights)
    with pytest.raises(ModelError) as caught:
        large.save(tmp_path / "model", storage="float16")
    assert "hidden.weight: must be within ±6.55e+04 to be stored as float16; got" in str(caught.value)
    assert not (tmp_path / "model").exists()
    large.save(tmp_path / "model", storage="int8")
    weights["hidden.weight"] = np.full_like(weights["hidden.weight"], 128 * LARGEST_SCALE)
    with pytest.raises(ModelError, match=r"hidden.weight: must be within ±1.688e\+38 to be stored as int8"):
        Classifier(classifier.config, classifier.tokenizer, weights).with_storage("int8")


def test_there_are_three_storages():
    with pytest.raises(
        OptionError, match=r"storage: must be one of 'float32', 'float16', 'int8'; got 'int4'"
    ):
        small_classifier().with_storage("int4")  # pyright: ignore[reportArgumentType]
    with pytest.raises(
        OptionError, match=r"convert: storage must be one of .* got 'in8' \(did you mean 'int8'\?\)"
    ):
        converted(small_classifier(), "in8")


def test_a_converted_model_says_that_its_scores_are_the_originals():
    original = small_classifier()
    assert converted(original, "int8").config == original.config.replace(storage="int8")
    scored = Classifier(
        original.config.replace(metrics={"accuracy": 0.9}), original.tokenizer, original.weights
    )
    made = converted(scored, "int8")
    card = model_card(made.config)
    assert "from float32 to int8, after these scores were measured" in card
    assert "weights stored as int8 with a float32 scale for each row" in card
    assert made.config.metrics["accuracy"] == 0.9
    assert converted(scored, "float32").config == scored.config


def test_pickle_keeps_the_storage():
    classifier = small_classifier().with_storage("int8")
    again = pickle.loads(pickle.dumps(classifier))
    assert isinstance(again.tensors["recurrent.weight_hh_l0"], Int8Rows)
    assert again.predict_proba(TEXTS).tolist() == classifier.predict_proba(TEXTS).tolist()


def test_an_embedding_in_half_precision_may_be_given(tmp_path: Path):
    config: ModelConfig = small_classifier().config
    weights = random_weights(config)
    half = weights | {"embedding.weight": weights["embedding.weight"].astype(np.float16)}
    rounded = weights | {"embedding.weight": half["embedding.weight"].astype(np.float32)}
    one = Classifier(config, small_classifier().tokenizer, half)
    other = Classifier(config, small_classifier().tokenizer, rounded)
    assert one.predict_proba(TEXTS).tolist() == other.predict_proba(TEXTS).tolist()
    assert tensors_of(one.save(tmp_path / "model"))["embedding.weight"].dtype == np.float32
