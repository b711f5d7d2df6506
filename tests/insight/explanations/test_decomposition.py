"""Contextual decomposition of networks: sums in float64, and what must make no difference."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from peephole import cells
from peephole.equations import Cell
from peephole.insight.explanations import Case, case_of_rows, decompose
from peephole.insight.explanations import decomposition as module
from support.cases import CELLS
from support.decomposed import SPANS, D, H, T, head_of, layer_of, plain, rows
from support.tolerances import FLOAT64

POOLINGS = [("last",), ("mean",), ("max",), ("max", "last", "mean")]


@pytest.mark.parametrize("rule", ["first", "free"])
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_parts_add_up_to_every_state_and_to_the_value(cell: Cell, rule: Any) -> None:
    for layers, both, bias in itertools.product((1, 2), (False, True), (True, False)):
        layer = layer_of(cell, num_layers=layers, bidirectional=both, bias=bias)
        case = case_of_rows(layer, head_of(H * (1 + both)), rows(), [1.0, -1.0])
        found = decompose(case, SPANS, rule=rule)
        assert found.deviation < 1e-10  # β + γ is the state, at every step, in every track
        np.testing.assert_allclose(found.scores + found.rests + found.bases, case.value, rtol=0, atol=1e-10)
        assert abs(found.rests[0]) < 1e-10  # the whole text leaves no rest
        assert abs(found.scores[5]) < 1e-10  # and no step gives nothing
        assert np.ptp(found.scores) > 1e-2


@pytest.mark.parametrize("statistics", POOLINGS, ids=str)
def test_each_way_of_pooling(statistics: tuple[str, ...]) -> None:
    layer = layer_of(cells.LSTM(), bidirectional=True)
    case = case_of_rows(layer, plain(2 * H, statistics), rows(), [2.0])
    found = decompose(case, SPANS)
    np.testing.assert_allclose(found.scores + found.rests, case.value, **FLOAT64)
    np.testing.assert_allclose(found.scores[0], case.value, **FLOAT64)


def test_phrases_do_not_know_of_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = layer_of(cells.GRU(), num_layers=2, bidirectional=True)
    case = case_of_rows(layer, head_of(2 * H), rows(), [1.0, -1.0])
    spans = np.array([(first, end) for first in range(T) for end in range(first, T + 1)])
    together = decompose(case, spans)
    order = np.random.default_rng(0).permutation(len(spans))
    np.testing.assert_allclose(decompose(case, spans[order]).scores, together.scores[order], **FLOAT64)
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 3 * T * 2 * H)  # three phrases at a time
    np.testing.assert_allclose(decompose(case, spans).scores, together.scores, **FLOAT64)
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 1)
    np.testing.assert_allclose(decompose(case, spans).scores, together.scores, **FLOAT64)
    assert decompose(case, spans[:0]).scores.shape == (0,)


@pytest.mark.parametrize("t", [0, 3, T - 1])
@pytest.mark.parametrize("track", ["layer0.forward", "layer0.reverse", "layer1.forward", "layer1.reverse"])
def test_the_deviation_is_that_of_the_worst_step_of_all_tracks(track: str, t: int) -> None:
    case = case_of_rows(
        layer_of(cells.LSTM(), num_layers=2, bidirectional=True), head_of(2 * H), rows(), [1.0, -1.0]
    )
    case.passage.runs[track].saved["c"][t] += 0.5  # a state that is not what the equations make of the others
    assert decompose(case, SPANS).deviation == pytest.approx(0.5, abs=1e-10)


def test_a_layer_of_torch_with_a_projection() -> None:
    torch.manual_seed(0)
    layer = torch.nn.LSTM(D, H, num_layers=2, proj_size=2, bidirectional=True, dtype=torch.float64)
    case = case_of_rows(layer, head_of(4), rows(), [1.0, -1.0])
    found = decompose(case, SPANS)
    assert found.deviation < 1e-10
    np.testing.assert_allclose(found.scores + found.rests + found.bases, case.value, **FLOAT64)
    assert abs(found.rests[0]) < 1e-10


def test_a_case_of_rows_is_what_the_layer_and_the_head_give() -> None:
    layer = layer_of(cells.LSTM(), num_layers=2, bidirectional=True)
    head, x = head_of(2 * H, activation="tanh"), rows()
    case: Case = case_of_rows(layer, head, x, [0.5, -2.0])
    outputs, (h, _) = layer(torch.from_numpy(x)[:, None])
    y = outputs[:, 0].detach().numpy()
    last = np.append(h[-2, 0].detach().numpy(), h[-1, 0].detach().numpy())
    pooled = np.concatenate([last, y.max(axis=0), y.mean(axis=0)])
    hidden = np.tanh(head.head[0].weight @ pooled + head.head[0].bias)
    assert case.value == pytest.approx(
        np.array([0.5, -2.0]) @ (head.head[1].weight @ hidden + head.head[1].bias), abs=1e-10
    )
    assert case.number(case.outputs_of([np.arange(T)]))[0] == pytest.approx(case.value, abs=1e-10)
