"""`torch.compile(fullgraph=True)` and `torch.export`: one operator for each layer and direction, and a plain call's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.backends.common import aot_autograd
from torch._dynamo.testing import CompileCounter
from torch.export import Dim
from torch.func import functional_call, grad, vmap
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import peephole.nn as ours
from peephole import cells
from peephole.equations import Cell, Step, tanh
from peephole.errors import BackendUnavailable, LengthError
from peephole.ops.library import library
from peephole.ops.own_cell import can_compile
from support.cases import CELLS
from support.counting import kernel_calls
from support.tolerances import EXACT, FLOAT32

D, H, T, N = 3, 4, 5, 2
FORWARD, BACKWARD = "peephole.forward.default", "peephole.backward.default"

pytestmark = [
    pytest.mark.skipif(library().handle is None, reason=library().reason),
    # Torch's own, of its compiler and of its exporter.
    pytest.mark.filterwarnings("ignore:.torch.jit.*. is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec.. is deprecated:FutureWarning"),
]


class Graphs:
    """A backend of `torch.compile` that runs graphs as they are, and keeps the names of their operators."""

    def __init__(self) -> None:
        self.forward: list[str] = []
        self.backward: list[str] = []
        self.backend = aot_autograd(
            fw_compiler=self._look(self.forward), bw_compiler=self._look(self.backward)
        )

    @staticmethod
    def _look(names: list[str]) -> Any:
        def compiler(graph: Any, _example: Any) -> Any:
            names.extend(str(node.target) for node in graph.graph.nodes if node.op == "call_function")
            return boxed(graph)

        return compiler


def boxed(graph: Any) -> Any:
    def call(arguments: list[Any]) -> Any:
        return graph(*arguments)

    call._boxed_call = True
    return call


def leaves(result: tuple[Any, Any]) -> list[Tensor]:
    y, hidden = result
    states = hidden if isinstance(hidden, tuple) else (hidden,)
    return [y.data if isinstance(y, PackedSequence) else y, *states]


OPTIONS: list[dict[str, Any]] = [
    {},
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
    {"bias": False, "recurrent_dropout": 0.0},
]
CASES = [(cell, {}) for cell in CELLS] + [
    (cell, options) for cell in (cells.LSTM(), cells.GRU()) for options in OPTIONS[1:]
] + [(cells.PeepholeLSTM(), {"proj_size": 2})]  # fmt: skip


def make(cell: Cell, options: dict[str, Any]) -> tuple[Any, Tensor]:
    torch.compiler.reset()
    torch.manual_seed(0)
    layer = ours.Recurrent(cell, D, H, **options)
    x = torch.randn(N, T, D) if layer.batch_first else torch.randn(T, N, D)
    return layer, x


def gradients(outputs: list[Tensor], leaves: list[Tensor]) -> tuple[Tensor, ...]:
    total = sum((o * torch.arange(o.numel()).reshape(o.shape).sin()).sum() for o in outputs)
    return torch.autograd.grad(total, leaves)


@pytest.mark.parametrize("lengths", [None, torch.tensor([5, 2]), [3, 5]], ids=["dense", "lengths", "list"])
@pytest.mark.parametrize(("cell", "options"), CASES, ids=repr)
def test_one_operator_for_each_layer_and_direction(cell: Cell, options: dict[str, Any], lengths: Any) -> None:
    layer, x = make(cell, options)
    x.requires_grad_()
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    graphs = Graphs()
    compiled = torch.compile(layer, fullgraph=True, backend=graphs.backend)
    expected = leaves(layer(x, lengths=lengths))
    with kernel_calls() as calls:
        actual = leaves(compiled(x, lengths=lengths))
    assert calls.both == (count, 0)
    assert (graphs.forward.count(FORWARD), graphs.forward.count(BACKWARD)) == (count, 0)
    inputs = [x, *layer.parameters()]
    for a, b in zip(
        [*actual, *gradients(actual, inputs)], [*expected, *gradients(expected, inputs)], strict=True
    ):
        torch.testing.assert_close(a, b, **FLOAT32)
    assert (graphs.backward.count(FORWARD), graphs.backward.count(BACKWARD)) == (0, count)

    graphs.forward.clear()
    with torch.no_grad(), kernel_calls() as calls:
        actual = leaves(compiled(x, lengths=lengths))
    assert calls.both == (count, 0)
    assert graphs.forward.count(FORWARD) == count
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, **FLOAT32)


def test_batch_lengths_and_steps_may_change_without_another_graph() -> None:
    layer, _ = make(cells.PeepholeLSTM(), {"bidirectional": True})
    counter = CompileCounter()
    compiled = torch.compile(layer, fullgraph=True, dynamic=True, backend=counter)
    for steps, batch in ((7, 2), (9, 5), (8, 6)):
        x, lengths = torch.randn(steps, batch, D), torch.randint(0, steps + 1, (batch,))
        torch.testing.assert_close(compiled(x, lengths=lengths), layer(x, lengths=lengths), **FLOAT32)
    assert counter.frame_count == 1


def test_lengths_are_checked_when_the_graph_runs() -> None:
    layer, x = make(cells.GRU(), {})
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    compiled(x, lengths=torch.tensor([5, 2]))
    for lengths in ([5, 6], [-1, 2]):
        with (
            kernel_calls() as calls,
            pytest.raises(LengthError, match=r"lengths must be in \[0, T\] = \[0, 5\]"),
        ):
            compiled(x, lengths=torch.tensor(lengths))
        assert calls.both == (0, 0)


@pytest.mark.parametrize("with_states", [True, False])
@pytest.mark.parametrize("enforce_sorted", [True, False])
def test_packed_sequences(enforce_sorted: bool, with_states: bool) -> None:
    layer, x = make(cells.LSTM(), {"num_layers": 2, "bidirectional": True})
    packed = pack_padded_sequence(
        x, torch.tensor([5, 3] if enforce_sorted else [3, 5]), enforce_sorted=enforce_sorted
    )
    hx = (torch.randn(4, N, H), torch.randn(4, N, H)) if with_states else None
    graphs = Graphs()
    compiled = torch.compile(layer, fullgraph=True, backend=graphs.backend)
    actual, expected = leaves(compiled(packed, hx)), leaves(layer(packed, hx))
    assert graphs.forward.count(FORWARD) == 4
    parameters = list(layer.parameters())
    for a, b in zip(
        [*actual, *gradients(actual, parameters)], [*expected, *gradients(expected, parameters)], strict=True
    ):
        torch.testing.assert_close(a, b, **FLOAT32)


def test_dropout_inside_a_graph() -> None:
    layer, x = make(cells.GRU(), {"num_layers": 2, "dropout": 0.5, "recurrent_dropout": 0.5})
    graphs = Graphs()
    compiled = torch.compile(layer, fullgraph=True, backend=graphs.backend)
    torch.manual_seed(3)
    actual = leaves(compiled(x))
    torch.manual_seed(3)
    expected = leaves(layer(x))
    assert graphs.forward.count(FORWARD) == 2
    parameters = list(layer.parameters())
    for a, b in zip(
        [*actual, *gradients(actual, parameters)], [*expected, *gradients(expected, parameters)], strict=True
    ):
        torch.testing.assert_close(a, b, **FLOAT32)


@pytest.mark.slow
def test_a_graph_of_a_transform_is_unrolled() -> None:
    layer, x = make(cells.LSTM(), {})
    xs = torch.stack([x, -x])
    weights = dict(layer.named_parameters())

    def loss(x: Tensor, weights: dict[str, Tensor]) -> Tensor:
        return functional_call(layer, weights, (x,))[0].square().sum()

    for function in (
        lambda xs, w: vmap(loss, (0, None))(xs, w),
        lambda xs, w: vmap(grad(loss, (0, 1)), (0, None))(xs, w),
    ):
        with kernel_calls() as calls:
            actual = torch.compile(function, fullgraph=True, backend="aot_eager")(xs, weights)
        assert calls.both == (0, 0)
        torch.testing.assert_close(actual, function(xs, weights), **FLOAT32)


@pytest.mark.slow
def test_a_backend_asked_for_by_name_is_unrolled_or_refused() -> None:
    layer, x = make(cells.PeepholeLSTM(), {})
    layer.backend = "reference"
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    for lengths in (None, [5, 0]):
        with kernel_calls() as calls:
            torch.testing.assert_close(compiled(x, lengths=lengths), layer(x, lengths=lengths), **FLOAT32)
        assert calls.both == (0, 0)
    with pytest.raises(BackendUnavailable, match=r"lengths given as a tensor, inside torch\.compile"):
        torch.export.export(layer, (x,), {"lengths": torch.tensor([5, 2])})
    layer.backend = "torch"
    with pytest.raises(Exception, match="torch has no kernel for PeepholeLSTM"):
        torch.compile(layer, fullgraph=True, backend="aot_eager")(x)


@pytest.mark.skipif(can_compile() is not None, reason=str(can_compile()))
def test_a_cell_of_your_own() -> None:
    class Leaky(Cell):
        gates, states = ("a",), ("h",)

        def step(self, pre: Any, prev: Any) -> Step:
            return Step(h=0.625 * prev.h + 0.375 * tanh(pre.a))

    layer, x = make(Leaky(), {"bidirectional": True})
    expected = layer(x)
    graphs = Graphs()
    compiled = torch.compile(layer, fullgraph=True, backend=graphs.backend)
    torch.testing.assert_close(compiled(x), expected, **FLOAT32)
    assert graphs.forward.count(FORWARD) == 2


# Export.


@pytest.mark.parametrize("with_lengths", [False, True], ids=["dense", "lengths"])
@pytest.mark.parametrize(("cell", "options"), CASES, ids=repr)
def test_an_exported_program_runs_other_batches(
    cell: Cell, options: dict[str, Any], with_lengths: bool, tmp_path: Path
) -> None:
    layer, x = make(cell, options)
    steps, batch = Dim("steps"), Dim("batch")
    shapes: dict[str, Any] = {"input": {0: batch, 1: steps} if layer.batch_first else {0: steps, 1: batch}}
    keywords: dict[str, Any] = {}
    if with_lengths:
        shapes["lengths"], keywords["lengths"] = {0: batch}, torch.tensor([5, 2])
    program = torch.export.export(layer, (x,), keywords, dynamic_shapes=shapes)
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    assert [str(node.target) for node in program.graph.nodes].count(FORWARD) == count
    inference = program.run_decompositions()
    assert [str(node.target) for node in inference.graph.nodes].count(FORWARD) == count
    torch.export.save(program, tmp_path / "layer.pt2")
    loaded = torch.export.load(tmp_path / "layer.pt2").module()
    for t, n in ((8, 3), (1, 2), (6, 1)):
        x = torch.randn(n, t, D) if layer.batch_first else torch.randn(t, n, D)
        keywords = {"lengths": torch.randint(0, t + 1, (n,))} if with_lengths else {}
        with kernel_calls() as calls:
            actual = leaves(loaded(x, **keywords))
        assert calls.both == (count, 0)
        for a, b in zip(actual, leaves(layer(x, **keywords)), strict=True):
            torch.testing.assert_close(a, b, **EXACT)
    # It still learns: the operator brings its derivative.
    parameters = list(loaded.parameters())
    with kernel_calls() as calls:
        found = gradients(actual, parameters)
    assert calls.both == (0, count)
    for a, b in zip(found, gradients(leaves(layer(x, **keywords)), list(layer.parameters())), strict=True):
        torch.testing.assert_close(a, b, **FLOAT32)


def test_an_exported_program_is_small_however_long_its_sequences() -> None:
    layer, _ = make(cells.GRU("before"), {})
    sizes = [len(torch.export.export(layer, (torch.randn(steps, N, D),)).graph.nodes) for steps in (3, 300)]
    assert sizes[0] == sizes[1]


def test_on_the_way_to_onnx_a_layer_is_an_operator_of_onnx_or_unrolled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda: True)
    for cell, operators in ((cells.GRU(), 1), (cells.PeepholeLSTM("full"), 0)):
        layer, x = make(cell, {})
        program = torch.export.export(layer, (x,))
        names = [str(node.target) for node in program.graph.nodes]
        assert not any("peephole" in name for name in names)
        assert sum("onnx_symbolic" in name for name in names) == operators
        if not operators:
            torch.testing.assert_close(program.module()(x), layer(x), **FLOAT32)


@pytest.mark.slow
@pytest.mark.parametrize("lengths", [None, torch.tensor([5, 2])], ids=["dense", "lengths"])
@pytest.mark.parametrize("kind", ["LSTM", "PeepholeLSTM", "GRU"])
def test_compiled_to_machine_code(kind: str, lengths: Any) -> None:
    torch.compiler.reset()
    torch.manual_seed(0)
    layer = getattr(ours, kind)(D, H, 2, bidirectional=True, batch_first=True)
    compiled = torch.compile(layer, fullgraph=True)
    x = torch.randn(N, T, D)
    with kernel_calls() as calls:
        actual = leaves(compiled(x, lengths=lengths))
        expected = leaves(layer(x, lengths=lengths))
    assert calls.both == (8, 0)
    parameters = list(layer.parameters())
    for a, b in zip(
        [*actual, *gradients(actual, parameters)], [*expected, *gradients(expected, parameters)], strict=True
    ):
        torch.testing.assert_close(a, b, **FLOAT32)
