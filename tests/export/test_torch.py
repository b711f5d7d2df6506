"""Torch's own layers are the oracle: modules, state dicts under wrappers and prefixes, and what weights alone do not tell."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

import peephole.nn as ours
from peephole import cells
from peephole.errors import OptionError, ShapeError
from peephole.export import from_torch, to_torch
from support.tolerances import EXACT, FLOAT64

D, H = 3, 6
KINDS: list[tuple[str, dict[str, Any], Any]] = [
    ("LSTM", {}, None),
    ("LSTM", {"proj_size": 2}, None),
    ("GRU", {}, None),
    ("RNN", {"nonlinearity": "tanh"}, cells.RNN("tanh")),
    ("RNN", {"nonlinearity": "relu"}, cells.RNN("relu")),
]
IDS = [f"{name}-{options}" for name, options, _ in KINDS]
SHAPES = [
    {"num_layers": 2, "bidirectional": True},
    {"num_layers": 3, "bias": False},
    {"bidirectional": True, "bias": False},
    {},
]


def layer(name: str = "LSTM", **options: Any) -> Any:
    torch.manual_seed(4)
    return getattr(nn, name)(D, H, **{"dtype": torch.float64, **options})


def outputs(module: Any) -> list[Tensor]:
    torch.manual_seed(1)
    y, hidden = module(torch.randn(5, 2, D, dtype=torch.float64))
    return [y, *(hidden if isinstance(hidden, tuple) else (hidden,))]


def agree(actual: Any, expected: Any, tolerance: Any = FLOAT64) -> None:
    for a, b in zip(outputs(actual), outputs(expected), strict=True):
        torch.testing.assert_close(a, b, **tolerance)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("name", "options", "cell"), KINDS, ids=IDS)
def test_sizes_are_read_off_a_state_dict(name: str, options: dict, cell: Any, shape: dict) -> None:
    theirs = layer(name, **options, **shape)
    mine = from_torch(theirs.state_dict(), cell=cell)
    assert type(mine) is getattr(ours, name)
    agree(mine, theirs)
    assert all(p.requires_grad for p in mine.parameters())
    assert all(
        a.data_ptr() != b.data_ptr() for a, b in zip(mine.parameters(), theirs.parameters(), strict=True)
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("name", "options", "cell"), KINDS, ids=IDS)
def test_there_and_back(name: str, options: dict, cell: Any, shape: dict) -> None:
    theirs = layer(name, batch_first=True, **options, **shape).eval()
    theirs.weight_hh_l0.requires_grad_(False)
    mine = from_torch(theirs)
    assert not any(a is b for a, b in zip(mine.parameters(), theirs.parameters(), strict=True))
    back = to_torch(mine)
    assert type(back) is type(theirs)
    assert repr(back) == repr(theirs)
    assert not back.training
    assert [n for n, p in back.named_parameters() if not p.requires_grad] == ["weight_hh_l0"]
    agree(back, theirs, EXACT)


def test_models_prefixes_and_wrappers() -> None:
    model = nn.ModuleDict({"encoder": nn.ModuleDict({"rnn": layer()}), "head": nn.Linear(H, 1)})
    agree(from_torch(model.state_dict()), model["encoder"]["rnn"])
    wrapped = torch.compile(nn.DataParallel(model), backend="eager").state_dict()
    assert next(iter(wrapped)).startswith("_orig_mod.module.encoder.rnn.weight_ih_l0")
    agree(from_torch(wrapped), model["encoder"]["rnn"])
    model["decoder"] = layer("GRU")
    for prefix in ("decoder", "decoder."):
        agree(from_torch(nn.DataParallel(model).state_dict(), prefix=prefix), model["decoder"])
    with pytest.raises(
        OptionError, match=r"prefix say which(.|\n)*under the prefixes 'decoder.', 'encoder.rnn.'"
    ):
        from_torch(model.state_dict())
    with pytest.raises(OptionError, match="a layer must be there; got prefix='encoder'"):
        from_torch(model.state_dict(), prefix="encoder")
    with pytest.raises(OptionError, match=r"one recurrent layer must be there.*weight, bias"):
        from_torch(nn.Linear(1, 1).state_dict())


def test_dtypes() -> None:
    state = layer().state_dict()
    state["bias_ih_l0"] = state["bias_ih_l0"].float()
    with pytest.raises(OptionError, match=r"weights must have one dtype; got torch\.float32, torch\.float64"):
        from_torch(state)
    assert {p.dtype for p in from_torch(state, dtype=torch.bfloat16).parameters()} == {torch.bfloat16}
    with pytest.raises(OptionError, match=r"numbers with a fraction; got torch\.int8"):
        from_torch({name: weight.to(torch.int8) for name, weight in state.items()})


def test_options_of_the_new_layer() -> None:
    mine = from_torch(layer(num_layers=2).state_dict(), batch_first=True, dropout=0.5)
    assert mine.batch_first
    assert mine.dropout == 0.5
    assert from_torch(layer(), dtype=torch.float32).weight_ih_l0.dtype == torch.float32
    with pytest.raises(OptionError, match="belong to a state dict"):
        from_torch(layer(), cell="lstm")


def test_what_weights_do_not_tell() -> None:
    with pytest.raises(OptionError, match="of an RNN, cell must say which function"):
        from_torch(layer("RNN").state_dict())
    mine = ours.PeepholeLSTM(D, H, dtype=torch.float64, output_peephole="previous")
    with pytest.raises(OptionError, match="of peepholes, cell must say which cell state"):
        from_torch(mine.state_dict())
    agree(from_torch(mine.state_dict(), cell=mine.cell), mine, EXACT)
    own = ours.Recurrent(cells.CoupledLSTM(), D, H, dtype=torch.float64)
    agree(from_torch(own.state_dict(), cell="coupled-lstm"), own, EXACT)


def test_weights_that_are_wrong() -> None:
    state = layer(num_layers=2).state_dict()
    del state["bias_hh_l1"]
    state["weight_ih_l1"] = state["weight_ih_l1"][:, :-1]
    with pytest.raises(
        ShapeError, match=r"bias_hh_l1 is missing; weight_ih_l1 must be \[24, 6\]; got \[24, 5\]"
    ):
        from_torch(state)
    with pytest.raises(
        ShapeError, match=r"weight_hh_l0 must be \[G·H, H\] with G = 1, 3 or 4 .* got \[12, 6\]"
    ):
        from_torch({"weight_ih_l0": torch.zeros(12, 3), "weight_hh_l0": torch.zeros(12, 6)})
    with pytest.raises(ShapeError, match="weight_ih_l0 and weight_hh_l0 must be there"):
        from_torch({"weight_hh_l0": torch.zeros(24, 6)})


def test_weights_made_of_others() -> None:
    normalised, pruned = layer(), layer()
    parametrizations.weight_norm(normalised, "weight_hh_l0")
    prune.l1_unstructured(pruned, "weight_hh_l0", 0.5)
    for theirs in (normalised, pruned):
        with pytest.raises(OptionError, match=r"weights under 'rnn\.' are made of others .*weight_hh_l0"):
            from_torch(nn.ModuleDict({"rnn": theirs}).state_dict())
    with torch.no_grad():
        normalised.parametrizations.weight_hh_l0.original0.mul_(2)
    agree(from_torch(normalised), normalised)
    with pytest.raises(OptionError, match="weight_hh_l0 is made by a hook at each call"):
        from_torch(pruned)


@pytest.mark.parametrize(
    ("mine", "reason"),
    [
        (lambda: ours.PeepholeLSTM(D, H), r"torch\.nn has layers of .* got PeepholeLSTM"),
        (lambda: ours.GRU(D, H, reset="before"), "got GRU.reset='before'"),
        (lambda: ours.Recurrent(cells.CoupledLSTM(), D, H), "got CoupledLSTM"),
        (
            lambda: ours.LSTM(D, H, recurrent_dropout=0.5),
            "torch.nn has no recurrent dropout; got recurrent_dropout=0.5",
        ),
    ],
)
def test_what_torch_has_not_is_refused(mine: Any, reason: str) -> None:
    with pytest.raises(OptionError, match=reason):
        to_torch(mine())


def test_recurrent_dropout_is_left_out_on_request() -> None:
    mine = ours.LSTM(D, H, recurrent_dropout=0.5, dtype=torch.float64)
    agree(to_torch(mine, inference=True), mine.eval())


def test_other_modules_are_refused() -> None:
    with pytest.raises(OptionError, match=r"source must be a torch\.nn\.LSTM, GRU or RNN; got Sequential"):
        from_torch(nn.Sequential(layer()))
    with pytest.raises(OptionError, match="got LSTMCell, a single step"):
        from_torch(nn.LSTMCell(D, H))
