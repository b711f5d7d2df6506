"""Contextual decomposition against the published formulas, written out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from peephole import cells
from peephole.equations import Cell
from peephole.insight.explanations import case_of_rows, decompose
from support.decomposed import SPANS, H, T, layer_of, plain, rows, share


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def weights_of(layer: Any, number: int = 0) -> dict[str, Any]:
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_ch")
    found = {name: getattr(layer, f"{name}_l{number}", None) for name in names}
    return {name: None if value is None else value.detach().numpy() for name, value in found.items()}


def published_lstm(w: dict[str, Any], x_b: Any, x_g: Any, inside: Any, peephole: str | None = None) -> Any:
    """Murdoch, Liu & Yu 2018 for an LSTM; with diagonal peepholes, whose output gate is taken as it is: β and γ of h `[T, H]`."""
    blocks = {gate: slice(k * H, (k + 1) * H) for k, gate in enumerate("ifgo")}
    h_b = h_g = c_b = c_g = np.zeros(H)
    result: list[tuple[Any, Any]] = []
    for t in range(len(x_b)):

        def lanes(gate: str, t: int = t, h_b: Any = h_b, h_g: Any = h_g) -> tuple[Any, Any, Any]:
            u, v, at = w["weight_ih"], w["weight_hh"], blocks[gate]
            return (
                u[at] @ x_b[t] + v[at] @ h_b,
                u[at] @ x_g[t] + v[at] @ h_g,
                w["bias_ih"][at] + w["bias_hh"][at],
            )

        (i_b, i_g, i_c), (f_b, f_g, f_c) = lanes("i"), lanes("f")
        if peephole:
            p_i, p_f, p_o = w["weight_ch"]
            i_b, i_g, f_b, f_g = i_b + p_i * c_b, i_g + p_i * c_g, f_b + p_f * c_b, f_g + p_f * c_g
        Li, Lf, Lg = share(sigmoid, i_b, i_g, i_c), share(sigmoid, f_b, f_g, f_c), share(np.tanh, *lanes("g"))
        f, g, c_before = sum(Lf), sum(Lg), c_b + c_g
        new_b = (Lf[0] + Lf[2]) * c_b + Li[0] * (Lg[0] + Lg[2]) + Li[2] * Lg[0] + inside[t] * Li[2] * Lg[2]
        new_g = f * c_g + Lf[1] * c_b + Li[1] * g + (Li[0] + Li[2]) * Lg[1] + (1 - inside[t]) * Li[2] * Lg[2]
        c_b, c_g = new_b, new_g
        o = sum(lanes("o"))
        if peephole:
            o = o + p_o * (c_b + c_g if peephole == "new" else c_before)
        shown = share(np.tanh, c_b, c_g, 0.0)
        h_b, h_g = sigmoid(o) * shown[0], sigmoid(o) * shown[1]
        result.append((h_b, h_g))
    return np.array([one[0] for one in result]), np.array([one[1] for one in result])


def published_gru(w: dict[str, Any], x_b: Any, x_g: Any, inside: Any) -> Any:
    """A GRU that resets after the product: β and γ of h `[T, H]`."""
    blocks = {gate: slice(k * H, (k + 1) * H) for k, gate in enumerate("rzn")}
    h_b = h_g = np.zeros(H)
    result: list[tuple[Any, Any]] = []
    for t in range(len(x_b)):
        u, v, b_i, b_h = w["weight_ih"], w["weight_hh"], w["bias_ih"], w["bias_hh"]
        (r, z), n = (
            [
                share(sigmoid, u[at] @ x_b[t] + v[at] @ h_b, u[at] @ x_g[t] + v[at] @ h_g, b_i[at] + b_h[at])
                for at in (blocks["r"], blocks["z"])
            ],
            blocks["n"],
        )
        q_b, q_g, b_hn = v[n] @ h_b, v[n] @ h_g, b_h[n]
        q = q_b + q_g + b_hn
        seen_b = (r[0] + r[2]) * q_b + r[0] * b_hn
        seen_g = r[1] * q + (r[0] + r[2]) * q_g
        Ln = share(np.tanh, u[n] @ x_b[t] + seen_b, u[n] @ x_g[t] + seen_g, b_i[n] + r[2] * b_hn)
        zz, nn_ = sum(z), sum(Ln)
        new_b = (
            (z[0] + z[2]) * h_b + (1 - z[2]) * Ln[0] - z[0] * (Ln[0] + Ln[2]) + inside[t] * (1 - z[2]) * Ln[2]
        )
        new_g = (
            zz * h_g
            + z[1] * h_b
            + (1 - z[2]) * Ln[1]
            - z[1] * nn_
            - z[0] * Ln[1]
            + (1 - inside[t]) * (1 - z[2]) * Ln[2]
        )
        h_b, h_g = new_b, new_g
        result.append((h_b, h_g))
    return np.array([one[0] for one in result]), np.array([one[1] for one in result])


PUBLISHED: list[tuple[Cell, Any]] = [
    (cells.LSTM(), published_lstm),
    (cells.PeepholeLSTM(), lambda *given: published_lstm(*given, peephole="new")),
    (
        cells.PeepholeLSTM(output_peephole="previous"),
        lambda *given: published_lstm(*given, peephole="previous"),
    ),
    (cells.GRU(), published_gru),
]


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(
    ("cell", "published"), PUBLISHED, ids=lambda given: repr(given) if isinstance(given, Cell) else ""
)
def test_against_the_published_formulas(cell: Cell, published: Any, layers: int) -> None:
    layer = layer_of(cell, num_layers=layers)
    x = rows()
    for statistics in (("last",), ("mean",)):
        head = plain(H, statistics)
        found = decompose(case_of_rows(layer, head, x, [1.0]), SPANS)
        for k, (first, end) in enumerate(SPANS.tolist()):
            inside = np.array([float(first <= t < end) for t in range(T)])
            beta, gamma = inside[:, None] * x, (1 - inside)[:, None] * x
            for number in range(layers):
                beta, gamma = published(weights_of(layer, number), beta, gamma, inside)
            pooled = (
                (beta[-1], gamma[-1]) if statistics == ("last",) else (beta.mean(axis=0), gamma.mean(axis=0))
            )
            assert found.scores[k] == pytest.approx(head.head[0].weight[0] @ pooled[0], abs=1e-10)
            assert found.rests[k] == pytest.approx(head.head[0].weight[0] @ pooled[1], abs=1e-10)


def test_a_reverse_direction_reads_from_the_end() -> None:
    layer = layer_of(cells.LSTM(), bidirectional=True)
    head, x = plain(2 * H), rows()
    found = decompose(case_of_rows(layer, head, x, [1.0]), SPANS)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    back = {name: getattr(layer, f"{name}_l0_reverse").detach().numpy() for name in names}
    for k, (first, end) in enumerate(SPANS.tolist()):
        inside = np.array([float(first <= t < end) for t in range(T)])
        parts = inside[:, None] * x, (1 - inside)[:, None] * x
        forward = published_lstm(weights_of(layer), *parts, inside)[0][-1]
        reverse = published_lstm(back, parts[0][::-1], parts[1][::-1], inside[::-1])[0][-1]
        assert found.scores[k] == pytest.approx(
            head.head[0].weight[0] @ np.append(forward, reverse), abs=1e-10
        )


def test_two_layers_in_both_directions() -> None:
    """What comes of a phrase is in the first layer's outputs before it as well as after it; the second layer reads it there."""
    layer = layer_of(cells.LSTM(), num_layers=2, bidirectional=True)
    head, x = plain(2 * H, ("last", "mean")), rows()
    found = decompose(case_of_rows(layer, head, x, [1.0]), SPANS)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    for k, (first, end) in enumerate(SPANS.tolist()):
        inside = np.array([float(first <= t < end) for t in range(T)])
        beta, gamma = inside[:, None] * x, (1 - inside)[:, None] * x
        ends = np.zeros(0)
        for number in range(2):
            back = {name: getattr(layer, f"{name}_l{number}_reverse").detach().numpy() for name in names}
            forward = published_lstm(weights_of(layer, number), beta, gamma, inside)
            reverse = published_lstm(back, beta[::-1], gamma[::-1], inside[::-1])
            beta, gamma = (
                np.concatenate([one, other[::-1]], axis=1)
                for one, other in zip(forward, reverse, strict=True)
            )
            ends = np.append(forward[0][-1], reverse[0][-1])
        pooled = np.concatenate([ends, beta.mean(axis=0)])
        assert found.scores[k] == pytest.approx(head.head[0].weight[0] @ pooled, abs=1e-10)


def test_a_maximum_goes_with_the_step_that_won_it() -> None:
    layer = layer_of(cells.LSTM())
    head, x = plain(H, ("max",)), rows()
    found = decompose(case_of_rows(layer, head, x, [1.0]), SPANS)
    h = layer(torch.from_numpy(x)[:, None])[0].detach().numpy()[:, 0]
    winners = h.argmax(axis=0)
    assert len(set(winners.tolist())) > 1
    for k, (first, end) in enumerate(SPANS.tolist()):
        inside = np.array([float(first <= t < end) for t in range(T)])
        beta, _ = published_lstm(weights_of(layer), inside[:, None] * x, (1 - inside)[:, None] * x, inside)
        expected = head.head[0].weight[0] @ beta[winners, np.arange(H)]
        assert found.scores[k] == pytest.approx(expected, abs=1e-10)
