"""ONNX graphs as layers: round trips to the bit, what other exporters write, and what is refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from peephole import cells, nn
from peephole.equations import Cell
from peephole.errors import ModelError
from peephole.export import from_onnx, onnx

package = pytest.importorskip("onnx", reason="needs the onnx package")

MAPPABLE = [
    cells.RNN("tanh"), cells.RNN("relu"), cells.LSTM(), cells.PeepholeLSTM(), cells.CoupledLSTM(),
    cells.GRU("after"), cells.GRU("before"),
]  # fmt: skip
OPTIONS = [
    dict(zip(("num_layers", "bidirectional", "bias"), values, strict=True))
    for values in itertools.product((1, 3), (False, True), (True, False))
]


def make(cell: Cell, **options: Any) -> nn.Recurrent:
    torch.manual_seed(0)
    return nn.Recurrent(cell, 5, 7, **options)


def change(**attributes: Any) -> Callable[[Any], None]:
    """Set attributes of the recurrent node of a model; None removes one."""

    def apply(model: Any) -> None:
        node = next(each for each in model.graph.node if each.op_type in ("LSTM", "GRU", "RNN"))
        kept = [each for each in node.attribute if each.name not in attributes]
        del node.attribute[:]
        node.attribute.extend(kept)
        for name, value in attributes.items():
            if value is not None:
                node.attribute.append(package.helper.make_attribute(name, value))

    return apply


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("cell", MAPPABLE, ids=repr)
def test_a_round_trip_keeps_every_bit(cell: Cell, options: dict[str, Any], dtype: torch.dtype) -> None:
    layer = make(cell, **options, dtype=dtype)
    first = onnx(layer)
    (again,) = from_onnx(first.SerializeToString()).values()
    assert again.cell == cell
    for name in ("num_layers", "bidirectional", "bias", "input_size", "hidden_size"):
        assert getattr(again, name) == getattr(layer, name)
    for name, tensor in layer.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=0, atol=0)
    second = onnx(again)
    assert {t.name: t.raw_data for t in first.graph.initializer} == {
        t.name: t.raw_data for t in second.graph.initializer
    }


def test_the_kinds_are_those_with_names() -> None:
    kinds = [type(layer) for cell in MAPPABLE for layer in from_onnx(onnx(make(cell))).values()]
    assert kinds == [nn.RNN, nn.RNN, nn.LSTM, nn.PeepholeLSTM, nn.Recurrent, nn.GRU, nn.GRU]


@pytest.mark.parametrize(("precision", "atol"), [("float16", 2e-4), ("int8", 2e-3)])
def test_smaller_weights_come_back_as_they_were_stored(precision: Any, atol: float) -> None:
    from peephole.classifier.storage import dense, stored

    layer = make(cells.LSTM(), bidirectional=True, num_layers=2)
    (again,) = from_onnx(onnx(layer, precision=precision)).values()
    for name, tensor in layer.state_dict().items():
        array = again.state_dict()[name].numpy()
        np.testing.assert_array_equal(array, dense(stored(tensor.numpy(), precision)))
        np.testing.assert_allclose(array, tensor.numpy(), rtol=0, atol=atol)


def test_two_layers_upon_one_are_not_a_stack() -> None:
    """A second node upon the same output begins a stack of its own; so does one upon something else."""
    model = onnx(make(cells.LSTM(), num_layers=2))
    upper = next(node for node in model.graph.node if node.name == "layer1.Y")
    twin = package.NodeProto()
    twin.CopyFrom(upper)
    twin.name = "twin"
    del twin.output[:]
    twin.output.extend(["twin.Y"])
    model.graph.node.append(twin)
    assert {name: layer.num_layers for name, layer in from_onnx(model).items()} == {"layer0.Y": 2, "twin": 1}
    upper.input[0] = "rows_of_nobody"
    assert {name: layer.num_layers for name, layer in from_onnx(model).items()} == {
        "layer0.Y": 2,
        "layer1.Y": 1,
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "options"), [("LSTM", {"bidirectional": True}), ("GRU", {"num_layers": 2})])
def test_what_torch_exports(kind: str, options: dict[str, Any]) -> None:
    pytest.importorskip("onnxscript", reason="torch.onnx.export needs it")
    layer, x = getattr(torch.nn, kind)(4, 60, **options), torch.randn(5, 3, 4)
    program = torch.onnx.export(layer, (x,), dynamo=True, verbose=False)
    y = x
    for each in from_onnx(program.model_proto).values():
        y, _ = each(y)
    torch.testing.assert_close(y, layer(x)[0], rtol=0, atol=1e-6)


def test_a_file_with_its_numbers_beside_it(tmp_path: Path) -> None:
    layer = make(cells.GRU(), bidirectional=True)
    package.save(
        onnx(layer),
        tmp_path / "layer.onnx",
        save_as_external_data=True,
        location="layer.data",
        size_threshold=0,
    )
    (again,) = from_onnx(tmp_path / "layer.onnx").values()
    torch.testing.assert_close(again.state_dict(), layer.state_dict(), rtol=0, atol=0)
    with pytest.raises(ModelError, match=r"must lie in the model itself; got the file 'layer\.data'"):
        from_onnx((tmp_path / "layer.onnx").read_bytes())


REFUSALS: list[tuple[Cell, Callable[[Any], None], str]] = [
    (cells.LSTM(), change(clip=3.0), "clip must be absent, since our cells cut nothing off; got clip=3.0"),
    (cells.LSTM(), change(layout=1), r"layout must be 0, since states are \[L·K, N, H\] here; got layout=1"),
    (
        cells.GRU(),
        change(direction="reverse"),
        "since a layer does not read from the end alone; got 'reverse'",
    ),
    (
        cells.LSTM(),
        change(activations=["HardSigmoid", "Tanh", "Tanh"]),
        "activations must be Sigmoid, Tanh, Tanh; got Hard",
    ),
    (
        cells.GRU(),
        change(activations=["Sigmoid", "Relu"]),
        "activations must be Sigmoid, Tanh; got Sigmoid, Relu",
    ),
    (cells.RNN(), change(activations=["Sigmoid"]), "activations must be Tanh or Relu; got Sigmoid"),
    (cells.RNN(), change(activation_alpha=[0.5]), "activation_alpha must be absent"),
    (cells.PeepholeLSTM(), change(input_forget=1), "input_forget must be 0 where there are peepholes"),
    (cells.LSTM(), change(hidden_size=8), "hidden_size must be the H of R, above 0; got 8, H 7, D 5"),
    (
        cells.LSTM(),
        change(output_sequence=1),
        "must have no attributes that ONNX has not; got output_sequence",
    ),
    (cells.LSTM(), change(direction="bidirectional"), r"must have W \[2, 28, 5\].* got W \[1, 28, 5\]"),
]


@pytest.mark.parametrize(("cell", "spoil", "words"), REFUSALS, ids=[words[:30] for _, _, words in REFUSALS])
def test_what_our_layers_cannot_say_is_refused(cell: Cell, spoil: Callable[[Any], None], words: str) -> None:
    model = onnx(make(cell))
    from_onnx(model)
    spoil(model)
    with pytest.raises(ModelError, match=words):
        from_onnx(model)


@pytest.mark.parametrize(
    "cell", [cells.PeepholeLSTM("full"), cells.PeepholeLSTM(output_peephole="previous")], ids=repr
)
def test_a_scan_is_no_cell_again(cell: Cell) -> None:
    with pytest.raises(
        ModelError, match=r"must hold LSTM, GRU or RNN nodes; got .*Scan.*\nhint: a Scan holds equations"
    ):
        from_onnx(onnx(make(cell)))


def test_weights_and_states_must_be_plain() -> None:
    model = onnx(make(cells.LSTM()), states=False)
    node = next(node for node in model.graph.node if node.op_type == "LSTM")
    node.input[1] = "input"
    with pytest.raises(ModelError, match="W must be constant numbers; got 'input', which the graph computes"):
        from_onnx(model)
    model = onnx(make(cells.RNN()), states=False)
    node = next(node for node in model.graph.node if node.op_type == "RNN")
    node.input.append("start")
    zeros = np.zeros((1, 2, 7), np.float32)
    model.graph.initializer.append(package.numpy_helper.from_array(zeros, "start"))
    from_onnx(model)
    model.graph.initializer[-1].CopyFrom(package.numpy_helper.from_array(zeros + 1, "start"))
    with pytest.raises(
        ModelError, match="initial_h must be zeros, or an input; got a constant of other numbers"
    ):
        from_onnx(model)


def test_operators_of_a_vendor_are_refused() -> None:
    model = onnx(make(cells.LSTM()))
    node = next(node for node in model.graph.node if node.op_type == "LSTM")
    node.op_type, node.domain = "DynamicQuantizeLSTM", "com.microsoft"
    with pytest.raises(
        ModelError, match=r"must be a standard operator; got com\.microsoft::DynamicQuantizeLSTM"
    ):
        from_onnx(model)
