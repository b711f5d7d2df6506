"""Bad calls: those that torch.nn refuses are refused with its type and its words, ours with a rule and what was given."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

import peephole.nn as ours
from peephole import cells
from peephole.errors import BackendUnavailable, LengthError, OptionError

Z = torch.zeros
KINDS = ["LSTM", "GRU", "RNN"]


def caught(call: Callable[[], object]) -> tuple[type[BaseException], str]:
    with pytest.raises(Exception) as info:  # noqa: PT011  the type is what the test is about
        call()
    return info.type, str(info.value)


CONSTRUCTORS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "bias int": ((3, 4), {"bias": 0}),
    "bias str": ((3, 4), {"bias": "True"}),
    "batch_first int": ((3, 4), {"batch_first": 1}),
    "batch_first str": ((3, 4), {"batch_first": "False"}),
    "input_size float": ((3.0, 4), {}),
    "input_size str": (("3", 4), {}),
    "input_size zero": ((0, 4), {}),
    "input_size negative": ((-1, 4), {}),
    "hidden_size float": ((3, 4.0), {}),
    "hidden_size zero": ((3, 0), {}),
    "num_layers zero": ((3, 4, 0), {}),
    "dropout above one": ((3, 4, 2), {"dropout": 1.5}),
    "dropout below zero": ((3, 4, 2), {"dropout": -0.1}),
    "dropout bool": ((3, 4, 2), {"dropout": True}),
    "proj_size negative": ((3, 4), {"proj_size": -1}),
    "proj_size too large": ((3, 4), {"proj_size": 4}),
    "proj_size zero by name": ((3, 4), {"proj_size": 0, "bias": 0}),
}


@pytest.mark.parametrize("case", CONSTRUCTORS)
@pytest.mark.parametrize("kind", KINDS)
def test_constructors_refuse_as_torchs(kind: str, case: str) -> None:
    args, kwargs = CONSTRUCTORS[case]
    theirs = caught(lambda: getattr(nn, kind)(*args, **kwargs))
    assert caught(lambda: getattr(ours, kind)(*args, **kwargs)) == theirs
    assert caught(lambda: getattr(ours, kind)(*args, **kwargs, backend="torch")) == theirs
    if kind == "LSTM":
        assert caught(lambda: ours.PeepholeLSTM(*args, **kwargs)) == theirs
        assert caught(lambda: ours.Recurrent(cells.CoupledLSTM(), *args, **kwargs)) == theirs


@pytest.mark.parametrize("call", [lambda c: c(3, 4, 1, "sine"), lambda c: c(3, 4, nonlinearity="Tanh")])
def test_an_unknown_nonlinearity_is_refused_as_torchs(call: Callable[[Any], object]) -> None:
    assert caught(lambda: call(ours.RNN)) == caught(lambda: call(nn.RNN))


def test_arguments_stand_where_torchs_stand() -> None:
    args = (3, 4, 2, True, False, 0.5, True)
    for kind, positional in (("LSTM", (*args, 2)), ("GRU", args), ("RNN", (3, 4, 2, "relu", *args[3:]))):
        theirs, mine = getattr(nn, kind)(*positional), getattr(ours, kind)(*positional)
        assert repr(mine) == repr(theirs)
        assert mine.mode == theirs.mode
    torch_cell, our_cell = nn.RNNCell(3, 4, False, "relu"), ours.RNNCell(3, 4, False, "relu")
    assert repr(our_cell) == repr(torch_cell)


@pytest.mark.parametrize("kind", [*KINDS, "PeepholeLSTM"])
def test_dropout_without_a_second_layer_warns_as_torchs(kind: str) -> None:
    texts: list[str] = []
    for layer in (getattr(nn, kind, nn.LSTM), getattr(ours, kind)):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            layer(3, 4, dropout=0.5)
        texts += [f"{warning.category.__name__} {warning.message}" for warning in seen]
    assert len(texts) == 2
    assert texts[0] == texts[1]


def hx(kind: str, *shape: int, dtype: torch.dtype = torch.float64, device: str = "cpu") -> Any:
    state = Z(*shape, dtype=dtype, device=device)
    return (state, state) if kind == "LSTM" else state


def double(*shape: int) -> torch.Tensor:
    return Z(*shape, dtype=torch.float64)


# Each is called with a layer (3 inputs, 4 units, float64) and its kind.
FORWARDS: dict[str, Callable[[Any, str], object]] = {
    "1-D": lambda layer, kind: layer(double(3)),
    "4-D": lambda layer, kind: layer(double(2, 2, 2, 3)),
    "features": lambda layer, kind: layer(double(5, 2, 7)),
    "features unbatched": lambda layer, kind: layer(double(5, 7)),
    "no steps": lambda layer, kind: layer(double(0, 2, 3)),
    "no steps unbatched": lambda layer, kind: layer(double(0, 3)),
    "float32": lambda layer, kind: layer(Z(5, 2, 3)),
    "int64": lambda layer, kind: layer(Z(5, 2, 3, dtype=torch.int64)),
    "batched with 2-D states": lambda layer, kind: layer(double(5, 2, 3), hx(kind, 1, 4)),
    "unbatched with 3-D states": lambda layer, kind: layer(double(5, 3), hx(kind, 1, 1, 4)),
    "states for another batch": lambda layer, kind: layer(double(5, 2, 3), hx(kind, 1, 3, 4)),
    "states for another width": lambda layer, kind: layer(double(5, 2, 3), hx(kind, 1, 2, 5)),
    "states for other layers": lambda layer, kind: layer(double(5, 2, 3), hx(kind, 2, 2, 4)),
    "states of unbatched": lambda layer, kind: layer(double(5, 3), hx(kind, 2, 4)),
    "states elsewhere": lambda layer, kind: layer(double(5, 2, 3), hx(kind, 1, 2, 4, device="meta")),
    "input elsewhere": lambda layer, kind: layer(Z(5, 2, 3, dtype=torch.float64, device="meta")),
    "states float32": lambda layer, kind: layer(double(5, 2, 3), hx(kind, 1, 2, 4, dtype=torch.float32)),
    "no tensor": lambda layer, kind: layer([1.0]),
}
ONE_STATE = {
    "a tuple": lambda layer, kind: layer(double(5, 2, 3), (double(1, 2, 4),)),
    "packed features": lambda layer, kind: layer(pack_sequence([double(2, 5)])),
    "packed float32": lambda layer, kind: layer(pack_sequence([Z(2, 3)])),
    "packed states": lambda layer, kind: layer(pack_sequence([double(2, 3)]), double(1, 2, 4)),
}
TWO_STATES = {
    "two sizes": lambda layer, kind: layer(double(5, 2, 3), (double(1, 2, 4), double(1, 2, 5))),
    "two ranks": lambda layer, kind: layer(double(5, 2, 3), (double(1, 2, 4), double(2, 4))),
    "three states": lambda layer, kind: layer(double(5, 2, 3), (double(1, 2, 4),) * 3),
    "one state": lambda layer, kind: layer(double(5, 2, 3), (double(1, 2, 4),)),
    "no states": lambda layer, kind: layer(double(5, 2, 3), (None, None)),
}
CALLS = [
    pytest.param(kind, call, id=f"{kind} {case}")
    for kind in KINDS
    for case, call in (FORWARDS | (TWO_STATES if kind == "LSTM" else ONE_STATE)).items()
]


@pytest.mark.parametrize("backend", ["reference", "torch"])
@pytest.mark.parametrize(("kind", "call"), CALLS)
def test_forward_refuses_as_torchs(kind: str, call: Callable[[Any, str], object], backend: str) -> None:
    theirs = getattr(nn, kind)(3, 4, dtype=torch.float64)
    mine = getattr(ours, kind)(3, 4, dtype=torch.float64, backend=backend)
    assert caught(lambda: call(mine, kind)) == caught(lambda: call(theirs, kind))


@pytest.mark.parametrize(
    ("batch", "states", "type_", "text"),
    [
        (
            pack_sequence([double(2, 5)]),
            None,
            RuntimeError,
            "input.size(-1) must be equal to input_size. Expected 3, got 5",
        ),
        (
            pack_sequence([Z(2, 3)]),
            None,
            ValueError,
            "RNN input dtype (torch.float32) does not match weight dtype (torch.float64). "
            "Convert input: input.to(torch.float64), or convert model: model.to(torch.float32)",
        ),
        (
            pack_sequence([double(2, 3)]),
            (double(1, 2, 4), double(1, 2, 4)),
            RuntimeError,
            "Expected hidden[0] size (1, 1, 4), got [1, 2, 4]",
        ),
    ],
    ids=["features", "dtype", "states"],
)
def test_a_packed_lstm_is_checked_like_a_dense_one(batch: Any, states: Any, type_: type, text: str) -> None:
    # Torch's own does not check here: it fails inside a product or, in float32, returns numbers without meaning.
    assert caught(lambda: ours.LSTM(3, 4, dtype=torch.float64)(batch, states)) == (type_, text)


def test_lengths_are_checked_with_their_places() -> None:
    layer = ours.GRU(3, 4, batch_first=True)
    x = Z(2, 5, 3)
    bad: list[tuple[Any, str]] = [
        ([6, 1], "lengths must be in [0, T] = [0, 5]; got lengths[0] = 6"),
        (torch.tensor([-1, 7]), "lengths must be in [0, T] = [0, 5]; got lengths[0] = -1, lengths[1] = 7"),
        ([1], "lengths must be [N] = [2], one for each sequence; got [1]"),
        ([[1, 2]], "lengths must be one axis of integers [N]; got int64 [1, 2]"),
        ([1.0, 2.0], "lengths must be one axis of integers [N]; got float64 [2]"),
        (torch.tensor([True, False]), "lengths must be one axis of integers [N]; got bool [2]"),
    ]
    for lengths, text in bad:
        assert caught(lambda lengths=lengths: layer(x, lengths=lengths)) == (
            LengthError,
            f"GRU.forward: {text}",
        )
    with pytest.raises(LengthError, match=r"GRU\.forward: a PackedSequence has lengths of its own"):
        layer(pack_sequence([Z(2, 3)]), lengths=[2])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: ours.LSTM(3, 4, init="ortogonal"),
            "LSTM: init must be one of 'torch', 'orthogonal', 'identity', 'chrono'; got 'ortogonal' (did you mean 'orthogonal'?)",
        ),
        (
            lambda: ours.LSTM(3, 4, init="chrono"),
            "LSTM: init='chrono' needs chrono_length, the longest dependency expected in steps; got None",
        ),
        (
            lambda: ours.LSTM(3, 4, chrono_length=9),
            "LSTM: chrono_length belongs to init='chrono'; got 9 with init='torch'",
        ),
        (
            lambda: ours.LSTM(3, 4, init="chrono", chrono_length=2),
            "LSTM: chrono_length must be a finite number of steps above 2; got 2",
        ),
        (
            lambda: ours.RNN(3, 4, init="chrono", chrono_length=9),
            "RNN: init='chrono' needs a cell with a forget gate f; got RNN (gates a)",
        ),
        (
            lambda: ours.GRU(3, 4, forget_bias=1.0),
            "GRU: forget_bias needs a cell with a forget gate f; got GRU (gates r, z, n)",
        ),
        (
            lambda: ours.LSTM(3, 4, forget_bias=float("nan")),
            "LSTM: forget_bias must be a finite number; got nan",
        ),
        (
            lambda: ours.LSTM(3, 4, bias=False, forget_bias=1.0, init="chrono", chrono_length=9),
            "LSTM: forget_bias and init='chrono' both set the forget gate's bias: give one of them; "
            "init='chrono' and forget_bias need biases; got bias=False",
        ),
        (
            lambda: ours.LSTM(3, 4, recurrent_dropout=1.5),
            "LSTM: recurrent_dropout must be a probability in [0, 1]; got 1.5",
        ),
        (
            lambda: ours.LSTM(3, 4, recurrent_dropout=True),
            "LSTM: recurrent_dropout must be a probability in [0, 1]; got True",
        ),
        (
            lambda: ours.LSTM(3, 4, backend="tirton"),
            "LSTM: backend must be one of 'auto', 'compiled', 'triton', 'torch', 'reference'; "
            "got 'tirton' (did you mean 'triton'?)",
        ),
        (lambda: ours.GRU(3, 4, reset="never"), "GRU: reset must be one of 'after', 'before'; got 'never'"),
        (
            lambda: ours.PeepholeLSTM(3, 4, peephole="none"),
            "PeepholeLSTM: peephole must be one of 'diagonal', 'full'; got 'none'",
        ),
        (
            lambda: ours.Recurrent(cells.GRU(), 3, 4, proj_size=2),
            "Recurrent: proj_size must be 0 for a cell in which h enters otherwise than through products; "
            "got proj_size=2 for GRU(reset='after')",
        ),
    ],
)
def test_what_torch_has_not_is_refused_with_the_rule(call: Callable[[], object], text: str) -> None:
    assert caught(call) == (OptionError, text)


def test_a_cell_is_asked_for() -> None:
    with pytest.raises(
        TypeError, match=r"Recurrent: cell must be a Cell, for example cells\.GRU\(\); got 'gru'"
    ):
        ours.Recurrent("gru", 3, 4)  # pyright: ignore[reportArgumentType]


def test_a_named_backend_is_honoured_or_refused() -> None:
    with pytest.raises(BackendUnavailable, match="torch has no kernel for PeepholeLSTM"):
        ours.PeepholeLSTM(3, 4, backend="torch")(Z(2, 2, 3))
    layer = ours.LSTM(3, 4, backend="torch", recurrent_dropout=0.5)
    layer.eval()(Z(2, 2, 3))  # nothing is dropped, so torch's kernel will do
    with pytest.raises(BackendUnavailable, match="no recurrent dropout"):
        layer.train()(Z(2, 2, 3))
