"""`torch.onnx.export(…, dynamo=True)` on modules with our layers: ONNX's operators, free sizes, the layer's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from peephole import cells, nn
from peephole.equations import Cell
from support.onnx_runs import operators, session
from support.tolerances import FLOAT32

package = pytest.importorskip("onnx", reason="needs the onnx package")
pytest.importorskip("onnxscript", reason="torch.onnx.export needs it")
pytest.importorskip("onnxruntime", reason="needs ONNX Runtime")
pytestmark = pytest.mark.filterwarnings("ignore")

CASES = [
    (cells.RNN("relu"), "RNN"), (cells.LSTM(), "LSTM"), (cells.PeepholeLSTM(), "LSTM"), (cells.CoupledLSTM(), "LSTM"),
    (cells.GRU("after"), "GRU"), (cells.GRU("before"), "GRU"),
]  # fmt: skip


class Tagger(torch.nn.Module):
    def __init__(self, layer: nn.Recurrent) -> None:
        super().__init__()
        self.layer = layer
        self.output = torch.nn.Linear(layer.hidden_size * (2 if layer.bidirectional else 1), 3)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        y, final = self.layer(x, lengths=lengths)
        return self.output(y), final


def export(module: torch.nn.Module, *args: Tensor, shapes: Any = None) -> Any:
    program = torch.onnx.export(module, args, dynamo=True, verbose=False, dynamic_shapes=shapes)
    package.checker.check_model(program.model_proto, full_check=True)
    return program.model_proto


def check(module: torch.nn.Module, model: Any, *args: Tensor) -> None:
    run = session(model)
    found = run.run(None, {each.name: arg.numpy() for each, arg in zip(run.get_inputs(), args, strict=True)})
    with torch.no_grad():
        y, final = module(*args)
    expected = [y, *(final if isinstance(final, tuple) else (final,))]
    for actual, value in zip(found, expected, strict=True):
        np.testing.assert_allclose(actual, value.numpy(), **FLOAT32)


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "operator"), CASES, ids=str)
def test_one_operator_for_each_layer_and_direction(cell: Cell, operator: str) -> None:
    torch.manual_seed(0)
    module = Tagger(nn.Recurrent(cell, 4, 6, num_layers=2, bidirectional=True, batch_first=True)).eval()
    shapes = ({0: "batch", 1: "steps"}, {0: "batch"})
    model = export(module, torch.randn(5, 7, 4), torch.tensor([7, 2, 0, 1, 3]), shapes=shapes)
    assert operators(model) == [operator] * 4
    for steps, lengths in ((9, [0, 9, 4]), (1, [1, 0]), (3, [3])):
        check(module, model, torch.randn(len(lengths), steps, 4), torch.tensor(lengths))


def test_without_lengths_and_without_biases() -> None:
    torch.manual_seed(0)
    module = Tagger(nn.LSTM(4, 6, bias=False)).eval()
    model = export(module, torch.randn(7, 5, 4), shapes=({0: "steps", 1: "batch"},))
    assert operators(model) == ["LSTM"]
    check(module, model, torch.randn(2, 3, 4))


@pytest.mark.slow
def test_what_onnx_has_no_operator_for_is_unrolled() -> None:
    torch.manual_seed(0)
    module = Tagger(nn.PeepholeLSTM(4, 6, peephole="full")).eval()
    x = torch.randn(3, 2, 4)
    model = export(module, x)
    assert operators(model) == []
    check(module, model, x)


@pytest.mark.slow
def test_lengths_as_a_tensor_need_an_operator() -> None:
    module = Tagger(nn.PeepholeLSTM(4, 6, output_peephole="previous")).eval()
    with pytest.raises(
        Exception, match="need an operator in an ONNX graph; ONNX's LSTM lets the output gate see the new"
    ):
        export(module, torch.randn(3, 2, 4), torch.tensor([3, 1]))


@pytest.mark.slow
def test_a_backend_asked_for_by_name_is_unrolled() -> None:
    torch.manual_seed(0)
    module = Tagger(nn.LSTM(4, 6, backend="reference")).eval()
    x = torch.randn(3, 2, 4)
    model = export(module, x)
    assert operators(model) == []
    check(module, model, x)
