"""What else a torch.nn layer can do: copies, pickles, devices, parametrisations, replicas, and what keeps them in step."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.modules.rnn import RNNBase
from torch.nn.utils import parametrizations, parametrize

import peephole.nn as ours
from peephole import cells
from support.tolerances import EXACT, FLOAT64

D, H = 3, 4

# Torch says so once in a process, of its own layer too.
pytestmark = pytest.mark.filterwarnings(
    "ignore:LSTM with projections is not supported with oneDNN:UserWarning"
)


def layers() -> list[Any]:
    return [
        ours.RNN(D, H, nonlinearity="relu"),
        ours.LSTM(D, H, 2, proj_size=2, bidirectional=True, forget_bias=1.0),
        ours.PeepholeLSTM(D, H, peephole="full", recurrent_dropout=0.2),
        ours.GRU(D, H, 2, bias=False, reset="before", backend="reference"),
        ours.Recurrent(cells.CoupledLSTM(), D, H, init="chrono", chrono_length=20),
    ]


def output(layer: Any, x: torch.Tensor) -> torch.Tensor:
    return layer.eval()(x)[0]


def through_torch_save(layer: Any) -> Any:
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer)), through_torch_save],
    ids=["deepcopy", "pickle", "save"],
)
def test_copies_compute_the_same_and_share_nothing(copied: Any) -> None:
    x = torch.randn(5, 2, D)
    for layer in layers():
        layer(x)
        twin = copied(layer)
        assert repr(twin) == repr(layer)
        assert twin.cell == layer.cell
        torch.testing.assert_close(output(twin, x), output(layer, x), **EXACT)
        before = output(layer, x).clone()
        with torch.no_grad():
            for parameter in twin.parameters():
                parameter.fill_(0.3)
        torch.testing.assert_close(output(layer, x), before, **EXACT)
        assert (output(twin, x) - before).abs().max() > 0
        assert twin._flat_weights[0] is twin.weight_ih_l0
        assert twin.all_weights[0][1] is twin.weight_hh_l0


def test_step_modules_are_copied() -> None:
    for cell in (
        ours.RNNCell(D, H),
        ours.LSTMCell(D, H),
        ours.GRUCell(D, H, reset="before"),
        ours.PeepholeLSTMCell(D, H),
    ):
        x = torch.randn(2, D)
        for twin in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
            torch.testing.assert_close(twin(x), cell(x), **EXACT)


def test_the_printed_form_is_torchs_and_ours_after_it() -> None:
    assert [repr(layer) for layer in layers()] == [
        "RNN(3, 4)",
        "LSTM(3, 4, proj_size=2, num_layers=2, bidirectional=True, forget_bias=1.0)",
        "PeepholeLSTM(3, 4, peephole='full', recurrent_dropout=0.2)",
        "GRU(3, 4, num_layers=2, bias=False, reset='before', backend='reference')",
        "Recurrent(CoupledLSTM(), 3, 4, init='chrono', chrono_length=20)",
    ]
    for kind, options in (
        ("LSTM", {"proj_size": 2}),
        ("GRU", {"bias": False}),
        ("RNN", {"num_layers": 2, "dropout": 0.1}),
    ):
        assert repr(getattr(ours, kind)(D, H, **options)) == repr(getattr(nn, kind)(D, H, **options))
    for kind in ("LSTMCell", "GRUCell", "RNNCell"):
        assert repr(getattr(ours, kind)(D, H, bias=False)) == repr(getattr(nn, kind)(D, H, bias=False))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_attributes_are_torchs(kind: str) -> None:
    args: dict[str, Any] = {
        "num_layers": 2,
        "bias": False,
        "batch_first": True,
        "dropout": 0.5,
        "bidirectional": True,
    }
    theirs, mine = getattr(nn, kind)(D, H, **args), getattr(ours, kind)(D, H, **args)
    own = {"cell", "init", "chrono_length", "forget_bias", "recurrent_dropout", "backend"}
    tensors = {"_parameters", "_flat_weights", "_flat_weight_refs"}
    assert set(vars(mine)) == set(vars(theirs)) | own
    for name in set(vars(theirs)) - tensors:
        assert vars(mine)[name] == vars(theirs)[name], name
    assert [[w.shape for w in ws] for ws in mine.all_weights] == [
        [w.shape for w in ws] for ws in theirs.all_weights
    ]
    assert {name for name in dir(theirs) if not name.startswith("_")} <= set(dir(mine))


def test_what_isinstance_says() -> None:
    for layer in layers():
        assert isinstance(layer, RNNBase)
        assert isinstance(layer, ours.Recurrent)
        assert not isinstance(layer, (nn.LSTM, nn.GRU, nn.RNN))
    assert isinstance(ours.LSTMCell(D, H), nn.RNNCellBase)
    assert not isinstance(ours.LSTMCell(D, H), nn.LSTMCell)


def test_assigning_a_weight_is_seen() -> None:
    x = torch.randn(5, 2, D)
    for kind in ("LSTM", "GRU", "PeepholeLSTM"):
        layer = getattr(ours, kind)(D, H, 2)
        twin = copy.deepcopy(layer)
        for name, weight in list(layer.named_parameters()):
            setattr(layer, name, nn.Parameter(weight.detach() + 0.1))
            twin.load_state_dict(layer.state_dict())
            assert layer._flat_weights[layer._flat_weights_names.index(name)] is getattr(layer, name)
            torch.testing.assert_close(output(layer, x), output(twin, x), **EXACT)


def test_weights_may_be_taken_away_and_given_back() -> None:
    # Torch's own test of partially filled flat weights.
    layer = ours.LSTM(D, H)
    x = torch.randn(5, 2, D)
    before = output(layer, x)
    weights = [layer.weight_ih_l0, layer.weight_hh_l0]
    del layer.weight_ih_l0, layer.weight_hh_l0
    assert layer._flat_weights[0] is weights[0]
    layer.flatten_parameters()
    layer.weight_ih_l0, layer.weight_hh_l0 = weights
    torch.testing.assert_close(output(layer, x), before, **EXACT)


def test_tied_weights_are_one_parameter() -> None:
    layer = ours.PeepholeLSTM(D, D, 2)
    for name in ("weight_ih", "weight_hh", "weight_ch"):
        setattr(layer, f"{name}_l1", getattr(layer, f"{name}_l0"))
    assert len(list(layer.parameters())) == 7
    layer(torch.randn(5, 2, D))[0].sum().backward()
    assert layer.weight_ch_l1.grad is layer.weight_ch_l0.grad is not None


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "PeepholeLSTM"])
def test_weight_norm_keeps_the_outputs_and_trains(kind: str) -> None:
    layer = getattr(ours, kind)(D, H, dtype=torch.float64)
    x = torch.randn(5, 2, D, dtype=torch.float64)
    before = output(layer, x)
    names = [name for name, _ in layer.named_parameters() if name.startswith("weight")]
    for name in names:
        parametrizations.weight_norm(layer, name)
    torch.testing.assert_close(output(layer, x), before, **FLOAT64)
    layer(x)[0].sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())
    with torch.no_grad():
        layer.parametrizations.weight_hh_l0.original0.mul_(2)
    assert (output(layer, x) - before).abs().max() > 1e-3
    with parametrize.cached():
        layer(x)
    for name in names:
        parametrize.remove_parametrizations(layer, name)
    assert layer._get_name() == kind
    assert (output(layer, x) - before).abs().max() > 1e-3


def test_the_older_weight_norm() -> None:
    layer = ours.GRU(D, H, dtype=torch.float64)
    x = torch.randn(5, 2, D, dtype=torch.float64)
    before = output(layer, x)
    with pytest.warns(FutureWarning, match="weight_norm"):
        nn.utils.weight_norm(layer, "weight_hh_l0")
    torch.testing.assert_close(output(layer, x), before, **FLOAT64)
    with torch.no_grad():
        layer.weight_hh_l0_g.mul_(2)
    assert (output(layer, x) - before).abs().max() > 1e-3


def test_functional_call_uses_the_weights_it_is_given() -> None:
    x = torch.randn(5, 2, D)
    for layer in layers():
        before = output(layer, x)
        given = {name: weight.detach() * 2 for name, weight in layer.named_parameters()}
        y, _ = functional_call(layer, given, (x,))
        twin = copy.deepcopy(layer)
        twin.load_state_dict(given)
        torch.testing.assert_close(y, output(twin, x), **EXACT)
        torch.testing.assert_close(output(layer, x), before, **EXACT)


def test_replicas_have_weights_of_their_own() -> None:
    for layer in layers():
        x = torch.randn(5, 2, D)
        before = output(layer, x)
        replica = layer._replicate_for_data_parallel()
        for name, weight in layer.named_parameters():
            setattr(replica, name, weight.detach() * 2)  # as torch.nn.parallel.replicate does
        twin = copy.deepcopy(layer)
        twin.load_state_dict({name: weight * 2 for name, weight in layer.state_dict().items()})
        torch.testing.assert_close(output(replica, x), output(twin, x), **EXACT)
        torch.testing.assert_close(output(layer, x), before, **EXACT)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_to_another_dtype(dtype: torch.dtype) -> None:
    for layer in layers():
        moved = layer.to(dtype)
        assert all(weight.dtype == dtype for weight in moved._flat_weights)
        y, hidden = moved(torch.randn(5, 2, D, dtype=dtype), lengths=[5, 0])
        assert {t.dtype for t in (y, *(hidden if isinstance(hidden, tuple) else (hidden,)))} == {dtype}


def test_the_meta_device_gives_shapes() -> None:
    for layer in layers():
        real = layer(torch.zeros(5, 2, D))
        meta = layer.to("meta")(torch.zeros(5, 2, D, device="meta"))
        for a, b in zip(
            torch.utils._pytree.tree_leaves(meta), torch.utils._pytree.tree_leaves(real), strict=True
        ):
            assert a.is_meta
            assert a.shape == b.shape


def test_factory_arguments() -> None:
    for layer in (
        ours.LSTM(D, H, dtype=torch.float64),
        ours.PeepholeLSTM(D, H, device="cpu", dtype=torch.float64),
    ):
        assert all(parameter.dtype == torch.float64 for parameter in layer.parameters())
    with torch.device("meta"):
        assert all(parameter.is_meta for parameter in ours.PeepholeLSTM(D, H).parameters())


def test_batch_first_outputs_are_views_of_time_major_ones_and_states_are_not_turned() -> None:
    layer = ours.LSTM(D, H, batch_first=True, bidirectional=True)
    y, (h, c) = layer(torch.randn(2, 5, D))
    assert y.shape == (2, 5, 2 * H)
    assert y.transpose(0, 1).is_contiguous()
    assert h.shape == c.shape == (2, 2, H)


def test_inputs_are_left_alone() -> None:
    x, state = torch.randn(5, 2, D), torch.randn(1, 2, H)
    kept = x.clone(), state.clone()
    for layer in (ours.GRU(D, H), ours.GRU(D, H, reset="before")):
        layer(x, state, lengths=[3, 0])
        torch.testing.assert_close((x, state), kept, **EXACT)
