"""Model folders in int8 and float16 that are damaged, or that lie about it: each is refused, with the file and the field."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peephole.classifier import load
from peephole.errors import ModelError
from support.attacks import (
    Attack,
    config_with,
    header_of,
    memory_of_refusing,
    needs_proc,
    with_header,
    with_tensors,
)
from support.small_models import small_classifier

FILE = "model.safetensors"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_classifier().save(tmp_path_factory.mktemp("models") / "model", storage="int8")


@pytest.fixture
def model(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "model"))


def scale_of(value: float, place: int = 0) -> Attack:
    def change(tensors: dict[str, Any]) -> None:
        tensors["hidden.weight.scale"] = tensors["hidden.weight.scale"].copy()
        tensors["hidden.weight.scale"][place] = value

    return with_tensors(change)


def tensor_as(name: str, make: Callable[[Any], Any]) -> Attack:
    return with_tensors(lambda tensors: tensors.update({name: make(tensors[name])}))


def claim(name: str, **fields: Any) -> Attack:
    return with_header(lambda header: header[name].update(fields))


def swap_codes_and_scale(header: dict[str, Any]) -> None:
    one, other = "hidden.weight", "hidden.weight.scale"
    header[one]["data_offsets"], header[other]["data_offsets"] = (
        header[other]["data_offsets"],
        header[one]["data_offsets"],
    )


def cut_scales(model: Path) -> None:
    path = model / FILE
    os.truncate(path, path.stat().st_size - 3)


BAD_SCALE = (
    f"{FILE}, hidden.weight.scale: must be above 0 and at most 1.329e+36; got 1 of 4 numbers that are not"
)
I8 = "must be of dtype 'I8', since config.json says storage 'int8'; got"
ATTACKS: dict[str, tuple[Attack, list[str]]] = {
    "a scale missing": (
        with_tensors(lambda tensors: tensors.pop("hidden.weight.scale")),
        [f"{FILE}: has no tensor 'hidden.weight.scale'"],
    ),
    "codes missing": (
        with_tensors(lambda tensors: tensors.pop("embedding.weight")),
        [f"{FILE}: has no tensor 'embedding.weight'"],
    ),
    "a scale for a bias": (
        with_tensors(lambda tensors: tensors.update({"hidden.bias.scale": np.ones(4, np.float32)})),
        [f"{FILE}: has a tensor that config.json does not name, 'hidden.bias.scale'"],
    ),
    "a scale below zero": (scale_of(-0.5), [BAD_SCALE]),
    "a scale of zero": (scale_of(0.0, 3), [BAD_SCALE]),
    "a scale that is NaN": (scale_of(np.nan), [BAD_SCALE]),
    "an infinite scale": (scale_of(np.inf), [BAD_SCALE]),
    "a scale whose products are infinite": (scale_of(3e38), [BAD_SCALE]),
    "too few scales": (
        tensor_as("hidden.weight.scale", lambda scale: scale[:3].copy()),
        [f"{FILE}, hidden.weight.scale: must be [4] by config.json; got [3]"],
    ),
    "a scale for each number": (
        tensor_as("hidden.weight.scale", lambda scale: np.ones((4, 20), np.float32)),
        [f"{FILE}, hidden.weight.scale: must be [4] by config.json; got [4, 20]"],
    ),
    "one scale for all": (
        tensor_as("hidden.weight.scale", lambda scale: np.ones((), np.float32)),
        [f"{FILE}, hidden.weight.scale: must be [4] by config.json; got []"],
    ),
    "scales in half precision": (
        tensor_as("hidden.weight.scale", lambda scale: scale.astype(np.float16)),
        [f"{FILE}, hidden.weight.scale: must be of dtype 'F32', since config.json says storage 'int8'; got 'F16'"],
    ),
    "scales in double precision": (
        tensor_as("hidden.weight.scale", lambda scale: scale.astype(np.float64)),
        [f"{FILE}, hidden.weight.scale: must be of dtype 'F32'", "got 'F64'"],
    ),
    "codes in float32": (
        tensor_as("hidden.weight", lambda codes: codes.astype(np.float32)),
        [f"{FILE}, hidden.weight: {I8} 'F32'"],
    ),
    "codes without a sign": (
        tensor_as("hidden.weight", lambda codes: codes.view(np.uint8)),
        [f"{FILE}, hidden.weight: {I8} 'U8'"],
    ),
    "a bias in int8": (
        tensor_as("hidden.bias", lambda bias: bias.astype(np.int8)),
        [f"{FILE}, hidden.bias: must be of dtype 'F32', since config.json says storage 'int8'; got 'I8'"],
    ),
    "bytes that are called float32": (
        claim("hidden.weight", dtype="F32", shape=[4, 5]),
        [f"{FILE}, hidden.weight: {I8} 'F32'"],
    ),
    "float32 that is called bytes": (
        claim("hidden.bias", dtype="I8", shape=[16]),
        [f"{FILE}, hidden.bias: must be of dtype 'F32'", "got 'I8'"],
    ),
    "codes turned": (
        tensor_as("hidden.weight", lambda codes: np.ascontiguousarray(codes.T)),
        [f"{FILE}, hidden.weight: must be [4, 20] by config.json; got [20, 4]"],
    ),
    "codes where the scales lie": (
        with_header(swap_codes_and_scale),
        [f"{FILE}, hidden.weight: must lie right after the tensor before it, at byte "],
    ),
    "cut off in the codes": (cut_scales, [f"{FILE}: must hold ", "hint: the file is cut off"]),
    "a config that says float32": (
        config_with(storage="float32"),
        [
            f"{FILE}: has a tensor that config.json does not name, 'embedding.weight.scale'",
            f"{FILE}, embedding.weight: must be of dtype 'F32', since config.json says storage 'float32'; got 'I8'",
        ],
    ),
    "a config that says float16": (
        config_with(storage="float16"),
        [f"{FILE}, embedding.weight: must be of dtype 'F16', since config.json says storage 'float16'; got 'I8'"],
    ),
    "a config that says nothing": (
        config_with(storage=None),
        [f"{FILE}, hidden.weight: must be of dtype 'F32', since config.json says storage 'float32'; got 'I8'"],
    ),
    "an unknown storage": (
        config_with(storage="int4"),
        ["config.json, storage: must be one of 'float32', 'float16', 'int8'; got 'int4'"],
    ),
    "a storage of another type": (config_with(storage=["int8"]), ["config.json, storage: must be one of", "got ["]),
    "a scale for 10⁹ rows": (
        claim("embedding.weight.scale", shape=[10**9]),
        [f"{FILE}, embedding.weight.scale: must be [", "by config.json; got [1000000000]"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_with_file_and_field(model: Path, name: str):
    attack, parts = ATTACKS[name]
    attack(model)
    with pytest.raises(ModelError) as caught:
        load(model)
    text = str(caught.value)
    assert text.startswith(str(model))
    assert len(text) < 4000
    for part in parts:
        assert part in text


def test_the_sound_model_loads(model: Path):
    assert load(model).config.storage == "int8"


def test_infinite_half_precision_is_refused(tmp_path: Path):
    model = small_classifier().save(tmp_path / "model", storage="float16")
    assert load(model).config.storage == "float16"

    def change(tensors: dict[str, Any]) -> None:
        tensors["embedding.weight"] = tensors["embedding.weight"].copy()
        tensors["embedding.weight"][1, :2] = np.inf, np.nan

    with_tensors(change)(model)
    with pytest.raises(ModelError, match=r"embedding.weight: must be finite; got 2 of [\d,]+ numbers"):
        load(model)


def test_any_byte_is_a_code(model: Path):
    """−128 is never written, but no number that is read can go wrong by it."""
    header, numbers = header_of(model)
    begin, end = header["hidden.weight"]["data_offsets"]
    changed = numbers[:begin] + b"\x80" * (end - begin) + numbers[end:]
    text = json.dumps(header).encode()
    (model / FILE).write_bytes(len(text).to_bytes(8, "little") + text + changed)
    weights = load(model).weights["hidden.weight"]
    assert np.isfinite(weights).all()
    assert (weights < 0).all()


@needs_proc
def test_refusing_takes_less_than_100_mb(sound: Path, tmp_path: Path):
    for number, (attack, _) in enumerate(ATTACKS.values()):
        attack(Path(shutil.copytree(sound, tmp_path / str(number) / "model")))
    assert memory_of_refusing(sound, tmp_path) < 100


def sized(vocabulary: int, dimension: int, last: float) -> Attack:
    """Weights of the largest size, all zeros but the last: a sparse file that takes no space, with a sound header."""

    def attack(model: Path) -> None:
        config_with(stages={0: {"vocabulary": vocabulary, "dimension": dimension}}, storage="float32")(model)
        shapes = small_classifier(embedding=dimension).config.parameter_shapes()
        shapes["embedding.weight"] = (vocabulary, dimension)
        header: dict[str, Any] = {}
        at = 0
        for name, shape in shapes.items():
            size = 4 * int(np.prod(shape))
            header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
            at += size
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        path = model / FILE
        path.write_bytes(len(text).to_bytes(8, "little") + text)
        os.truncate(path, 8 + len(text) + at)
        with path.open("r+b") as file:
            file.seek(8 + len(text) + at - 4)
            file.write(np.float32(last).tobytes())

    return attack


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("last", [np.nan, 0.0], ids=["NaN in the last number", "another tokenizer"])
def test_a_gigabyte_of_weights_is_refused_in_100_mb(sound: Path, tmp_path: Path, last: float):
    sized(100_000, 2_500, last)(Path(shutil.copytree(sound, tmp_path / "large" / "model")))
    assert memory_of_refusing(sound, tmp_path) < 100
