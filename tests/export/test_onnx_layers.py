"""Layers as ONNX graphs, run in ONNX Runtime against the layers: every cell, every option, lengths of zero, initial states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from peephole import cells, nn
from peephole.equations import Cell, Matrix, Step, Vector, exp, log1p, maximum, minimum, relu, sigmoid, tanh
from peephole.errors import ModelError, OptionError
from peephole.export import onnx
from peephole.export.onnx_cells import reason_against
from support.onnx_runs import batch_for, expected_of, feed_of, operators, session
from support.tolerances import FLOAT32, FLOAT64

pytest.importorskip("onnx", reason="needs the onnx package")
pytest.importorskip("onnxruntime", reason="needs ONNX Runtime")

D, H = 5, 7
SAID = {
    cells.RNN("tanh"): "RNN", cells.RNN("relu"): "RNN", cells.LSTM(): "LSTM", cells.PeepholeLSTM(): "LSTM",
    cells.CoupledLSTM(): "LSTM", cells.GRU("after"): "GRU", cells.GRU("before"): "GRU",
}  # fmt: skip
UNSAID = [
    cells.PeepholeLSTM(output_peephole="previous"),
    cells.PeepholeLSTM("full"),
    cells.PeepholeLSTM("full", "previous"),
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"num_layers": 3},
    {"bidirectional": True, "bias": False},
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
]
# (steps, lengths): mixed with zero, nothing but zero, one step, all of them.
BATCHES = [(6, [6, 0, 3, 1]), (4, [0, 0]), (1, [1]), (5, [5, 5, 5])]


class Everything(Cell):
    """Every operation of the language, two phases, a state that is another's, and parameters of both kinds."""

    gates, states = ("f", "n", "u"), ("h", "m", "old", "same")

    @property
    def parameters(self) -> dict[str, Any]:
        return {"weight_v": Vector(("a",)), "weight_m": Matrix(("c",))}

    def step(self, pre: Any, prev: Any, own: Any) -> Step:
        f = sigmoid(pre.f + own.weight_v.a * prev.m)
        n = tanh(pre.x.n + pre.recurrent(f * prev.h).n)
        m = log1p(exp(minimum(n, 0.5))) - maximum(-prev.m, 0.1) * 0.5 + own.weight_m.c @ relu(pre.u)
        h = (1 - f) * prev.h + f * n / (1 + abs(m))
        return Step(h=h, m=m * 0.5, old=prev.h, same=prev.same, f=f, n=n)


class Blind(Cell):
    """A cell that looks at no input."""

    gates, states = ("a",), ("h",)

    def step(self, pre: Any, prev: Any) -> Step:
        return Step(h=tanh(pre.h.a))


def make(cell: Cell, seed: int = 0, **options: Any) -> nn.Recurrent:
    torch.manual_seed(seed)
    return nn.Recurrent(cell, D, H, **options)


def check(layer: nn.Recurrent, model: Any, tolerance: Any, batches: Any = BATCHES) -> None:
    run = session(model)
    for steps, lengths in batches:
        x, states = batch_for(layer, lengths, steps)
        found = run.run(None, feed_of(layer, x, states, lengths))
        for actual, expected in zip(found, expected_of(layer, x, states, lengths), strict=True):
            assert actual.shape == expected.shape
            np.testing.assert_allclose(actual, expected, **tolerance)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("cell", SAID, ids=repr)
def test_an_operator_of_onnx_gives_what_the_layer_gives(cell: Cell, options: dict[str, Any]) -> None:
    layer = make(cell, **options)
    model = onnx(layer)
    assert operators(model) == [SAID[cell]] * layer.num_layers
    check(layer, model, FLOAT32)


def test_operators_of_onnx_runtime_take_no_steps_at_all() -> None:
    check(
        make(cells.LSTM(), bidirectional=True),
        onnx(make(cells.LSTM(), bidirectional=True)),
        FLOAT32,
        [(0, [0, 0])],
    )


@pytest.mark.parametrize("options", [OPTIONS[2], OPTIONS[3]], ids=str)
@pytest.mark.parametrize("cell", [*SAID, *UNSAID, Everything(), Blind()], ids=repr)
def test_a_scan_gives_what_the_layer_gives_in_float64(cell: Cell, options: dict[str, Any]) -> None:
    layer = make(cell, **options, dtype=torch.float64, backend="reference")
    model = onnx(layer, as_scan=True)
    assert set(operators(model)) == {"Scan"}
    check(layer, model, FLOAT64)


@pytest.mark.parametrize("cell", [*UNSAID, Everything()], ids=repr)
def test_what_onnx_has_no_operator_for_becomes_a_scan(cell: Cell) -> None:
    layer = make(cell, bidirectional=True, backend="reference")
    model = onnx(layer)
    assert operators(model) == ["Scan", "Scan"]
    check(layer, model, FLOAT32)


@pytest.mark.parametrize("cell", [cells.LSTM(), cells.GRU("before"), cells.PeepholeLSTM("full")], ids=repr)
def test_a_projection_becomes_a_scan(cell: Cell) -> None:
    if not cell.projectable:
        pytest.skip("h enters otherwise than through products")
    layer = make(cell, num_layers=2, bidirectional=True, proj_size=3)
    model = onnx(layer)
    assert operators(model) == ["Scan"] * 4
    check(layer, model, FLOAT32)


def test_each_reason_is_given() -> None:
    assert reason_against(cells.LSTM()) is None
    assert reason_against(cells.LSTM(), has_projection=True) == "ONNX's LSTM has no projection"
    for cell, words in zip(
        UNSAID, ("output gate", "one number for each unit", "one number for each unit"), strict=True
    ):
        assert words in str(reason_against(cell))
    assert "no operator with the equations of Blind()" in str(reason_against(Blind()))


@pytest.mark.parametrize("as_scan", [False, True], ids=["operator", "scan"])
def test_lengths_and_states_can_be_left_out(as_scan: bool) -> None:
    layer = make(cells.PeepholeLSTM(), num_layers=2, bidirectional=True)
    run = session(onnx(layer, lengths=False, states=False, as_scan=as_scan))
    assert [each.name for each in run.get_inputs()] == ["input"]
    x, _ = batch_for(layer, [0, 0, 0], 6)
    for actual, expected in zip(
        run.run(None, {"input": x.numpy()}), expected_of(layer, x, None, None), strict=True
    ):
        np.testing.assert_allclose(actual, expected, **FLOAT32)


def test_steps_past_the_end_are_never_looked_at() -> None:
    layer = make(cells.GRU("before"), bidirectional=True)
    x, states = batch_for(layer, [2, 0], 4)
    expected = expected_of(layer, x, states, [2, 0])
    for as_scan in (False, True):
        spoilt = x.clone()
        spoilt[2:, 0], spoilt[:, 1] = 1e30, 1e30
        found = session(onnx(layer, as_scan=as_scan)).run(None, feed_of(layer, spoilt, states, [2, 0]))
        for actual, value in zip(found, expected, strict=True):
            np.testing.assert_allclose(actual, value, **FLOAT32)


@pytest.mark.parametrize("precision", ["float16", "int8"])
@pytest.mark.parametrize("cell", [cells.LSTM(), cells.PeepholeLSTM("full"), cells.CoupledLSTM()], ids=repr)
def test_smaller_weights_are_those_of_a_model_folder(cell: Cell, precision: Any) -> None:
    """The graph computes with the very numbers that a folder in that storage gives back."""
    from peephole.classifier.storage import dense, stored

    layer = make(cell, num_layers=2, bidirectional=True)
    model, whole = onnx(layer, precision=precision), onnx(layer)
    with torch.no_grad():
        for tensor in layer.parameters():
            tensor.copy_(torch.from_numpy(dense(stored(tensor.numpy().copy(), precision)).copy()))
    check(layer, model, FLOAT32)
    assert model.ByteSize() < whole.ByteSize()


def test_weights_under_a_parametrisation_are_read_as_they_are() -> None:
    layer = make(cells.LSTM())
    torch.nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    with torch.no_grad():
        layer.parametrizations.weight_hh_l0.original0.mul_(3)
    check(layer, onnx(layer), FLOAT32)


def test_the_same_layer_gives_the_same_bytes() -> None:
    first, second = (
        onnx(make(cells.GRU(), bidirectional=True)).SerializeToString(deterministic=True) for _ in "ab"
    )
    assert first == second


def test_a_state_that_is_a_parameter_has_a_row_for_each_sequence() -> None:
    class Constant(Cell):
        gates, states = ("a",), ("h", "p")

        @property
        def parameters(self) -> dict[str, Any]:
            return {"weight_p": Vector(("p",))}

        def step(self, pre: Any, prev: Any, own: Any) -> Step:
            return Step(h=tanh(pre.a), p=own.weight_p.p)

    layer = make(Constant())
    x, states = batch_for(layer, [2, 0], 3)
    p = session(onnx(layer)).run(None, feed_of(layer, x, states, [2, 0]))[2][0]
    np.testing.assert_array_equal(p, [layer.weight_p_l0[0].detach().numpy(), states[1][0, 1].numpy()])
    dense = session(onnx(layer, lengths=False)).run(
        None, {"input": x.numpy(), "h_0": states[0].numpy(), "p_0": states[1].numpy()}
    )
    np.testing.assert_array_equal(dense[2][0], layer.weight_p_l0.detach().numpy().repeat(2, 0))


def test_log1p_keeps_its_digits() -> None:
    class Log(Cell):
        gates, states = ("a",), ("h",)

        def step(self, pre: Any, prev: Any) -> Step:
            return Step(h=log1p(pre.x.a))

    layer = nn.Recurrent(Log(), 1, 1, bias=False, backend="reference")
    with torch.no_grad():
        layer.weight_ih_l0.fill_(1.0)
    values = np.array(
        [1e-30, -1e-30, 1e-8, -3e-8, 6e-8, 1e-4, -0.9999, -1.0, 1.0, 1e30, np.inf, np.nan, -2.0, 0.0],
        np.float32,
    )
    run = session(onnx(layer, lengths=False, states=False))
    found = run.run(None, {"input": values[:, None, None]})[0][:, 0, 0]
    with np.errstate(all="ignore"):
        expected = np.log1p(values.astype(np.float64)).astype(np.float32)
    np.testing.assert_allclose(found, expected, rtol=3e-7, atol=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"precision": "int4"}, "precision must be one of 'float32', 'float16', 'int8'; got 'int4'"),
        (
            {"precision": "int8", "double": True},
            "precision must be 'float32' for a layer of float64; got 'int8'",
        ),
    ],
)
def test_options_are_checked(options: dict[str, Any], words: str) -> None:
    layer = make(cells.LSTM(), dtype=torch.float64 if options.pop("double", False) else None)
    with pytest.raises(OptionError, match=words):
        onnx(layer, **options)


def test_the_gate_that_a_coupled_lstm_has_not_is_zeros() -> None:
    from onnx import numpy_helper

    tensors = {
        each.name: numpy_helper.to_array(each) for each in onnx(make(cells.CoupledLSTM())).graph.initializer
    }
    for name, axes in (("layer0.W", (1, 4, H, D)), ("layer0.R", (1, 4, H, H)), ("layer0.B", (1, 2, 4, H))):
        blocks = tensors[name].reshape(axes)
        f = blocks[:, :, 2] if name == "layer0.B" else blocks[:, 2]  # i o f c
        assert not f.any()
        assert np.count_nonzero(blocks) == blocks.size * 3 // 4


def test_other_modules_are_refused() -> None:
    with pytest.raises(OptionError, match=r"must be a layer of peephole\.nn or a Classifier; got LSTM"):
        onnx(torch.nn.LSTM(2, 3))  # pyright: ignore[reportArgumentType]


def test_weights_that_float16_cannot_hold_are_refused() -> None:
    layer = make(cells.LSTM())
    with torch.no_grad():
        layer.weight_hh_l0[0, 0] = 1e5
    with pytest.raises(ModelError, match=r"in float16 must be at most 65,504"):
        onnx(layer, precision="float16")
