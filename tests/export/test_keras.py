"""Keras 3 itself is the oracle: the same outputs, states and gradients, weights there and back, a reason for every refusal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import peephole.nn as ours
from peephole import cells
from peephole.errors import ShapeError
from peephole.export import from_keras, real_first, to_keras
from support.keras_layers import IDS, MAPPABLE, D, H, N, T, batch, build, weigh
from support.tolerances import EXACT, FLOAT64

pytestmark = [
    pytest.mark.usefixtures("exact_products"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # of Keras's own arrays
]
ROUND_TRIP = {"rtol": 0.0, "atol": 1e-6}  # what is promised; one bias is a sum of two


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("name", "options", "cell"), MAPPABLE, ids=IDS)
def test_outputs_and_gradients_are_keras_own_and_weights_come_back(
    keras: Any, name: str, options: dict, cell: Any, bidirectional: bool, use_bias: bool
) -> None:
    theirs = build(keras, name, bidirectional=bidirectional, use_bias=use_bias, **options)
    layer = from_keras(theirs)
    assert layer.cell == cell
    assert layer.bias == use_bias
    assert layer.bidirectional == bidirectional
    x, x_theirs = batch(), batch()
    y, y_theirs = layer(x)[0], theirs(x_theirs)
    torch.testing.assert_close(y, y_theirs, **FLOAT64)

    # Gradients: with respect to the input, and to Keras's own variables, ours put into Keras's order.
    variables = [variable.value for variable in theirs.weights]
    d_x_theirs, *d_theirs = torch.autograd.grad(weigh(y_theirs), [x_theirs, *variables])
    weigh(y).backward()
    torch.testing.assert_close(x.grad, d_x_theirs, **FLOAT64)
    with torch.no_grad():
        for parameter_name, parameter in layer.named_parameters():
            # Keras has one bias where ours add up, and both have its gradient.
            one_bias = parameter_name.startswith("bias_hh") and cell != cells.GRU("after")
            parameter.copy_(torch.zeros_like(parameter) if one_bias else parameter.grad)
    for d, expected in zip(to_keras(layer)[0], d_theirs, strict=True):
        torch.testing.assert_close(torch.from_numpy(d), expected, **FLOAT64)

    back = to_keras(from_keras(theirs))[0]
    for array, original in zip(back, theirs.get_weights(), strict=True):
        np.testing.assert_allclose(array, original, **ROUND_TRIP)
    other = build(keras, name, bidirectional=bidirectional, use_bias=use_bias, **options)
    other.set_weights([np.zeros_like(array) for array in other.get_weights()])
    to_keras(from_keras(theirs), into=other)
    torch.testing.assert_close(other(x_theirs), y_theirs, **FLOAT64)


@pytest.mark.parametrize(("name", "options", "cell"), MAPPABLE, ids=IDS)
def test_final_states_from_initial_states(keras: Any, name: str, options: dict, cell: Any) -> None:
    theirs = build(keras, name, return_state=True, **options)
    layer = from_keras(theirs)
    start = [torch.from_numpy(np.random.default_rng(k).normal(size=(N, H))) for k in range(len(cell.states))]
    y_theirs, *end_theirs = theirs(batch(), initial_state=start)
    hx = tuple(state.unsqueeze(0) for state in start)
    y, end = layer(batch(), hx if len(hx) > 1 else hx[0])
    for found, expected in zip(end if isinstance(end, tuple) else (end,), end_theirs, strict=True):
        torch.testing.assert_close(found[0], expected, **FLOAT64)
    torch.testing.assert_close(y, y_theirs, **FLOAT64)


MASKS = {
    "end": [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]],
    "front": [[0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1]],
    "between": [[1, 0, 1, 1, 0], [0, 1, 0, 1, 0], [1, 1, 1, 1, 1]],
    "nothing left": [[0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0]],
}


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("where", MASKS)
@pytest.mark.parametrize(("name", "options", "cell"), MAPPABLE, ids=IDS)
def test_masks_are_lengths(
    keras: Any, name: str, options: dict, cell: Any, where: str, bidirectional: bool
) -> None:
    theirs = build(keras, name, bidirectional=bidirectional, return_sequences=False, **options)
    mask = torch.tensor(MASKS[where]).bool()
    x, x_theirs = batch(), batch()
    last_theirs = theirs(x_theirs, mask=mask)
    moved, lengths = real_first(x, mask)
    h = from_keras(theirs)(moved, lengths=lengths)[1]
    h = h[0] if isinstance(h, tuple) else h
    last = torch.cat(list(h), -1)
    torch.testing.assert_close(last, last_theirs, **FLOAT64)
    d, d_theirs = torch.autograd.grad(weigh(last), x)[0], torch.autograd.grad(weigh(last_theirs), x_theirs)[0]
    torch.testing.assert_close(d, d_theirs, **FLOAT64)


def test_outputs_of_masked_steps(keras: Any) -> None:
    mask = torch.tensor(MASKS["end"]).bool()
    for zero in (True, False):
        theirs = build(keras, "GRU", zero_output_for_mask=zero)
        y, lengths = from_keras(theirs)(batch(), lengths=mask.sum(1))[0], mask.sum(1)
        expected = theirs(batch(), mask=mask)
        torch.testing.assert_close(y[mask], expected[mask], **FLOAT64)
        past = y[torch.arange(N), lengths - 1].unsqueeze(1).expand_as(y) * (0 if zero else 1)
        torch.testing.assert_close(expected[~mask], past[~mask], **FLOAT64)


def test_real_first_time_first_and_wrong_axes() -> None:
    x, mask = torch.randn(N, T, D), torch.tensor(MASKS["between"]).bool()
    expected, lengths = real_first(x, mask)
    torch.testing.assert_close(expected[0, :3], x[0, [0, 2, 3]], **EXACT)
    moved, same = real_first(x.transpose(0, 1), mask.T, batch_first=False)
    torch.testing.assert_close(moved.transpose(0, 1), expected, **EXACT)
    assert same.tolist() == lengths.tolist() == [3, 2, 5]
    assert real_first(x[..., 0], mask)[0].shape == (N, T)
    with pytest.raises(ShapeError, match=r"mask must be \[N, T\] = \[3, 5\]; got \[5, 3\]"):
        real_first(x, mask.T)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_stack_of_layers_is_one_layer(keras: Any, bidirectional: bool) -> None:
    width = 2 * H if bidirectional else H
    stack = [
        build(keras, "LSTM", bidirectional=bidirectional),
        build(keras, "LSTM", bidirectional=bidirectional, inputs=width),
    ]
    layer = from_keras(stack)
    assert layer.num_layers == 2
    torch.testing.assert_close(layer(batch())[0], stack[1](stack[0](batch())), **FLOAT64)
    for arrays, one in zip(to_keras(layer), stack, strict=True):
        for array, original in zip(arrays, one.get_weights(), strict=True):
            np.testing.assert_allclose(array, original, **ROUND_TRIP)
    again = from_keras([one.get_weights() for one in stack], cell="lstm")
    torch.testing.assert_close(again(batch())[0], layer(batch())[0], **EXACT)


def test_an_rnn_of_cells_is_a_stack(keras: Any) -> None:
    stack = keras.layers.StackedRNNCells(
        [keras.layers.GRUCell(H, dtype="float64") for _ in range(2)], dtype="float64"
    )
    one = keras.layers.RNN(stack, return_sequences=True, dtype="float64")
    one.build((None, None, D))
    layer = from_keras(one)
    assert (layer.num_layers, layer.cell) == (2, cells.GRU())
    torch.testing.assert_close(layer(batch())[0], one(batch()), **FLOAT64)
    before = one(batch())
    one.set_weights([np.zeros_like(array) for array in one.get_weights()])
    to_keras(layer, into=one)
    torch.testing.assert_close(one(batch()), before, **EXACT)


@pytest.mark.parametrize(("name", "options", "cell"), MAPPABLE, ids=IDS)
def test_ours_to_keras_and_back_computes_the_same(name: str, options: dict, cell: Any) -> None:
    torch.manual_seed(2)
    layer = ours.Recurrent(cell, D, H, 2, bidirectional=True, batch_first=True, dtype=torch.float64)
    back = from_keras(to_keras(layer), cell=cell)
    torch.testing.assert_close(back(batch())[0], layer(batch())[0], **FLOAT64)


def test_gates_worked_by_hand() -> None:
    # H = 1, D = 1: Keras's columns are i f c o, ours i f g o; z r h of a GRU are r z n here.
    lstm = from_keras(
        [np.array([[1.0, 2, 3, 4]]), np.array([[5.0, 6, 7, 8]]), np.array([9.0, 10, 11, 12])], cell="lstm"
    )
    assert lstm.weight_ih_l0.flatten().tolist() == [1, 2, 3, 4]
    assert lstm.bias_ih_l0.tolist() == [9, 10, 11, 12]
    assert lstm.bias_hh_l0.tolist() == [0, 0, 0, 0]
    gru = from_keras(
        [np.array([[1.0, 2, 3]]), np.array([[4.0, 5, 6]]), np.array([[7.0, 8, 9], [10.0, 11, 12]])],
        cell="gru",
    )
    assert gru.weight_ih_l0.flatten().tolist() == [2, 1, 3]
    assert gru.weight_hh_l0.flatten().tolist() == [5, 4, 6]
    assert gru.bias_ih_l0.tolist() == [8, 7, 9]
    assert gru.bias_hh_l0.tolist() == [11, 10, 12]


def test_a_recurrent_dropout_of_one_mask_and_frozen_layers_are_carried(keras: Any) -> None:
    frozen = build(keras, "SimpleRNN", recurrent_dropout=0.25, trainable=False)
    layer = from_keras([frozen, build(keras, "SimpleRNN", recurrent_dropout=0.25, inputs=H)])
    assert layer.recurrent_dropout == 0.25
    assert {n: p.requires_grad for n, p in layer.named_parameters()} == {
        **dict.fromkeys(["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"], False),
        **dict.fromkeys(["weight_ih_l1", "weight_hh_l1", "bias_ih_l1", "bias_hh_l1"], True),
    }


@pytest.mark.parametrize("name", ["float32", "float64", "bfloat16"])
def test_dtypes(keras: Any, name: str) -> None:
    layer = keras.layers.LSTM(H, dtype=name, recurrent_initializer="glorot_uniform")
    layer.build((None, None, D))
    mine = from_keras(layer)
    assert {p.dtype for p in mine.parameters()} == {getattr(torch, name)}
    to_keras(mine, into=layer)
    assert from_keras(layer, dtype=torch.float64).weight_ih_l0.dtype == torch.float64
    mixed = keras.layers.LSTM(H, dtype="mixed_bfloat16")
    mixed.build((None, None, D))
    assert from_keras(mixed).weight_ih_l0.dtype == torch.float32


def test_no_random_number_is_drawn() -> None:
    before = torch.get_rng_state()
    from_keras([np.zeros((D, 4 * H)), np.zeros((H, 4 * H))], cell="lstm")
    assert torch.equal(torch.get_rng_state(), before)
