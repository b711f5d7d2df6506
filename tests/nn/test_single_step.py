"""RNNCell, LSTMCell and GRUCell against torch.nn's; PeepholeLSTMCell against the layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import peephole.nn as ours
from support.tolerances import EXACT, FLOAT64

D, H = 3, 4
KINDS = [("LSTMCell", {}), ("GRUCell", {}), ("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"})]


def as_tuple(hidden: Any) -> tuple[torch.Tensor, ...]:
    return hidden if isinstance(hidden, tuple) else (hidden,)


def twins(kind: str, **options: Any) -> tuple[Any, Any]:
    torch.manual_seed(4)
    theirs = getattr(nn, kind)(D, H, dtype=torch.float64, **options)
    torch.manual_seed(4)
    mine = getattr(ours, kind)(D, H, dtype=torch.float64, **options)
    return theirs, mine


@pytest.mark.parametrize("shape", [(2,), (0,), ()], ids=["batch", "empty batch", "unbatched"])
@pytest.mark.parametrize("with_state", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_a_step_is_torchs(
    kind: str, options: dict[str, Any], bias: bool, with_state: bool, shape: tuple[int, ...]
) -> None:
    theirs, mine = twins(kind, bias=bias, **options)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, **EXACT)
    x = torch.randn(*shape, D, dtype=torch.float64, requires_grad=True)
    count = 2 if kind == "LSTMCell" else 1
    states = tuple(torch.randn(*shape, H, dtype=torch.float64, requires_grad=True) for _ in range(count))
    hx = (states if count == 2 else states[0]) if with_state else None
    expected, actual = theirs(x, hx), mine(x, hx)
    assert type(actual) is type(expected)
    leaves = [x, *(states if with_state else ())]
    sums = []
    for a, b in zip(as_tuple(actual), as_tuple(expected), strict=True):
        torch.testing.assert_close(a, b, **FLOAT64)
        sums.append(((a * 1.7).sum(), (b * 1.7).sum()))
    d_actual = torch.autograd.grad([a for a, _ in sums], [*leaves, *mine.parameters()])
    d_expected = torch.autograd.grad([b for _, b in sums], [*leaves, *theirs.parameters()])
    for a, b in zip(d_actual, d_expected, strict=True):
        torch.testing.assert_close(a, b, **FLOAT64)


@pytest.mark.parametrize("peephole", ["diagonal", "full"])
@pytest.mark.parametrize("output_peephole", ["new", "previous"])
def test_peephole_steps_are_the_layer(peephole: Any, output_peephole: Any) -> None:
    options: dict[str, Any] = {
        "peephole": peephole,
        "output_peephole": output_peephole,
        "dtype": torch.float64,
    }
    torch.manual_seed(0)
    layer = ours.PeepholeLSTM(D, H, **options)
    torch.manual_seed(0)
    cell = ours.PeepholeLSTMCell(D, H, **options)
    for a, b in zip(cell.parameters(), layer.parameters(), strict=True):
        torch.testing.assert_close(a, b, **EXACT)
    x = torch.randn(5, 2, D, dtype=torch.float64)
    state = None
    outputs = []
    for row in x:
        state = cell(row, state)
        outputs.append(state[0])
    y, (h, c) = layer(x)
    torch.testing.assert_close(torch.stack(outputs), y, **FLOAT64)
    assert state is not None
    torch.testing.assert_close(state, (h[0], c[0]), **FLOAT64)
    torch.manual_seed(1)
    cell.reset_parameters()
    assert cell.weight_ch.abs().max() <= H**-0.5


def test_a_gru_cell_may_reset_before_the_product() -> None:
    layer = ours.GRU(D, H, reset="before", dtype=torch.float64)
    cell = ours.GRUCell(D, H, reset="before", dtype=torch.float64)
    cell.load_state_dict({name.removesuffix("_l0"): w for name, w in layer.state_dict().items()})
    x, h = torch.randn(1, 2, D, dtype=torch.float64), torch.randn(1, 2, H, dtype=torch.float64)
    torch.testing.assert_close(cell(x[0], h[0]), layer(x, h)[0][0], **FLOAT64)


def pair(kind: str, *shape: int) -> Any:
    state = torch.zeros(*shape)
    return (state, state) if kind == "LSTMCell" else state


BAD: dict[str, Callable[[Any, str], object]] = {
    "features": lambda cell, kind: cell(torch.zeros(2, D + 1)),
    "features unbatched": lambda cell, kind: cell(torch.zeros(D + 1)),
    "3-D": lambda cell, kind: cell(torch.zeros(1, 2, D)),
    "states for another width": lambda cell, kind: cell(torch.zeros(2, D), pair(kind, 2, H + 1)),
    "states for another batch": lambda cell, kind: cell(torch.zeros(2, D), pair(kind, 5, H)),
    "4-D states": lambda cell, kind: cell(torch.zeros(2, D), pair(kind, 2, 1, 1, H)),
    "one row of states": lambda cell, kind: cell(torch.zeros(2, D), pair(kind, 1, H)),
    "float64": lambda cell, kind: cell(torch.zeros(2, D, dtype=torch.float64)),
    "second state": lambda cell, kind: cell(
        torch.zeros(2, D),
        (torch.zeros(2, H), torch.zeros(2, H + 1)) if kind == "LSTMCell" else torch.zeros(3, H),
    ),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell", "RNNCell"])
def test_bad_calls_are_refused_as_torchs(kind: str, case: str) -> None:
    caught = []
    for library in (nn, ours):
        with pytest.raises((ValueError, RuntimeError)) as info:
            BAD[case](getattr(library, kind)(D, H), kind)
        caught.append((info.type, str(info.value)))
    assert caught[0] == caught[1]


def test_an_unknown_nonlinearity_is_refused_when_it_is_needed() -> None:
    texts = []
    for library in (nn, ours):
        cell = library.RNNCell(D, H, nonlinearity="sine")
        with pytest.raises(RuntimeError) as info:
            cell(torch.zeros(2, D))
        texts.append(str(info.value))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("count", [1, 3])
def test_an_lstm_cell_wants_two_states_in_torchs_words(count: int) -> None:
    x, hx = torch.zeros(1, 2), (torch.zeros(1, 3),) * count
    with pytest.raises(RuntimeError) as torchs:
        nn.LSTMCell(2, 3)(x, hx)
    with pytest.raises(RuntimeError) as mine:
        ours.LSTMCell(2, 3)(x, hx)
    assert str(mine.value) == str(torchs.value)
