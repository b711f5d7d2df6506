"""The two operators of torch: what `opcheck` asks of them, what they compute, and what they refuse."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.library import opcheck

from peephole import cells
from peephole.equations import Cell, Step, tanh
from peephole.errors import BackendUnavailable, LengthError, OptionError, ShapeError
from peephole.ops import run, run_padded
from peephole.ops.cell_names import cell_of, join, name_of, split
from peephole.ops.graph import compute_in_graph as _compute_in_graph  # registers the operators
from peephole.ops.library import library
from support.cases import CELLS, case
from support.counting import kernel_calls
from support.tolerances import FLOAT64

assert _compute_in_graph
pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)


def operands(
    cell: Cell, form: str = "packed", *, save: tuple[str, ...] = (), clamp: tuple[str, ...] = (), mask: bool = False,
    reverse: bool = False, want_state: bool = True, **options: Any,
) -> list[Any]:  # fmt: skip
    """Arguments of the operator: lengths 3, 1, 2 of T = 3, D = 2, H = 3, as packed rows, padded with lengths, or dense."""
    lengths = {"packed": [3, 2, 1], "padded": [3, 1, 2], "dense": [3, 3, 3]}[form]
    rows, sizes, weights, state = case(cell, lengths, 2, 3, **options)
    numbers: Tensor | None = torch.from_numpy(sizes.copy())
    x = rows
    if form != "packed":
        x = torch.randn(
            3, 3, 2, generator=torch.Generator().manual_seed(1), dtype=rows.dtype
        ).requires_grad_()
        numbers = torch.tensor(lengths) if form == "padded" else None
    held = [torch.full((*x.shape[:-1], 3), 0.25 * (k + 1), dtype=rows.dtype) for k in range(len(clamp))]
    recurrent = torch.tensor([[0.0, 2, 2], [2, 0, 2], [2, 2, 2]], dtype=rows.dtype) if mask else None
    if recurrent is not None and options.get("projection"):
        recurrent = recurrent[:, : options["projection"]].contiguous()
    return [
        x, numbers, list(weights.values()), list(state.values()), held, recurrent, name_of(cell), join(clamp),
        join(save), reverse, want_state,
    ]  # fmt: skip


forward, backward = torch.ops.peephole.forward, torch.ops.peephole.backward


@pytest.mark.parametrize("form", ["packed", "padded", "dense"])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_forward_passes_torchs_own_check(cell: Cell, form: str) -> None:
    opcheck(forward.default, operands(cell, form, reverse=form == "padded"))


@pytest.mark.parametrize("form", ["packed", "padded", "dense"])
def test_every_option_passes_torchs_own_check(form: str) -> None:
    cell = cells.PeepholeLSTM()
    for options in (
        {"save": ("h", "c", "i"), "clamp": ("f", "g"), "mask": True},
        {"projection": 2, "save": ("h", "o"), "mask": True, "reverse": True},
        {"bias": False, "want_state": False},
        {"dtype": torch.float32},
    ):
        opcheck(forward.default, operands(cell, form, **options))


@pytest.mark.parametrize("form", ["packed", "padded", "dense"])
@pytest.mark.parametrize("cell", [cells.GRU(), cells.PeepholeLSTM("full")], ids=repr)
def test_backward_passes_torchs_own_check(cell: Cell, form: str) -> None:
    given = [
        _detach(each) for each in operands(cell, form, save=("h", *cell.values[1:2]), clamp=cell.values[2:3])
    ]
    rows, *rest = forward(*given, True)
    states, rest = rest[: len(cell.states)], rest[len(cell.states) :]
    grads = [torch.ones_like(rows), None, *(torch.ones_like(s) for s in states[1:])]
    values, kept = rest[:-1], rest[-1:]
    grads += [torch.ones_like(v) for v in values]
    wanted = [True] * (1 + len(given[2]) + len(given[3]) + len(given[4]))
    # What is kept has room for rows that a ragged batch does not fill: not compared, but not read either.
    utils = ("test_schema", "test_faketensor", "test_aot_dispatch_dynamic")
    opcheck(backward.default, (*given, [rows, *values, *kept], grads, wanted), test_utils=utils)


def _detach(each: Any) -> Any:
    if isinstance(each, list):
        return [_detach(one) for one in each]
    return each.detach() if isinstance(each, Tensor) else each


@pytest.mark.parametrize("form", ["packed", "padded", "dense"])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_it_computes_and_differentiates_as_run(cell: Cell, form: str) -> None:
    x, numbers, weights, state, _, mask, _, _, saved_names, *_ = given = operands(
        cell, form, save=cell.values, mask=True
    )
    names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", *cell.parameters]
    save = split(saved_names)
    door = run if form == "packed" else run_padded
    out = door(
        cell, x, numbers, dict(zip(names, weights, strict=True)), dict(zip(cell.states, state, strict=True)),
        backend="reference", save=save, recurrent_mask=mask,
    )  # fmt: skip
    saved = list(dict.fromkeys(out.saved[name] for name in save if name != "h"))
    expected = [out.rows, *out.state.values(), *saved]
    actual = forward(*given)
    leaves = [x, *weights, *state]
    results = []
    for outputs in (actual, expected):
        total = sum(
            (o * torch.arange(o.numel(), dtype=o.dtype).reshape(o.shape).sin()).sum() for o in outputs
        )
        results.append(
            [*outputs, *torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)]
        )
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, **FLOAT64)


def test_an_operator_in_a_program_is_differentiable_twice() -> None:
    given = operands(cells.LSTM(), "padded")
    x = given[0]

    def function(x: Tensor) -> Tensor:
        return forward(x, *given[1:])[0]

    assert torch.autograd.gradcheck(function, x)
    assert torch.autograd.gradgradcheck(function, x)
    with pytest.raises(NotImplementedError, match="transform first"):
        torch.func.grad(lambda x: function(x).sum())(x.detach())


def test_modes_and_fakes_see_the_operator() -> None:
    from torch._subclasses import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.utils._python_dispatch import TorchDispatchMode

    cell = cells.GRU()
    rows, sizes, weights, state = case(cell, [3, 1], 2, 3)
    seen: list[str] = []

    class Look(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(str(function))
            return function(*args, **(kwargs or {}))

    expected = run(cell, rows, sizes, weights, state)
    with Look():
        out = run(cell, rows, sizes, weights, state)
        out.rows.sum().backward()
    assert seen.count("peephole.forward.default") == 1
    assert seen.count("peephole.backward.default") == 1
    assert torch.equal(out.rows, expected.rows)

    with FakeTensorMode(allow_non_fake_inputs=True) as mode, kernel_calls() as calls:
        fake = run(cell, mode.from_tensor(rows.detach()), sizes, weights, state)
    assert fake.rows.shape == (4, 3)
    assert calls.both == (0, 0)

    def loss(x: Tensor) -> Tensor:
        return run(cell, x, sizes, weights, state).rows.square().sum()

    for function, backwards in ((loss, 0), (torch.func.grad(loss), 1), (torch.func.vmap(loss), 0)):
        x = (
            torch.stack([rows, -rows]).detach()
            if function not in (loss,) and not backwards
            else rows.detach()
        )
        graph = make_fx(function)(x)
        targets = [str(node.target) for node in graph.graph.nodes]
        assert targets.count("peephole.forward.default") == 1
        assert targets.count("peephole.backward.default") == backwards
        torch.testing.assert_close(graph(x), function(x), **FLOAT64)


@pytest.mark.filterwarnings(
    "ignore:.torch.jit.*. is deprecated:DeprecationWarning", "ignore::torch.jit.TracerWarning"
)
def test_a_traced_call_is_no_constant() -> None:
    cell = cells.LSTM()
    rows, sizes, weights, state = _detach(list(case(cell, [2, 2], 2, 3)))
    weights, state = ({k: v.detach() for k, v in each.items()} for each in (weights, state))
    traced = torch.jit.trace(lambda x: run(cell, x, sizes, weights, state).rows, rows)
    other = torch.randn_like(rows)
    torch.testing.assert_close(traced(other), run(cell, other, sizes, weights, state).rows, **FLOAT64)


# What a graph may hand over at run time.


def spoiled(place: int, value: Any, form: str = "padded") -> list[Any]:
    given = operands(cells.LSTM(), form)
    given[place] = value
    return given


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (spoiled(1, torch.tensor([4, 1, 2])), LengthError, r"lengths must be in \[0, T\] = \[0, 3\]; got lengths\[0\] = 4"),
        (spoiled(1, torch.tensor([3, -1, 2])), LengthError, r"got lengths\[1\] = -1"),
        (spoiled(1, torch.tensor([3, 1])), LengthError, r"lengths must be \[N\] = \[3\]"),
        (spoiled(1, torch.tensor([3.0, 1, 2])), LengthError, "one axis of integers"),
        (spoiled(1, torch.tensor([2, 3, 1]), "packed"), LengthError, "never grow"),
        (spoiled(1, torch.tensor([3, 2]), "packed"), ShapeError, "batch_sizes sum to 5 rows"),
        (spoiled(1, None, "packed"), LengthError, "one axis of integers"),
        (spoiled(2, [torch.zeros(12, 2)]), ShapeError, "x must be"),
        (spoiled(2, [torch.zeros(12, 2), torch.zeros(12, 3)]), BackendUnavailable, "one dtype"),
        (spoiled(2, [torch.zeros(12, 2).double(), torch.zeros(12, 4).double()]), ShapeError, "weight_hh must be"),
        (spoiled(3, [torch.zeros(3, 3).double()]), ShapeError, "with 2 states"),
        (spoiled(3, [torch.zeros(4, 3).double()] * 2), ShapeError, "states must have N = 3 rows"),
        (spoiled(0, torch.zeros(3, 3, 2, 1)), ShapeError, r"x must be \[R, D\] or \[T, N, D\]"),
        (spoiled(6, "LSTM(bias=True)"), OptionError, r"known|knows"),
        (spoiled(8, "k"), OptionError, "no value 'k'"),
    ],
)  # fmt: skip
def test_what_it_refuses(given: list[Any], error: type[Exception], words: str) -> None:
    with kernel_calls() as calls, pytest.raises(error, match=words):
        forward(*given)
    assert calls.both == (0, 0)


def test_backward_refuses_what_forward_cannot_have_given() -> None:
    given = [_detach(each) for each in operands(cells.LSTM(), "padded")]
    rows, h, _c, kept = forward(*given, True)
    wanted, grads = [True] * 7, [torch.ones_like(rows), None, None]
    assert len(backward(*given, [rows, kept], grads, wanted)) == 7
    for saved, asked, want in (
        ([rows], grads, wanted),
        ([rows, kept[:, :1]], grads, wanted),
        ([rows, kept.float()], grads, wanted),
        ([rows[1:], kept], grads, wanted),
        ([rows, kept], [torch.ones(1), None, None], wanted),
        ([rows, kept], [None, h[:1], None], wanted),
        ([rows, kept], grads[:1], wanted),
        ([rows, kept], grads, wanted[:3]),
        ([rows, kept, kept], grads, wanted),
    ):
        with kernel_calls() as calls, pytest.raises(ShapeError, match="must be those of peephole::forward"):
            backward(*given, saved, asked, want)
        assert calls.both == (0, 0)


# Cells by name.


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_a_shipped_cell_goes_by_its_printed_form(cell: Cell) -> None:
    assert name_of(cell) == repr(cell)
    assert cell_of(repr(cell)) == cell


def test_a_cell_of_your_own_goes_by_its_equations() -> None:
    def own(factor: float) -> Cell:
        class LSTM(Cell):
            gates, states = ("a",), ("h",)

            def step(self, pre: Any, prev: Any) -> Step:
                return Step(h=factor * tanh(pre.a))

        return LSTM()

    one, two = own(0.5), own(0.25)
    assert len({name_of(one), name_of(two), name_of(cells.LSTM())}) == 3
    assert cell_of(name_of(one)) == one
    assert cell_of(name_of(two)) == two
    assert name_of(own(0.5)).startswith("LSTM()#")
    with pytest.raises(OptionError, match="a graph runs only cells that this process knows"):
        cell_of("LSTM()#0123456789abcdef")


@pytest.mark.slow
def test_a_saved_program_runs_in_a_new_process(tmp_path: Path) -> None:
    import peephole.nn as ours

    torch.manual_seed(0)
    layer = ours.PeepholeLSTM(2, 3, bidirectional=True).eval()
    x, lengths = torch.randn(4, 3, 2), torch.tensor([4, 0, 2])
    steps, batch = torch.export.Dim("T"), torch.export.Dim("N")
    shapes = {"input": {0: steps, 1: batch}, "lengths": {0: batch}}
    program = torch.export.export(layer, (x,), {"lengths": lengths}, dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "layer.pt2")
    other, other_lengths = torch.randn(6, 2, 2), torch.tensor([1, 6])
    expected = layer(other, lengths=other_lengths)
    torch.save((other, other_lengths, expected), tmp_path / "case.pt")
    script = textwrap.dedent("""
        import sys, warnings
        warnings.simplefilter("ignore")
        import torch, peephole.nn
        folder = sys.argv[1]
        layer = torch.export.load(folder + "/layer.pt2").module()
        x, lengths, expected = torch.load(folder + "/case.pt")
        torch.testing.assert_close(layer(x, lengths=lengths), expected, rtol=0, atol=0)
    """)
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=120)
