"""What of Keras cannot be ours is refused with the reason, all reasons at once, or left out on request."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

import peephole.nn as ours
from peephole import cells
from peephole.errors import OptionError, ShapeError
from peephole.export import from_keras, to_keras
from support.keras_layers import D, H, batch, build
from support.tolerances import FLOAT64

pytestmark = [
    pytest.mark.usefixtures("exact_products"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # of Keras's own arrays
]


def tanh(x: Any) -> Any:  # somebody's function, called as Keras's is
    return x


TRAINING = {
    "dropout": 0.5,
    "recurrent_dropout": 0.5,
    "kernel_regularizer": "l2",
    "recurrent_regularizer": "l2",
    "bias_regularizer": "l2",
    "kernel_constraint": "max_norm",
    "recurrent_constraint": "max_norm",
    "bias_constraint": "max_norm",
    "activity_regularizer": "l2",
}
REFUSED = {
    "activation": ["relu", None, "sigmoid", tanh],
    "recurrent_activation": ["hard_sigmoid", "tanh", None],
    "go_backwards": [True],
}


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
@pytest.mark.parametrize("option", TRAINING)
def test_what_changes_training_is_refused_or_left_out_on_request(keras: Any, name: str, option: str) -> None:
    theirs = build(keras, name, **{option: TRAINING[option]})
    with pytest.raises(
        OptionError, match=rf"from_keras: {name} '.*' cannot be converted: {option}=.*inference=True"
    ):
        from_keras(theirs)
    layer = from_keras(theirs, inference=True)
    torch.testing.assert_close(layer(batch())[0], theirs(batch(), training=False), **FLOAT64)


@pytest.mark.parametrize(
    ("option", "value"),
    [(k, v) for k, values in REFUSED.items() for v in values],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_what_changes_the_numbers_is_refused(keras: Any, option: str, value: Any) -> None:
    theirs = build(keras, "LSTM", **{option: value})
    for inference in (False, True):
        with pytest.raises(OptionError, match=f"cannot be converted: {option}="):
            from_keras(theirs, inference=inference)
    with pytest.raises(OptionError, match=f"to_keras: .* cannot be converted: {option}="):
        to_keras(ours.LSTM(D, H), into=theirs)


@pytest.mark.parametrize(
    "option", ["return_sequences", "return_state", "stateful", "unroll", "zero_output_for_mask"]
)
def test_what_is_interface_passes(keras: Any, option: str) -> None:
    for value in (True, False):
        assert isinstance(from_keras(build(keras, "GRU", **{option: value})), ours.GRU)


def test_every_option_that_keras_has_is_in_the_table(keras: Any) -> None:
    from peephole.export.keras_table import BIDIRECTIONAL, CELLS, COMMON, LAYER

    for name, cell in (("LSTM", "LSTMCell"), ("GRU", "GRUCell"), ("SimpleRNN", "SimpleRNNCell")):
        config = set(build(keras, name).get_config()) - {"seed"}
        assert config == set(COMMON) | set(LAYER) - {"cell"} | set(CELLS[cell]) - {"seed"}
    assert set(build(keras, "GRU", bidirectional=True).get_config()) == set(COMMON) | set(BIDIRECTIONAL)


@pytest.mark.parametrize("mode", ["sum", "mul", "ave", None])
def test_directions_that_are_merged_are_refused(keras: Any, mode: str | None) -> None:
    theirs = keras.layers.Bidirectional(keras.layers.GRU(H), merge_mode=mode)
    theirs.build((None, None, D))
    with pytest.raises(OptionError, match=rf"merge_mode={mode!r}: our outputs stand side by side"):
        from_keras(theirs)


def others(keras: Any) -> dict[str, Any]:
    layers = keras.layers

    class OwnLSTM(layers.LSTM):
        pass

    class OwnCell(layers.LSTMCell):
        pass

    def built(layer: Any) -> Any:
        layer.build((None, None, D))
        return layer

    return {
        "is none of keras.layers.LSTM": built(OwnLSTM(H)),
        "the cell .*OwnCell is none of": built(layers.RNN(OwnCell(H))),
        "Dense is none of": built(layers.Dense(H)),
        "it has no weights yet": layers.GRU(H),
        "stacks of their own": built(layers.Bidirectional(layers.RNN([layers.GRUCell(H), layers.GRUCell(H)]))),
        "its directions differ": built(
            layers.Bidirectional(layers.GRU(H), backward_layer=layers.GRU(H, reset_after=False, go_backwards=True))
        ),
        "reads backwards, and ours reads forwards": built(
            layers.Bidirectional(layers.GRU(H, go_backwards=True), backward_layer=layers.GRU(H))
        ),
    }  # fmt: skip


@pytest.mark.parametrize("k", range(7))
def test_other_layers_are_refused(keras: Any, k: int) -> None:
    reason, theirs = list(others(keras).items())[k]
    with pytest.raises(OptionError, match=reason):
        from_keras(theirs)


def test_all_problems_are_named_at_once(keras: Any) -> None:
    with pytest.raises(OptionError, match=r"activation=.*recurrent_activation=.*dropout=") as caught:
        from_keras(build(keras, "LSTM", activation="relu", recurrent_activation="hard_sigmoid", dropout=0.1))
    assert "weights.md" in str(caught.value)


def test_layers_that_are_not_alike_are_refused(keras: Any) -> None:
    first = build(keras, "LSTM")
    with pytest.raises(OptionError, match=r"cell of layer 1 is GRU\(reset='after'\), of layer 0 LSTM\(\)"):
        from_keras([first, build(keras, "GRU", inputs=H)])
    with pytest.raises(OptionError, match="use_bias of layer 1 is False"):
        from_keras([first, build(keras, "LSTM", inputs=H, use_bias=False)])
    with pytest.raises(OptionError, match="layer 0 hands on its last output alone"):
        from_keras([build(keras, "LSTM", return_sequences=False), build(keras, "LSTM", inputs=H)])


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: ours.PeepholeLSTM(D, H), "Keras has LSTM, GRU .* got PeepholeLSTM"),
        (lambda: ours.Recurrent(cells.CoupledLSTM(), D, H), "got CoupledLSTM"),
        (lambda: ours.LSTM(D, H, proj_size=2), "Keras has no projection; got proj_size=2"),
    ],
)
def test_what_keras_has_not_is_refused(layer: Any, reason: str) -> None:
    with pytest.raises(OptionError, match=reason):
        to_keras(layer())


def test_into_a_layer_that_computes_something_else(keras: Any) -> None:
    gru = build(keras, "GRU", reset_after=False)
    before = gru.get_weights()
    with pytest.raises(
        OptionError, match=r"cell of layer 0: GRU\(reset='after'\) here, GRU\(reset='before'\) in GRU"
    ):
        to_keras(ours.GRU(D, H), into=gru)
    with pytest.raises(OptionError, match="shapes of layer 0"):
        to_keras(ours.GRU(D + 1, H, reset="before"), into=gru)
    with pytest.raises(OptionError, match="number of layers: 2 here, 1 there"):
        to_keras(ours.GRU(D, H, 2, reset="before"), into=gru)
    for array, kept in zip(gru.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, kept)
    with pytest.raises(TypeError, match="got LSTM"):
        to_keras(torch.nn.LSTM(D, H))  # type: ignore[arg-type]


def test_arrays_that_are_wrong() -> None:
    kernel, recurrent = np.zeros((D, 3 * H)), np.zeros((H, 3 * H))
    for cell, bias in itertools.product([cells.GRU("after"), cells.GRU("before")], [(3 * H,), (2, 3 * H)]):
        arrays = [kernel, recurrent, np.zeros(bias)]
        if (cell.reset == "after") == (len(bias) == 2):
            assert from_keras(arrays, cell=cell).cell == cell
        else:
            with pytest.raises(ShapeError, match="bias must be"):
                from_keras(arrays, cell=cell)
    with pytest.raises(ShapeError, match=r"kernel must be \[D, 18\]; got \[4, 17\]"):
        from_keras([kernel[:, :-1], recurrent], cell="gru")
    with pytest.raises(ShapeError, match=r"2 or 3, 4 or 6 if bidirectional; got \[1\]"):
        from_keras([kernel], cell="gru")
    with pytest.raises(OptionError, match="arrays do not say of what cell they are"):
        from_keras([kernel, recurrent])
    with pytest.raises(OptionError, match=r"one dtype .* got float32, float64"):
        from_keras([kernel, recurrent.astype("float32")], cell="gru")
    assert (
        from_keras([kernel, recurrent.astype("float32")], cell="gru", dtype=torch.float32).weight_hh_l0.dtype
        == torch.float32
    )
    with pytest.raises(OptionError, match="got int64"):
        from_keras([kernel.astype(int), recurrent.astype(int)], cell="gru")
    with pytest.raises(OptionError, match="Keras has LSTM"):
        from_keras([kernel, recurrent], cell="peephole-lstm")
