"""What `convert` may replace, what it must leave and why, and the layer that takes the place of one of torch's."""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
from torch.nn import GRU, LSTM, RNN, Module
from torch.nn.modules.rnn import RNNBase, RNNCellBase
from torch.nn.utils import parametrize

from peephole.nn import layers, single_step
from peephole.nn.base import CellLayer

_KINDS: dict[type[Module], Any] = {LSTM: layers.LSTM, GRU: layers.GRU, RNN: layers.RNN}
_SINGLE_STEPS = (single_step.RNNCell, single_step.LSTMCell, single_step.GRUCell, single_step.PeepholeLSTMCell)
_NAMES = ("LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell")
# Of each layer on its own: torch's layer may live on with what it has, while ours changes.
_COPIED = ("_parameters", "_buffers", "_modules", "_flat_weights", "_flat_weight_refs")


def plain_type(module: Module) -> type[Module]:
    """Return a module's class, without the one that torch's parametrisations derive from it."""
    kind = type(module)
    return cast("type[Module]", kind.__bases__[0]) if parametrize.is_parametrized(module) else kind


def title(module: Module) -> str:
    """Return the name of a module's class, as messages have it."""
    return plain_type(module).__name__


def is_replaceable(module: Module) -> bool:
    """Whether a module is torch's LSTM, GRU or RNN itself, and not a class derived from one."""
    return plain_type(module) in _KINDS


def obstacle(module: Module) -> str | None:
    """Return why a recurrent module, or what holds some, must be left as it is; None for all others."""
    return _obstacle_inside(module) or _obstacle_itself(module)


def _obstacle_inside(module: Module) -> str | None:
    """Why what a module holds cannot be changed; None if it can, or if nothing in it is recurrent."""
    kind = type(module)
    if isinstance(module, torch.jit.ScriptModule):
        names = [getattr(part, "original_name", "") for part in module.modules()]
        reason = "compiled by TorchScript: convert the module that it was made of, and do not script that"
        return reason if any(name in _NAMES for name in names) else None
    if getattr(module, "_compiled_call_impl", None) is not None or hasattr(module, "_orig_mod"):
        reason = (
            "compiled by torch.compile, with torch's layers in its graphs: convert first, and compile then"
        )
    elif kind.__module__.startswith("torch.distributed.fsdp") and not issubclass(kind, RNNBase):
        reason = "sharded by FSDP, which has taken the parameters away: convert first, and shard then"
    else:
        return None
    return reason if any(is_replaceable(part) for part in module.modules()) else None


def _obstacle_itself(module: Module) -> str | None:
    kind = type(module)
    if isinstance(module, (CellLayer, *_SINGLE_STEPS)):
        return None
    if kind.__module__.startswith(("torch.ao.nn.", "torch.nn.quant")) and title(module) in _NAMES:
        return "quantised: its weights are no longer parameters"
    if isinstance(module, RNNCellBase):
        own = next((base.__name__ for base in kind.__mro__ if base.__name__ in _NAMES), "RNNCell")
        return f"a single step, which has nothing to gain; peephole.nn.{own} has the same interface"
    if isinstance(module, RNNBase) and not is_replaceable(module):
        base = next((f"torch.nn.{kind.__name__}" for kind in _KINDS if isinstance(module, kind)), "RNNBase")
        return (
            f"{kind.__module__}.{kind.__qualname__} is a subclass of {base}, and what it adds would be lost"
        )
    if not is_replaceable(module):
        return None
    if "forward" in vars(module):
        return "its forward was replaced on the instance, by a tool or by hand"
    if bound := [name for name, hooks in vars(module).items() if "state_dict" in name and _is_bound(hooks)]:
        return f"a hook in {bound[0]} holds on to the layer itself"
    return None


def _is_bound(hooks: Any) -> bool:
    """Whether any of torch's hooks was registered together with its module, which it then holds on to."""
    return isinstance(hooks, dict) and any(
        getattr(hook, "with_module", False) for hook in cast("dict[int, Any]", hooks).values()
    )


def twin(theirs: Module, backend: str) -> layers.Recurrent:
    """Make our layer of one of torch's; it has the very parameters, hooks and attributes of that one.

    Args:
        theirs: a module that `is_replaceable`.
        backend: ``"auto"`` or a backend's name.
    """
    assert isinstance(theirs, RNNBase)
    options: dict[str, Any] = {"nonlinearity": _nonlinearity(theirs)} if isinstance(theirs, RNN) else {}
    if theirs.proj_size:
        options["proj_size"] = theirs.proj_size
    ours = _KINDS[plain_type(theirs)](
        theirs.input_size,
        theirs.hidden_size,
        theirs.num_layers,
        bias=theirs.bias,
        batch_first=theirs.batch_first,
        bidirectional=theirs.bidirectional,
        device="meta",  # its parameters are thrown away: no memory, and no random numbers
        backend=backend,
        **options,
    )
    vars(ours).update(vars(theirs))
    for name in _COPIED:
        vars(ours)[name] = vars(theirs)[name].copy()
    if parametrize.is_parametrized(theirs):
        parametrize._inject_new_class(ours)  # pyright: ignore[reportPrivateUsage]
        for name in cast("torch.nn.ModuleDict", theirs.parametrizations):
            parametrize._inject_property(ours, name)  # pyright: ignore[reportPrivateUsage]
    return ours


def _nonlinearity(theirs: RNNBase) -> Literal["tanh", "relu"]:
    return "relu" if theirs.mode == "RNN_RELU" else "tanh"
