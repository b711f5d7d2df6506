"""`convert`: the same numbers as torch's own layers, the very same parameters, and a reason for whatever is left."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import peephole.nn as ours
from peephole import cells
from peephole.errors import OptionError
from peephole.nn import convert
from support.tolerances import EXACT, FLOAT64

T, N, D, H = 5, 4, 3, 6
KINDS: list[tuple[str, dict[str, Any], Any]] = [
    ("LSTM", {}, cells.LSTM()),
    ("LSTM", {"proj_size": 2}, cells.LSTM()),
    ("GRU", {}, cells.GRU()),
    ("RNN", {}, cells.RNN()),
    ("RNN", {"nonlinearity": "relu"}, cells.RNN("relu")),
]


def layer(kind: str = "LSTM", **options: Any) -> Any:
    torch.manual_seed(7)
    return getattr(nn, kind)(D, H, **{"dtype": torch.float64, **options})


def results(model: Any, x: Any) -> dict[str, Tensor]:
    """Outputs, final states, and the gradient of every parameter and of the input."""
    leaf = x.data if isinstance(x, PackedSequence) else x
    leaf.requires_grad_()
    torch.manual_seed(11)  # of dropout's masks
    y, hidden = model(x)
    y = y.data if isinstance(y, PackedSequence) else y
    states = hidden if isinstance(hidden, tuple) else (hidden,)
    leaves = {"input": leaf, **{n: p for n, p in model.named_parameters() if p.requires_grad}}
    total = sum(
        (value * torch.arange(1, value.numel() + 1).view_as(value).sin()).sum() for value in (y, *states)
    )
    gradients = torch.autograd.grad(total, list(leaves.values()))
    found = {"y": y.detach(), **{f"state {k}": s.detach() for k, s in enumerate(states)}}
    return {**found, **{f"d {name}": d for name, d in zip(leaves, gradients, strict=True)}}


def agree(actual: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert list(actual) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(
            actual[name], value, **FLOAT64, msg=lambda text, name=name: f"{name}: {text}"
        )


def batch(form: str = "dense", batch_first: bool = False) -> Any:
    torch.manual_seed(3)
    x = torch.randn(*((N, T) if batch_first else (T, N)), D, dtype=torch.float64)
    return x if form == "dense" else pack_padded_sequence(x, torch.tensor([3, 1, 5, 3]), batch_first, False)


class Model(nn.Module):
    """Two layers, one of them in two places, beside what is not recurrent."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.encoder = nn.ModuleDict({"rnn": nn.GRU(D, H, dtype=torch.float64)})
        self.decoders = nn.ModuleList([self.encoder["rnn"], nn.LSTM(H, H, dtype=torch.float64)])
        self.head = nn.Linear(H, 1, dtype=torch.float64)

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        h = self.encoder["rnn"](x)[1]
        y = self.decoders[0](x, h)[0]
        y, state = self.decoders[1](y)
        return self.head(y), state


@pytest.mark.parametrize("form", ["dense", "packed"])
@pytest.mark.parametrize(("kind", "extra", "cell"), KINDS, ids=[f"{k}{e or ''}" for k, e, _ in KINDS])
@pytest.mark.parametrize(
    ("bias", "batch_first", "bidirectional", "deep"),
    [
        (True, False, False, True),
        (True, True, True, False),
        (False, False, True, True),
        (False, True, False, False),
    ],
)
def test_outputs_states_and_gradients_are_those_of_torch(
    kind: str,
    extra: dict,
    cell: Any,
    form: str,
    bias: bool,
    batch_first: bool,
    bidirectional: bool,
    deep: bool,
) -> None:
    options = {"bias": bias, "batch_first": batch_first, "bidirectional": bidirectional, **extra}
    deeper = {"num_layers": 2, "dropout": 0.5} if deep else {}
    theirs = layer(kind, **options, **deeper)
    mine = convert(copy.deepcopy(theirs)).module
    assert type(mine) is getattr(ours, kind)
    assert mine.cell == cell
    agree(results(mine, batch(form, batch_first)), results(theirs, batch(form, batch_first)))


def test_the_parameters_are_the_very_same_and_an_optimizer_made_before_goes_on() -> None:
    theirs, model = Model(), Model()
    optimizers = [torch.optim.Adam(m.parameters(), lr=0.01) for m in (theirs, model)]
    before, names = list(model.parameters()), list(model.state_dict())
    report = convert(model)
    assert report.module is model
    assert all(a is b for a, b in zip(model.parameters(), before, strict=True))
    assert list(model.state_dict()) == names
    losses: list[list[float]] = [[], []]
    for _ in range(5):
        for m, optimizer, kept in zip((theirs, model), optimizers, losses, strict=True):
            loss = (m(batch())[0] - 1).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            kept.append(loss.item())
    assert losses[0][-1] < losses[0][0]
    torch.testing.assert_close(torch.tensor(losses[1]), torch.tensor(losses[0]), **FLOAT64)


def test_a_layer_in_two_places_is_replaced_by_one() -> None:
    model = Model()
    report = convert(model)
    assert type(model.encoder["rnn"]) is ours.GRU
    assert model.encoder["rnn"] is model.decoders[0]
    assert dict(report.replaced) == {
        "encoder.rnn = decoders.0": "peephole.nn.GRU(3, 6)",
        "decoders.1": "peephole.nn.LSTM(6, 6)",
    }
    assert not report.left
    assert repr(report) == (
        "convert: 2 layers replaced, 0 left as found\n"
        "  encoder.rnn = decoders.0  now peephole.nn.GRU(3, 6)\n"
        "  decoders.1                now peephole.nn.LSTM(6, 6)"
    )
    assert not convert(model).replaced  # nothing is left to do


def test_the_same_child_under_two_names_of_one_parent() -> None:
    model = nn.Module()
    model.a = model.b = layer()
    convert(model)
    assert type(model.a) is ours.LSTM
    assert model.a is model.b


def test_tied_parameters_stay_tied() -> None:
    model = nn.ModuleList([layer(), layer()])
    model[1].weight_hh_l0 = model[0].weight_hh_l0
    expected = results(nn.Sequential(copy.deepcopy(model)[1]), batch())
    convert(model)
    assert model[1].weight_hh_l0 is model[0].weight_hh_l0
    agree(results(nn.Sequential(model[1]), batch()), expected)


def test_no_random_number_is_drawn() -> None:
    model = nn.ModuleList([layer(kind) for kind in ("LSTM", "GRU", "RNN")])
    before = torch.get_rng_state()
    convert(model)
    assert torch.equal(torch.get_rng_state(), before)


def test_training_flag_frozen_weights_dtype_attributes_and_buffers_stay() -> None:
    theirs = layer(dtype=torch.bfloat16, num_layers=2, dropout=0.3).eval()
    theirs.weight_hh_l0.requires_grad_(False)
    theirs.note = "kept"
    theirs.register_buffer("seen", torch.ones(2))
    mine = convert(theirs).module
    assert not mine.training
    assert mine.dropout == 0.3
    assert [n for n, p in mine.named_parameters() if not p.requires_grad] == ["weight_hh_l0"]
    assert {p.dtype for p in mine.parameters()} == {torch.bfloat16}
    assert mine.note == "kept"
    assert mine.seen.tolist() == [1, 1]
    assert mine.to(torch.float64).weight_ih_l0.dtype == torch.float64


def test_hooks_go_on_and_their_handles_work() -> None:
    theirs, seen = layer(), []
    handle = theirs.register_forward_hook(lambda module, args, out: seen.append(type(module)))
    theirs.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    expected = results(copy.deepcopy(theirs), batch())
    seen.clear()
    mine = convert(theirs).module
    agree(results(mine, batch()), expected)
    assert seen == [ours.LSTM]
    handle.remove()
    mine(batch())
    assert len(seen) == 1


def weight_norm_of_old(m: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        nn.utils.weight_norm(m, "weight_hh_l0")


@pytest.mark.parametrize(
    "change",
    [
        lambda m: parametrizations.weight_norm(m, "weight_hh_l0"),
        lambda m: parametrizations.orthogonal(m, "weight_ih_l0"),
        weight_norm_of_old,
        lambda m: prune.l1_unstructured(m, "weight_hh_l0", 0.5),
    ],
    ids=["parametrised weight norm", "orthogonal", "weight norm", "pruning"],
)
def test_parametrised_normalised_and_pruned_layers_stay_so(change: Any) -> None:
    theirs = layer()
    change(theirs)
    expected_names, before = list(theirs.state_dict()), list(theirs.parameters())
    mine = convert(theirs).module
    assert isinstance(mine, ours.LSTM)
    assert list(mine.state_dict()) == expected_names
    assert all(a is b for a, b in zip(mine.parameters(), before, strict=True))
    fresh = layer()
    change(fresh)
    fresh.load_state_dict(mine.state_dict())
    agree(results(mine, batch()), results(fresh, batch()))


def test_a_parametrisation_can_be_removed_afterwards() -> None:
    theirs = layer()
    parametrizations.weight_norm(theirs, "weight_hh_l0")
    mine = convert(theirs).module
    parametrize.remove_parametrizations(mine, "weight_hh_l0")
    assert type(mine) is ours.LSTM
    found, expected = results(mine, batch()), results(layer(), batch())
    agree({name: found[name] for name in expected}, expected)  # parametrisations move a parameter to the end


def test_copies_pickles_and_checkpoints() -> None:
    model = Model()
    state = copy.deepcopy(model.state_dict())
    convert(model)
    x = batch()
    expected = model(x)[0]
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        torch.testing.assert_close(other(x)[0], expected, **EXACT)
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
    assert model.load_state_dict(state)
    torch.testing.assert_close(model(x)[0], expected, **EXACT)


class OwnLSTM(nn.LSTM):
    pass


class Sharded(nn.Module):
    __module__ = "torch.distributed.fsdp.fully_sharded_data_parallel"

    def __init__(self) -> None:
        super().__init__()
        self.inner = layer()


def scripted(module: nn.Module | None = None) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(module or layer())


def quantised() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.ao.nn.quantized.dynamic import LSTM

        return LSTM(D, H)


def compiled_in_place() -> nn.Module:
    module = layer()
    module.compile(backend="eager")
    return module


def patched() -> nn.Module:
    module = layer()
    module.forward = lambda x: x
    return module


def bound() -> nn.Module:
    module = layer()
    module.register_load_state_dict_pre_hook(lambda module, *rest: None)
    return module


LEFT = {
    "own": (lambda: OwnLSTM(D, H), "test_convert.OwnLSTM is a subclass of torch.nn.LSTM"),
    "cell": (lambda: nn.LSTMCell(D, H), "a single step, which has nothing to gain; peephole.nn.LSTMCell"),
    "scripted": (scripted, "compiled by TorchScript"),
    "compiled": (lambda: torch.compile(layer(), backend="eager"), "compiled by torch.compile"),
    "compiled in place": (compiled_in_place, "compiled by torch.compile"),
    "compiled above": (
        lambda: torch.compile(nn.ModuleList([layer()]), backend="eager"),
        "compiled by torch.compile",
    ),
    "sharded": (Sharded, "sharded by FSDP"),
    "quantised": (quantised, "quantised"),
    "patched": (patched, "its forward was replaced on the instance"),
    "bound": (bound, "a hook in _load_state_dict_pre_hooks holds on to the layer itself"),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_cannot_be_replaced_is_left_and_named_and_refused_as_the_root(name: str) -> None:
    make, reason = LEFT[name]
    module = make()
    model = nn.ModuleList([module, layer("GRU")])
    report = convert(model)
    assert model[0] is module
    assert type(model[1]) is ours.GRU
    assert list(report.left) == ["0"]
    assert reason in report.left["0"]
    assert f"0  left: {report.left['0']}" in repr(report)
    assert not any(isinstance(part, ours.Recurrent) for part in module.modules())
    with pytest.raises(OptionError, match=f"convert: .* cannot be converted; .*{reason}"):
        convert(module)


def test_what_is_ours_already_or_not_recurrent_is_passed_over() -> None:
    model = nn.ModuleList([ours.LSTM(D, H), ours.GRUCell(D, H), nn.Linear(D, H), scripted(nn.Linear(1, 1))])
    report = convert(model)
    assert not report.replaced
    assert not report.left


def test_the_backend_is_that_of_the_new_layers() -> None:
    mine = convert(layer(), backend="reference").module
    assert mine.backend == "reference"
    with pytest.raises(OptionError, match="backend must be one of"):
        convert(layer(), backend="referense")


def test_only_modules() -> None:
    with pytest.raises(TypeError, match=r"module must be a torch\.nn\.Module; got list"):
        convert([layer()])  # type: ignore[arg-type]
