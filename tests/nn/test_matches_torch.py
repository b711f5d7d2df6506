"""RNN, LSTM and GRU against torch.nn's: outputs, final states and every gradient, over the product of the options."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import peephole.nn as ours
from support.tolerances import EXACT, FLOAT32, FLOAT64

T, N, D, H, P = 5, 4, 3, 6, 2
LENGTHS = {"sorted": [5, 3, 3, 1], "unsorted": [3, 1, 5, 3]}
KINDS: list[tuple[str, dict[str, Any]]] = [
    ("LSTM", {}),
    ("LSTM", {"proj_size": P}),
    ("GRU", {}),
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu"}),
]
OPTIONS = [
    {"bias": bias, "batch_first": batch_first, "bidirectional": bidirectional, "num_layers": num_layers}
    for bias, batch_first, bidirectional, num_layers in itertools.product(
        (True, False), (False, True), (False, True), (1, 2)
    )
]


def twins(kind: str, options: dict[str, Any], backend: str) -> tuple[Any, Any]:
    """Torch's layer and ours, each made after the same seed."""
    torch.manual_seed(7)
    theirs = getattr(nn, kind)(D, H, dtype=torch.float64, **options)
    torch.manual_seed(7)
    return theirs, getattr(ours, kind)(D, H, dtype=torch.float64, backend=backend, **options)


def leaf(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64).requires_grad_()


def inputs(form: str, batch_first: bool) -> tuple[Tensor, Any]:
    """A leaf, and what a layer is given: the leaf itself, a view of it, or packed rows of it."""
    if form == "unbatched":
        x = leaf(T, D)
        return x, x
    if form == "non-contiguous":
        x = leaf(D, T, N)
        return x, x.permute(2, 1, 0) if batch_first else x.permute(1, 2, 0)
    x = leaf(N, T, D) if batch_first else leaf(T, N, D)
    if form == "dense":
        return x, x
    packed = pack_padded_sequence(x, LENGTHS[form], batch_first, enforce_sorted=form == "sorted")
    return x, packed


def initial_states(layer: Any, form: str) -> list[Tensor]:
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    widths = [layer.proj_size or H, H] if isinstance(layer, ours.LSTM) else [H]
    if form == "non-contiguous":
        return [leaf(width, count, N) for width in widths]
    return [leaf(count, width) if form == "unbatched" else leaf(count, N, width) for width in widths]


def given(states: list[Tensor], form: str) -> Any:
    if form == "non-contiguous":
        states = [state.permute(1, 2, 0) for state in states]
    return tuple(states) if len(states) == 2 else states[0]


def flatten(result: tuple[Any, Any]) -> list[Tensor]:
    output, hidden = result
    return [
        output.data if isinstance(output, PackedSequence) else output,
        *(hidden if isinstance(hidden, tuple) else (hidden,)),
    ]


def gradients(outputs: list[Tensor], leaves: list[Tensor]) -> tuple[Tensor, ...]:
    total = sum(
        (out * torch.cos(torch.arange(out.numel(), dtype=out.dtype)).reshape(out.shape)).sum()
        for out in outputs
    )
    assert isinstance(total, Tensor)
    return torch.autograd.grad(total, leaves, retain_graph=True)


def compare(theirs: Any, mine: Any, form: str, with_state: bool) -> None:
    x, batch = inputs(form, theirs.batch_first)
    states = initial_states(mine, form) if with_state else []
    hx = given(states, form) if with_state else None
    torch.manual_seed(3)
    expected = theirs(batch, hx)
    torch.manual_seed(3)
    actual = mine(batch, hx)

    assert type(actual[0]) is type(expected[0])
    assert type(actual[1]) is type(expected[1])
    if isinstance(expected[0], PackedSequence):
        for attribute in ("batch_sizes", "sorted_indices", "unsorted_indices"):
            a, b = getattr(actual[0], attribute), getattr(expected[0], attribute)
            assert (a is None and b is None) or torch.equal(a, b)
    elif form == "dense":
        assert actual[0].stride() == expected[0].stride()
    expected_tensors, actual_tensors = flatten(expected), flatten(actual)
    for a, b in zip(actual_tensors, expected_tensors, strict=True):
        torch.testing.assert_close(a, b, **FLOAT64)
    leaves = [x, *states]
    expected_gradients = gradients(expected_tensors, [*leaves, *theirs.parameters()])
    actual_gradients = gradients(actual_tensors, [*leaves, *mine.parameters()])
    for a, b in zip(actual_gradients, expected_gradients, strict=True):
        torch.testing.assert_close(a, b, **FLOAT64)


def names(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{k}={v}" for k, v in value.items()) or "plain"
    return str(value)


CASES = [(kind, extra, options) for (kind, extra), options in itertools.product(KINDS, OPTIONS)]


@pytest.mark.parametrize("backend", ["reference", "torch"])
@pytest.mark.parametrize(("kind", "extra", "options"), CASES, ids=names)
def test_outputs_states_and_gradients_are_torchs(
    kind: str, extra: dict[str, Any], options: dict[str, Any], backend: str
) -> None:
    dropout = 0.4 if options["num_layers"] == 2 else 0.0
    theirs, mine = twins(kind, {**options, **extra, "dropout": dropout}, backend)
    forms = ["dense", "unbatched", "non-contiguous", "sorted", "unsorted"]
    for form, with_state, training in itertools.product(forms, (False, True), (True, False)):
        if not training and (not dropout or form != "dense"):
            continue  # nothing else differs then
        theirs.train(training)
        mine.train(training)
        compare(theirs, mine, form, with_state)


@pytest.mark.parametrize(("kind", "extra", "options"), CASES, ids=names)
def test_same_seed_same_weights_and_state_dicts_move_both_ways(
    kind: str, extra: dict[str, Any], options: dict[str, Any]
) -> None:
    theirs, mine = twins(kind, {**options, **extra}, "auto")
    assert list(mine.state_dict()) == list(theirs.state_dict())
    for name, weight in theirs.state_dict().items():
        torch.testing.assert_close(mine.state_dict()[name], weight, **EXACT)
    theirs.reset_parameters()
    mine.load_state_dict(theirs.state_dict(), strict=True)
    mine.reset_parameters()
    theirs.load_state_dict(mine.state_dict(), strict=True)
    for name, weight in theirs.state_dict().items():
        torch.testing.assert_close(mine.state_dict()[name], weight, **EXACT)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_float32_on_the_default_backend(kind: str) -> None:
    torch.manual_seed(0)
    theirs = getattr(nn, kind)(D, H, 2, bidirectional=True)
    mine = getattr(ours, kind)(D, H, 2, bidirectional=True)
    mine.load_state_dict(theirs.state_dict())
    x = torch.randn(T, N, D)
    for batch in (x, pack_padded_sequence(x, LENGTHS["unsorted"], enforce_sorted=False)):
        for a, b in zip(flatten(mine(batch)), flatten(theirs(batch)), strict=True):
            torch.testing.assert_close(a, b, **FLOAT32)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_an_empty_batch_has_zero_gradients_as_torchs_has(kind: str) -> None:
    theirs, mine = twins(kind, {"num_layers": 2, "bidirectional": True}, "auto")
    for layer in (theirs, mine):
        x = torch.zeros(T, 0, D, dtype=torch.float64, requires_grad=True)
        tensors = flatten(layer(x))
        assert tensors[0].shape == (T, 0, 2 * H)
        assert all(tensor.shape == (4, 0, H) for tensor in tensors[1:])
        tensors[0].sum().backward()
        assert x.grad is not None
        assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in layer.parameters())


@pytest.mark.parametrize("peephole", ["diagonal", "full"])
@pytest.mark.parametrize("output_peephole", ["new", "previous"])
@pytest.mark.parametrize("proj_size", [0, P])
def test_zero_peepholes_make_an_lstm(peephole: str, output_peephole: str, proj_size: int) -> None:
    options: dict[str, Any] = {"num_layers": 2, "bidirectional": True, "proj_size": proj_size}
    theirs, _ = twins("LSTM", options, "auto")
    torch.manual_seed(7)
    mine = ours.PeepholeLSTM(
        D, H, dtype=torch.float64, peephole=peephole, output_peephole=output_peephole, **options
    )
    for name, weight in theirs.state_dict().items():  # the weights they share begin the same
        torch.testing.assert_close(mine.state_dict()[name], weight, **EXACT)
    with torch.no_grad():
        for name, weight in mine.named_parameters():
            if name.startswith("weight_ch"):
                assert weight.abs().max() <= H**-0.5
                assert weight.abs().max() > 0
                weight.zero_()
    x, batch = inputs("unsorted", batch_first=False)
    actual, expected = flatten(mine(batch)), flatten(theirs(batch))
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, **FLOAT64)
    shared = [getattr(mine, name) for name, _ in theirs.named_parameters()]
    for a, b in zip(
        gradients(actual, [x, *shared]), gradients(expected, [x, *theirs.parameters()]), strict=True
    ):
        torch.testing.assert_close(a, b, **FLOAT64)
