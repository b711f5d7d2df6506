"""Dropout between layers, and recurrent dropout: one mask for each sequence, the same at every step."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

import peephole.nn as ours
from peephole import cells
from peephole.ops import run
from support.tolerances import EXACT, FLOAT64, FREQUENCY_OF_100_000

D, H = 3, 4
LENGTHS = torch.tensor([2, 6, 1, 4])


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN", "PeepholeLSTM"])
def test_the_same_seed_drops_the_elements_that_torch_drops(kind: str, p: float) -> None:
    theirs = getattr(nn, kind, nn.LSTM)(D, H, 3, bidirectional=True, dtype=torch.float64)
    mine = getattr(ours, kind)(D, H, 3, bidirectional=True, dtype=torch.float64)
    mine.load_state_dict(theirs.state_dict(), strict=kind != "PeepholeLSTM")
    with torch.no_grad():
        for name, weight in mine.named_parameters():
            if name.startswith("weight_ch"):
                weight.zero_()
    theirs.dropout = mine.dropout = p  # may be changed after construction
    x = torch.randn(6, 4, D, dtype=torch.float64)
    for batch in (x, pack_padded_sequence(x, LENGTHS, enforce_sorted=False)):
        torch.manual_seed(0)
        expected, _ = theirs(batch)
        torch.manual_seed(0)
        actual, _ = mine(batch)
        if not isinstance(batch, torch.Tensor):
            expected, actual = expected.data, actual.data
        torch.testing.assert_close(actual, expected, **FLOAT64)


def test_nothing_is_dropped_in_evaluation_or_after_the_last_layer() -> None:
    layer = ours.LSTM(D, H, 2, dropout=0.5, recurrent_dropout=0.5)
    x = torch.randn(6, 2, D)
    assert (layer(x)[0] - layer(x)[0]).abs().max() > 0
    layer.eval()
    torch.testing.assert_close(layer(x)[0], layer(x)[0], **EXACT)
    one = ours.LSTM(D, H)
    one.dropout = 0.5
    torch.testing.assert_close(one(x)[0], one(x)[0], **EXACT)


def test_recurrent_dropout_of_zero_draws_nothing() -> None:
    layer = ours.GRU(D, H, recurrent_dropout=0.0)
    state = torch.get_rng_state()
    layer(torch.ones(3, 1, D))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "cell",
    [cells.LSTM(), cells.GRU(), cells.GRU("before"), cells.PeepholeLSTM("full"), cells.RNN()],
    ids=repr,
)
def test_recurrent_dropout_is_one_mask_on_the_operand_of_the_recurrent_product(cell: Any) -> None:
    p, steps, batch = 0.4, 6, 3
    layer = ours.Recurrent(cell, D, H, recurrent_dropout=p, dtype=torch.float64)
    x = torch.randn(steps, batch, D, dtype=torch.float64)
    torch.manual_seed(9)
    y, _ = layer(x)
    torch.manual_seed(9)
    mask = torch.empty(batch, H, dtype=torch.float64).bernoulli_(1 - p) / (1 - p)
    assert 0 < int((mask == 0).sum()) < mask.numel()
    weights = {name.removesuffix("_l0"): weight for name, weight in layer.named_parameters()}
    state = {name: x.new_zeros(batch, H) for name in cell.states}
    for t in range(steps):  # one step at a time, the same mask in each
        out = run(cell, x[t], [batch], weights, state, backend="reference", recurrent_mask=mask)
        torch.testing.assert_close(y[t], out.rows, **FLOAT64)
        state = out.state


def test_a_dropped_unit_is_not_seen_by_any_later_step() -> None:
    # With p = 1 nothing recurrent is left but the states' own paths: an RNN is a function of each row alone.
    layer = ours.RNN(D, H, recurrent_dropout=1.0, dtype=torch.float64)
    x = torch.randn(6, 2, D, dtype=torch.float64)
    y, _ = layer(x)
    alone = torch.cat([layer(row[None])[0] for row in x])
    torch.testing.assert_close(y, alone, **FLOAT64)


def test_layers_directions_and_sequences_have_masks_of_their_own() -> None:
    seen: list[torch.Tensor] = []

    class Watched(ours.LSTM):
        def _recurrent_mask(self, h: torch.Tensor, part: object) -> torch.Tensor | None:
            seen.append(super()._recurrent_mask(h, part))
            return seen[-1]

    layer = Watched(D, 64, 2, bidirectional=True, proj_size=32, recurrent_dropout=0.5)
    layer(torch.randn(5, 3, D), lengths=[5, 0, 2])
    assert [mask.shape for mask in seen] == [(3, 32)] * 4
    rows = torch.cat(seen)
    assert len({tuple(row.tolist()) for row in rows}) == len(rows)
    assert set(rows.unique().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_recurrent_dropout_drops_with_its_probability_and_keeps_the_mean(p: float) -> None:
    torch.manual_seed(0)
    layer = ours.RNN(1, 1000, recurrent_dropout=p)
    mask = layer._recurrent_mask(torch.zeros(100, 1000), None)
    assert mask is not None
    torch.testing.assert_close((mask == 0).double().mean().item(), p, **FREQUENCY_OF_100_000)
    torch.testing.assert_close(mask[mask != 0].unique().item(), 1 / (1 - p), rtol=1e-6, atol=0)
