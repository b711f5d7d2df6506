"""What else torch does to a layer: checkpoints, hooks, copies, processes, threads; through the kernel, against the reference."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks
from torch.func import functional_call, grad, vmap
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

import peephole.nn as ours
from peephole import cells
from peephole.equations import Cell
from peephole.errors import ShapeError
from peephole.ops.library import library
from support.counting import kernel_calls
from support.tolerances import EXACT, FLOAT64

D, H, T, N = 3, 4, 5, 2
pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)

SOME = [cells.LSTM(), cells.PeepholeLSTM(), cells.GRU("before"), cells.RNN()]
LENGTHS = [None, [5, 2]]


def make(cell: Cell, backend: str = "auto", **options: Any) -> Any:
    torch.manual_seed(0)
    return ours.Recurrent(cell, D, H, dtype=torch.float64, backend=backend, **options)


def batch() -> Tensor:
    return torch.randn(
        T, N, D, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    ).requires_grad_()


def gradients(layer: Any, lengths: Any = None, run: Callable[..., Any] | None = None) -> list[Tensor]:
    """Of a loss of outputs and final states, with respect to inputs and parameters."""
    x = batch()
    y, hidden = (run or layer)(x, lengths=lengths)
    states = hidden if isinstance(hidden, tuple) else (hidden,)
    total = sum(
        (o * torch.arange(o.numel(), dtype=o.dtype).reshape(o.shape).sin()).sum() for o in (y, *states)
    )
    return list(torch.autograd.grad(total, [x, *layer.parameters()]))


def agree(actual: list[Tensor], expected: list[Tensor]) -> None:
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, **FLOAT64)


@pytest.mark.parametrize("lengths", LENGTHS, ids=["dense", "ragged"])
@pytest.mark.parametrize("cell", SOME, ids=repr)
def test_backward_works_in_evaluation_mode(cell: Cell, lengths: Any) -> None:
    layer = make(cell).eval()
    with kernel_calls() as calls:
        actual = gradients(layer, lengths)
    assert calls.both == (1, 1)
    agree(actual, gradients(make(cell, "reference"), lengths))


@pytest.mark.parametrize("use_reentrant", [False, True])
@pytest.mark.parametrize("cell", SOME, ids=repr)
def test_checkpoint(cell: Cell, use_reentrant: bool) -> None:
    layer = make(cell, num_layers=2)

    def run(x: Tensor, lengths: Any) -> Any:
        return checkpoint(
            layer, x, use_reentrant=use_reentrant, **({} if use_reentrant else {"lengths": lengths})
        )

    with kernel_calls() as calls:
        if use_reentrant:  # it knows .backward() alone
            x = batch()
            run(x, None)[0].square().sum().backward()
            actual = [x.grad, *(p.grad for p in layer.parameters())]
        else:
            actual = gradients(layer, [5, 2], run)
    assert calls.both == (4, 2)
    other = make(cell, "reference", num_layers=2)
    if use_reentrant:
        x = batch()
        expected = list(torch.autograd.grad(other(x)[0].square().sum(), [x, *other.parameters()]))
    else:
        expected = gradients(other, [5, 2])
    agree(actual, expected)


@pytest.mark.parametrize("cell", SOME, ids=repr)
def test_saved_tensors_may_be_kept_elsewhere(cell: Cell) -> None:
    layer, expected = make(cell), gradients(make(cell, "reference"), [5, 2])
    with kernel_calls() as calls, save_on_cpu():
        agree(gradients(layer, [5, 2]), expected)
    assert calls.both == (1, 1)

    def strided(tensor: Tensor) -> Tensor:  # the same numbers in another order of memory
        return torch.stack([tensor, tensor], -1)[..., 0] if tensor.is_floating_point() else tensor

    def hooked(pack: Any, unpack: Any) -> Callable[..., Any]:
        def run(x: Tensor, lengths: Any) -> Any:
            with saved_tensors_hooks(pack, unpack):
                return layer(x, lengths=lengths)

        return run

    agree(gradients(layer, [5, 2], hooked(strided, lambda tensor: tensor)), expected)
    for unpack in (lambda t: t.float(), lambda t: t[..., :1], lambda t: t.flatten()):
        with kernel_calls() as calls, pytest.raises(ShapeError, match="must come back as they were"):
            gradients(layer, None, hooked(lambda t: t, unpack))
        assert calls.both == (1, 0)


@pytest.mark.parametrize("cell", SOME, ids=repr)
def test_a_saved_tensor_that_changes_is_torchs_error(cell: Cell) -> None:
    layer = make(cell)
    for spoil in (
        lambda x, y: y.add_(1),
        lambda x, y: layer.weight_hh_l0.data.shape and layer.weight_hh_l0.add_(1),
        lambda x, y: x.mul_(2),
    ):
        x = batch().detach()
        y = layer(x.requires_grad_())[0]
        with torch.no_grad():
            spoil(x, y)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()


def test_a_graph_may_be_kept_or_not() -> None:
    layer, x = make(cells.LSTM()), batch()
    total = layer(x)[0].square().sum()
    first = torch.autograd.grad(total, x, retain_graph=True)[0]
    with kernel_calls() as calls:
        second = torch.autograd.grad(total, x)[0]
    assert calls.both == (0, 1)
    assert torch.equal(first, second)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        torch.autograd.grad(total, x)


def test_hooks() -> None:
    layer, x, seen = make(cells.GRU()), batch(), []
    y = layer(x)[0]
    y.retain_grad()
    y.register_hook(lambda gradient: seen.append("y") or 2 * gradient)
    x.register_hook(lambda gradient: seen.append("x"))
    layer.weight_hh_l0.register_post_accumulate_grad_hook(lambda parameter: seen.append("weight"))
    y.sum().backward()
    assert sorted(seen) == ["weight", "x", "y"]
    agree([x.grad], [2 * torch.autograd.grad(make(cells.GRU(), "reference")(z := batch())[0].sum(), z)[0]])
    assert torch.equal(y.grad, torch.full_like(y, 2))


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled:UserWarning")
def test_anomalies_are_found() -> None:
    layer, x = make(cells.GRU()), batch().detach()
    x[0, 0, 0] = torch.nan
    with torch.autograd.detect_anomaly(check_nan=True):
        total = layer(x.requires_grad_())[0].sum()
        with (
            pytest.raises(RuntimeError, match="returned nan values"),
            pytest.warns(UserWarning, match="Error detected"),
        ):
            total.backward()


def test_copies_and_pickles_run_the_kernel() -> None:
    layer = make(cells.PeepholeLSTM(), bidirectional=True)
    expected = gradients(layer)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), copy.copy(layer)):
        with kernel_calls() as calls:
            actual = gradients(other)
        assert calls.both == (2, 2)
        for a, b in zip(actual, expected, strict=True):
            torch.testing.assert_close(a, b, **EXACT)


def test_weights_may_be_parametrised_shared_or_put_in_place() -> None:
    layer = make(cells.LSTM())
    replaced = {name: p.detach() / 2 for name, p in layer.named_parameters()}
    x = batch()
    with kernel_calls() as calls:
        actual = functional_call(layer, replaced, (x,))[0]
    assert calls.both == (1, 0)
    agree([actual], [functional_call(make(cells.LSTM(), "reference"), replaced, (x,))[0]])
    assert torch.equal(layer(x)[0], make(cells.LSTM())(x)[0])  # and are themselves again

    parametrizations.weight_norm(layer, "weight_hh_l0")
    other = parametrizations.weight_norm(make(cells.LSTM(), "reference"), "weight_hh_l0")
    with kernel_calls() as calls:
        actual = gradients(layer)
    assert calls.both == (1, 1)
    agree(actual, gradients(other))

    with torch.no_grad():  # the same tensor, and another piece of memory behind it
        layer = make(cells.GRU())
        layer(x)
        layer.weight_hh_l0.data = torch.zeros(3 * H, H, dtype=torch.float64)
        layer.bias_hh_l0.data = torch.zeros(3 * H, dtype=torch.float64)
        expected = make(cells.GRU(), "reference")
        expected.load_state_dict(layer.state_dict())
        agree([layer(x)[0]], [expected(x)[0]])
        layer.weight_hh_l0.data = torch.zeros(3 * H, H + 1, dtype=torch.float64)
        with kernel_calls() as calls, pytest.raises(ShapeError, match="weight_hh must be"):
            layer(x)
        assert calls.both == (0, 0)


@pytest.mark.parametrize("cell", SOME, ids=repr)
def test_a_gradient_for_each_sample_of_a_batch(cell: Cell) -> None:
    layer, other = make(cell), make(cell, "reference")
    weights, samples = dict(layer.named_parameters()), batch().detach().transpose(0, 1)

    def loss(weights: dict[str, Tensor], sample: Tensor) -> Tensor:
        return (
            functional_call(layer, weights, (sample,))[0].square().sum()
        )  # one sequence, without a batch axis

    with kernel_calls() as calls:
        each = vmap(grad(loss), in_dims=(None, 0))(weights, samples)
    assert calls.both == (1, N)
    for n, sample in enumerate(samples):
        expected = torch.autograd.grad(other(sample)[0].square().sum(), list(other.parameters()))
        agree([each[name][n] for name in weights], list(expected))


def test_several_threads_may_train_at_once() -> None:
    layers = [make(cell, num_layers=2, bidirectional=True) for cell in SOME]
    expected = [gradients(layer, [5, 2]) for layer in layers]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: gradients(layers[k % len(SOME)], [5, 2]), range(32)))
    for k, actual in enumerate(found):
        for a, b in zip(actual, expected[k % len(SOME)], strict=True):
            assert torch.equal(a, b)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_other_processes(method: str, tmp_path: Any) -> None:
    # In a process of its own: forking this one would copy the threads of everything else that was imported here.
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
        import sys, torch, torch.multiprocessing as multiprocessing
        import peephole.nn

        def train(layer, x, queue):
            layer(x)[0].square().sum().backward()
            queue.put([p.grad.tolist() for p in layer.parameters()])

        if __name__ == "__main__":
            torch.manual_seed(0)
            torch.set_num_threads(2)
            layer, x = peephole.nn.LSTM(64, 64, dtype=torch.float64), torch.randn(50, 8, 64, dtype=torch.float64)
            layer(x)  # threads of the kernel are there
            context = multiprocessing.get_context(sys.argv[1])
            queue = context.Queue()
            workers = [context.Process(target=train, args=(layer, x, queue)) for _ in range(2)]
            for worker in workers:
                worker.start()
            found = [queue.get(timeout=60) for _ in workers]
            for worker in workers:
                worker.join()
            assert all(worker.exitcode == 0 for worker in workers)
            layer(x)[0].square().sum().backward()
            for gradients in found:
                for mine, theirs in zip(layer.parameters(), gradients, strict=True):
                    torch.testing.assert_close(mine.grad, torch.tensor(theirs, dtype=torch.float64), rtol=1e-9, atol=1e-9)
        """)
    )
    subprocess.run([sys.executable, str(program), method], check=True, timeout=180)
