"""ONNX files that are damaged or hostile: each is refused, with the place, without reading what is not theirs."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peephole import nn
from peephole.errors import ModelError
from peephole.export import from_onnx, onnx

package = pytest.importorskip("onnx", reason="needs the onnx package")
helper, TensorProto = package.helper, package.TensorProto

Attack = Callable[[Any], object]


def weight(model: Any) -> Any:
    return next(each for each in model.graph.initializer if each.name == "layer0.W")


def outside(location: str, **numbers: Any) -> Attack:
    def attack(model: Any) -> None:
        tensor = weight(model)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **numbers}.items():
            tensor.external_data.add(key=key, value=str(value))

    return attack


def fields(**values: Any) -> Attack:
    def attack(model: Any) -> None:
        tensor = weight(model)
        for name, value in values.items():
            if name == "dims":
                del tensor.dims[:]
                tensor.dims.extend(value)
            else:
                setattr(tensor, name, value)

    return attack


def made_by(*nodes: Any) -> Attack:
    """Let the weight be made by nodes; the last gives it."""

    def attack(model: Any) -> None:
        weight(model).name = "old"
        for k, node in enumerate(nodes):
            model.graph.node.insert(k, node)

    return attack


def chain(count: int) -> list[Any]:
    names = ["old", *(f"link{k}" for k in range(count - 1)), "layer0.W"]
    return [helper.make_node("Identity", [a], [b]) for a, b in itertools.pairwise(names)]


def doubling(count: int) -> list[Any]:
    names = ["old", *(f"twice{k}" for k in range(count - 1)), "layer0.W"]
    return [helper.make_node("Concat", [a, a], [b], axis=0) for a, b in itertools.pairwise(names)]


SHAPE = "must have a shape of at most 2,147,483,647 bytes"
ATTACKS: dict[str, tuple[Attack, str]] = {
    "a secret file": (
        outside("../secret"),
        r"must lie in a file of the model's own folder; got '\.\./secret'",
    ),
    "an absolute path": (
        outside("/etc/passwd"),
        "must lie in a file of the model's own folder; got '/etc/passwd'",
    ),
    "a path of Windows": (outside("..\\secret"), "must lie in a file of the model's own folder"),
    "the folder itself": (outside("."), "must lie in a file of the model's own folder"),
    "no file": (outside("nothing.data"), "nothing.data: no such file"),
    "a link": (outside("link.data"), "link.data: must be a file; got a link"),
    "a pipe": (outside("pipe.data"), "pipe.data: must be a file; got a device or a pipe"),
    "beyond the end": (outside("small.data", offset=8), "must hold 240 bytes at 8; got a file of 10"),
    "an offset below zero": (outside("small.data", offset=-1), "offset must be a whole number; got '-1'"),
    "an offset without end": (
        outside("small.data", offset="9" * 5000),
        "offset must be a whole number; got '9999",
    ),
    "another length": (outside("small.data", length=10), "must hold 240 bytes; got a length of 10"),
    "huge": (fields(dims=[1 << 20, 1 << 20, 1 << 20]), SHAPE),
    "an axis below zero": (fields(dims=[-1, 12, 5]), SHAPE),
    "a thousand axes": (fields(dims=[1] * 1000), SHAPE),
    "too short": (fields(raw_data=b"abc"), "must hold 60 numbers of 4 bytes; got 3 bytes"),
    "too long": (fields(raw_data=b"a" * 999), "must hold 60 numbers of 4 bytes; got 999 bytes"),
    "another shape": (fields(dims=[1, 6, 10]), r"must have W \[1, 12, 10\].* got W \[1, 6, 10\]"),
    "text": (fields(data_type=TensorProto.STRING), "must be of FLOAT, .*; got STRING"),
    "no dtype at all": (fields(data_type=999), "must be of FLOAT, .*; got 999"),
    "whole numbers": (fields(data_type=TensorProto.INT32), "W must be constant numbers"),
    "no numbers": (fields(raw_data=np.full(60, np.nan, np.float32).tobytes()), "weights must be finite"),
    "a long chain": (made_by(*chain(5000)), "must be made in at most 100 operations"),
    "a circle": (
        made_by(
            helper.make_node("Identity", ["b"], ["layer0.W"]),
            helper.make_node("Identity", ["layer0.W"], ["b"]),
        ),
        "must be made in at most 100 operations",
    ),
    "a bomb": (made_by(*doubling(60)), r"constants must take at most [0-9,]+ bytes; got more"),
    "an operator that computes": (
        made_by(helper.make_node("Exp", ["old"], ["layer0.W"])),
        "which the graph computes",
    ),
    "a reshape to nothing": (
        made_by(helper.make_node("Reshape", ["old", "old"], ["layer0.W"])),
        "must have inputs that fit together",
    ),
    "a cast to text": (
        made_by(helper.make_node("Cast", ["old"], ["layer0.W"], to=8)),
        "must have inputs that fit together",
    ),
    "a node that is too short": (
        made_by(helper.make_node("Slice", ["old"], ["layer0.W"])),
        "must have inputs that fit",
    ),
    "an old operator set": (
        lambda model: setattr(model.opset_import[0], "version", 1),
        "must be 7 or newer; got 1",
    ),
    "no operator set": (
        lambda model: model.ClearField("opset_import"),
        "got none with a graph and an operator set",
    ),
    "no node": (
        lambda model: model.graph.ClearField("node"),
        "must hold LSTM, GRU or RNN nodes; got no node",
    ),
    "too many nodes": (
        lambda model: model.graph.node.extend([package.NodeProto(op_type="Relu")] * 100_001),
        "must have at most 100,000 nodes",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(b"x" * 1000)
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link.data").symlink_to(tmp_path / "secret")
    (inner / "small.data").write_bytes(b"x" * 10)
    if hasattr(os, "mkfifo"):
        os.mkfifo(inner / "pipe.data")
    return inner


@pytest.mark.parametrize("name", ATTACKS)
def test_a_hostile_model_is_refused(name: str, folder: Path) -> None:
    attack, words = ATTACKS[name]
    model = onnx(nn.LSTM(5, 3))
    attack(model)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    start = time.monotonic()
    with pytest.raises(ModelError, match=words):
        from_onnx(path)
    assert time.monotonic() - start < 60  # a bomb would take hours


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "got none with a graph"),
        (b"not a model at all", "must be an ONNX model"),
        (b"\x0a" * 5000, "must be an ONNX model"),
        (b"\x3a\x02\x0a\x00" * 3, "must be an ONNX model"),
    ],
)
def test_what_is_no_model_is_refused(data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(data)
    with pytest.raises(ModelError, match=words):
        from_onnx(tmp_path / "x.onnx")


def test_every_shorter_file_is_refused_or_read(tmp_path: Path) -> None:
    data = onnx(nn.GRU(2, 2)).SerializeToString()
    for end in range(0, len(data) - 1, 7):
        with pytest.raises(ModelError):
            from_onnx(data[:end])


def test_a_path_must_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="must be a file; got a folder"):
        from_onnx(tmp_path)
    with pytest.raises(ModelError, match="no such file"):
        from_onnx(tmp_path / "nothing.onnx")
