"""Under `torch.autocast` on a CPU: the dtypes and numbers of torch.nn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import peephole.nn as ours
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


@pytest.mark.parametrize("given", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_the_default_backend_is_torchs_to_the_bit(
    kind: str, options: dict[str, Any], dtype: torch.dtype, given: torch.dtype
) -> None:
    theirs, mine = twins(kind, options, dtype, "auto")
    x = torch.randn(5, 3, D).to(given)
    packed = pack_padded_sequence(x, torch.tensor([2, 5, 3]), enforce_sorted=False)
    for batch in (x, packed):
        expected, actual = (
            leaves(cast(lambda batch=batch: theirs(batch))),
            leaves(cast(lambda batch=batch: mine(batch))),
        )
        assert [a.dtype for a in actual] == [b.dtype for b in expected]
        for a, b in zip(actual, expected, strict=True):
            torch.testing.assert_close(a, b, **EXACT)


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
