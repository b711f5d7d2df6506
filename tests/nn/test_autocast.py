"""Under `torch.autocast` on a CPU: the dtypes and numbers of torch.nn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import peephole.nn as ours
from peephole.ops import choose_backend
from peephole.ops.library import DTYPES, library
from support.counting import kernel_calls
from support.tolerances import BFLOAT16, EXACT

D, H = 3, 4

# Torch says so once in a process, of its own layer too.
pytestmark = pytest.mark.filterwarnings(
    "ignore:LSTM with projections is not supported with oneDNN:UserWarning"
)


def leaves(result: tuple[Any, Any]) -> list[torch.Tensor]:
    y, hidden = result
    return [
        y.data if isinstance(y, PackedSequence) else y,
        *(hidden if isinstance(hidden, tuple) else (hidden,)),
    ]


def cast(call: Any) -> Any:
    with torch.autocast("cpu", torch.bfloat16):
        return call()


def twins(kind: str, options: dict[str, Any], dtype: torch.dtype, backend: str) -> tuple[Any, Any]:
    torch.manual_seed(0)
    theirs = getattr(nn, kind)(D, H, 2, bidirectional=True, dtype=dtype, **options)
    mine = getattr(ours, kind)(D, H, 2, bidirectional=True, dtype=dtype, backend=backend, **options)
    mine.load_state_dict(theirs.state_dict())
    return theirs, mine


KINDS = [
    ("LSTM", {}),
    ("LSTM", {"proj_size": 2}),
    ("GRU", {}),
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu"}),
]
FORMS = ["dense", "packed"]
# With the kernel or without it, the numbers and dtypes are to be the same; only then it is known which path ran.
built = pytest.mark.skipif(
    "bfloat16" not in DTYPES or library().handle is None, reason="no kernel of bfloat16"
)


def batch_of(form: str, dtype: torch.dtype) -> Any:
    x = torch.randn(5, 3, D).to(dtype)
    return x if form == "dense" else pack_padded_sequence(x, torch.tensor([2, 5, 3]), enforce_sorted=False)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("given", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_torchs_backend_is_torchs_to_the_bit(
    kind: str, options: dict[str, Any], dtype: torch.dtype, given: torch.dtype, form: str
) -> None:
    theirs, mine = twins(kind, options, dtype, "torch")
    batch = batch_of(form, given)
    expected, actual = leaves(cast(lambda: theirs(batch))), leaves(cast(lambda: mine(batch)))
    assert [a.dtype for a in actual] == [b.dtype for b in expected]
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, **EXACT)


@built
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("given", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_the_kernel_has_torchs_dtypes(
    kind: str, options: dict[str, Any], dtype: torch.dtype, given: torch.dtype, form: str
) -> None:
    theirs, mine = twins(kind, options, dtype, "auto")
    batch = batch_of(form, given)
    states = [torch.randn(4, 3, options.get("proj_size", H) if k == 0 else H) / 2 for k in range(2)]
    for hx in (None, tuple(states) if kind == "LSTM" else states[0]):
        expected = leaves(cast(lambda hx=hx: theirs(batch, hx)))
        with kernel_calls() as calls:
            actual = leaves(cast(lambda hx=hx: mine(batch, hx)))
        assert calls.both == (4, 0)
        assert [a.dtype for a in actual] == [b.dtype for b in expected]
        for a, b in zip(actual, expected, strict=True):
            torch.testing.assert_close(a.float(), b.float(), **BFLOAT16)


@built
@pytest.mark.parametrize("kind", ["LSTM", "PeepholeLSTM", "GRU", "RNN"])
def test_the_kernel_trains_under_autocast(kind: str) -> None:
    torch.manual_seed(0)
    layer = getattr(ours, kind)(D, H, 2, bidirectional=True)
    x = torch.randn(5, 3, D, requires_grad=True)
    leaves = [x, *layer.parameters()]
    expected = torch.autograd.grad(layer(x)[0].square().sum(), leaves)
    with kernel_calls() as calls:
        out = cast(lambda: layer(x))[0]
        actual = torch.autograd.grad(out.float().square().sum(), leaves)
    assert calls.both == (4, 4)
    for a, b in zip(actual, expected, strict=True):
        assert a.dtype == torch.float32
        torch.testing.assert_close(a, b, rtol=0, atol=BFLOAT16["atol"] * max(1.0, float(b.abs().max())))


@built
def test_float64_stays_what_it_is() -> None:
    layer = ours.GRU(D, H, dtype=torch.float64)
    x = torch.randn(5, 3, D, dtype=torch.float64)
    with kernel_calls() as calls:
        actual = cast(lambda: layer(x)[0])
    assert calls.both == (1, 0)
    assert torch.equal(actual, layer(x)[0])


@built
def test_a_layer_of_bfloat16_needs_no_autocast() -> None:
    torch.manual_seed(0)
    layer = ours.PeepholeLSTM(D, H)
    x = torch.randn(5, 3, D)
    expected = leaves(layer(x))
    with kernel_calls() as calls:
        actual = leaves(layer.bfloat16()(x.bfloat16()))
    assert calls.both == (1, 0)
    assert [a.dtype for a in actual] == [torch.bfloat16] * 3
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a.float(), b, **BFLOAT16)


def test_half_precision_is_torchs_or_the_references_and_says_why() -> None:
    assert "float16" not in DTYPES
    layer = ours.GRU(D, H)
    x = torch.randn(5, 3, D)
    with kernel_calls() as calls, torch.autocast("cpu", torch.float16):
        out = layer(x)[0]
    assert calls.both == (0, 0)
    torch.testing.assert_close(out.float(), layer(x)[0], **BFLOAT16)
    assert (
        choose_backend(layer.cell, dtype="float16").refused["compiled"].startswith("it computes in float32,")
    )


@built
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_graph_has_the_dtypes_of_a_plain_call(kind: str) -> None:
    torch.compiler.reset()
    torch.manual_seed(0)
    layer = getattr(ours, kind)(D, H, bidirectional=True)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = torch.randn(5, 3, D)
    expected = leaves(cast(lambda: layer(x)))
    with kernel_calls() as calls:
        actual = leaves(cast(lambda: compiled(x)))
    assert calls.both == (2, 0)
    assert [a.dtype for a in actual] == [b.dtype for b in expected]
    for a, b in zip(actual, expected, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_the_reference_has_the_dtypes_of_torchs_packed_path(kind: str, options: dict[str, Any]) -> None:
    theirs, mine = twins(kind, options, torch.float32, "reference")
    x = torch.randn(5, 3, D)
    packed = pack_padded_sequence(x, torch.tensor([5, 3, 2]))
    expected, actual = leaves(cast(lambda: theirs(packed))), leaves(cast(lambda: mine(packed)))
    assert [a.dtype for a in actual] == [b.dtype for b in expected]
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, **BFLOAT16)


@pytest.mark.parametrize("lengths", [None, [5, 0, 2]], ids=["dense", "ragged"])
def test_peepholes_train_under_autocast(lengths: list[int] | None) -> None:
    torch.manual_seed(0)
    layer = ours.PeepholeLSTM(D, H, 2, bidirectional=True, dropout=0.2, recurrent_dropout=0.2)
    x = torch.randn(5, 3, D)
    cast(lambda: layer(x, lengths=lengths))[0].float().pow(2).sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in layer.parameters())
    layer.eval()
    torch.testing.assert_close(
        cast(lambda: layer(x, lengths=lengths))[0].float(), layer(x, lengths=lengths)[0], **BFLOAT16
    )


@pytest.mark.parametrize("given", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell", "RNNCell"])
def test_single_steps(kind: str, dtype: torch.dtype, given: torch.dtype) -> None:
    torch.manual_seed(0)
    theirs, mine = getattr(nn, kind)(D, H, dtype=dtype), getattr(ours, kind)(D, H, dtype=dtype)
    mine.load_state_dict(theirs.state_dict())
    x = torch.randn(2, D).to(given)
    expected, actual = cast(lambda: theirs(x)), cast(lambda: mine(x))
    for a, b in zip(
        actual if isinstance(actual, tuple) else [actual],
        expected if isinstance(expected, tuple) else [expected],
        strict=True,
    ):
        assert a.dtype == b.dtype
        torch.testing.assert_close(a, b, **BFLOAT16)
