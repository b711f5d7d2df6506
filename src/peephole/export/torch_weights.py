"""Weights from PyTorch's own recurrent layers and to them: modules, and state dicts as they lie in checkpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from peephole import cells, nn
from peephole.equations import Cell
from peephole.errors import OptionError, ShapeError
from peephole.export.building import NAME, Options, layer_of, listed, suffixes
from peephole.nn.base import TORCH_MODES
from peephole.nn.twins import obstacle, title

_FIRST = "weight_hh_l0"
# Which layer of torch's computes a cell.
MODULES: dict[Cell, tuple[type[torch.nn.RNNBase], dict[str, Any]]] = {
    cells.LSTM(): (torch.nn.LSTM, {}),
    cells.GRU(): (torch.nn.GRU, {}),
    cells.RNN("tanh"): (torch.nn.RNN, {"nonlinearity": "tanh"}),
    cells.RNN("relu"): (torch.nn.RNN, {"nonlinearity": "relu"}),
}
# What wrappers put in front of every name, or into it: DataParallel and DistributedDataParallel, torch.compile, FSDP, averaging.
_WRAPPERS = re.compile(r"(?:^|(?<=\.))(?:module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
# What is no weight but makes one: weight normalisation of either kind, pruning, spectral normalisation.
_MADE = re.compile(rf"(?:parametrizations\.)?{NAME.pattern}(?:_g|_v|_orig|_mask|_u|\.original\d*|\.\d+\..*)")
_FIRST_OF_A_LAYER = re.compile(
    rf"(?P<prefix>(?:[^.]+\.)*?)(?:parametrizations\.)?{_FIRST}(?:_g|_v|_orig|_mask|\.original\d*)?"
)


def from_torch(
    source: torch.nn.Module | Mapping[str, Tensor],
    *,
    prefix: str | None = None,
    cell: Cell | str | None = None,
    batch_first: bool = False,
    dropout: float = 0.0,
    device: Any = None,
    dtype: torch.dtype | None = None,
) -> nn.Recurrent:
    """Make a layer with the weights of one of torch's.

    A layer of known sizes needs none of this: its `load_state_dict` takes torch's state dicts, and torch's takes its. This reads
    the sizes off the weights, finds them in a model's state dict, and undoes what wrappers did to their names.

    Args:
        source: a `torch.nn.LSTM`, `GRU` or `RNN` (`peephole.nn.convert` does a whole model), or a state dict. A file of
            one is read by ``torch.load(path, weights_only=True)`` or safetensors.
            Parametrised weights are taken as they are at this moment.
        prefix: what stands before ``weight_ih_l0`` in a state dict, such as ``"encoder."``; wrappers' ``module.`` and
            ``_orig_mod.`` do not count. None: whatever does, if there is one layer only.
        cell: the equations, with a state dict alone. None: an LSTM where there are four gates and torch's GRU where there are
            three. It must be given where the weights do not tell: of an RNN, tanh or ReLU; of peepholes, which cell
            state they see.
        batch_first: inputs are `[N, T, D]`; with a state dict alone.
        dropout: between layers, in [0, 1]; with a state dict alone.
        device: of the parameters; None: that of the weights.
        dtype: of the parameters; None: that of the weights, which must then be one.

    Returns:
        A layer with weights of its own, all of which are trained; of a module, those that were.

    Raises:
        OptionError: no layer is there, or several; the cell cannot be told; dtypes differ; weights are made of others.
        ShapeError: weights are missing, or contradict each other or the cell.

    Example:
        >>> model = torch.nn.DataParallel(torch.nn.ModuleDict({"rnn": torch.nn.LSTM(3, 5, 2, bidirectional=True)}))
        >>> from_torch(model.state_dict())
        LSTM(3, 5, num_layers=2, bidirectional=True)
    """
    where = "from_torch"
    if isinstance(source, torch.nn.Module):
        if prefix is not None or cell is not None or batch_first or dropout:
            raise OptionError(
                f"{where}: prefix, cell, batch_first and dropout belong to a state dict; a module has them"
            )
        return _of_module(where, source, device, dtype)
    named = {_WRAPPERS.sub("", name): weight for name, weight in source.items()}
    if len(named) < len(source):
        raise OptionError(
            f"{where}: names are no longer unique without what wrappers put in; got {listed(source)}"
        )
    prefix = _the_prefix(where, named, prefix)
    inside = {name.removeprefix(prefix): weight for name, weight in named.items() if name.startswith(prefix)}
    if made := [name for name in inside if _MADE.fullmatch(name)]:
        raise OptionError(
            f"{where}: weights under {prefix!r} are made of others (normalised, parametrised or pruned): {listed(made)}",
            hint="load them into torch's layer and give that, or remove what makes them first and save then",
        )
    # Beside the layer's own may stand whatever else a model of that prefix has.
    state = {name: weight for name, weight in inside.items() if NAME.fullmatch(name)}
    known = cells.make(cell) if isinstance(cell, str) else cell or _told(where, state)
    return layer_of(where, known, state, Options(batch_first, dropout, device=device, dtype=dtype))


def to_torch(layer: nn.Recurrent, *, inference: bool = False) -> torch.nn.RNNBase:
    """Make the `torch.nn.LSTM`, `GRU` or `RNN` that computes what a layer computes.

    Args:
        layer: with a cell that torch has.
        inference: leave out recurrent dropout, which torch has not, instead of refusing it.

    Returns:
        Torch's layer, with weights of its own: those that were trained are, and the training flag is the same.

    Raises:
        OptionError: torch has no such cell (peepholes, a GRU that resets before the product, coupled gates, your own), or no
            recurrent dropout.

    Example:
        >>> to_torch(nn.GRU(3, 5, bidirectional=True))
        GRU(3, 5, bidirectional=True)
    """
    where = "to_torch"
    if layer.cell not in MODULES:
        listed_cells = ", ".join(map(repr, MODULES))
        raise OptionError(f"{where}: torch.nn has layers of {listed_cells}; got {layer.cell!r}")
    if layer.recurrent_dropout and not inference:
        raise OptionError(
            f"{where}: torch.nn has no recurrent dropout; got recurrent_dropout={layer.recurrent_dropout}",
            hint="inference=True leaves it out",
        )
    kind, options = MODULES[layer.cell]
    if layer.proj_size:
        options = {**options, "proj_size": layer.proj_size}
    theirs: Any = kind
    made = theirs(
        layer.input_size,
        layer.hidden_size,
        layer.num_layers,
        bias=layer.bias,
        batch_first=layer.batch_first,
        bidirectional=layer.bidirectional,
        device="meta",
        **options,
    )
    made.dropout = layer.dropout
    weights = {name: getattr(layer, name).detach().clone() for name in made.state_dict()}
    made.load_state_dict(weights, assign=True)
    for name, parameter in made.named_parameters():
        parameter.requires_grad_(getattr(layer, name).requires_grad)
    return made.train(layer.training)


def _of_module(where: str, source: torch.nn.Module, device: Any, dtype: torch.dtype | None) -> nn.Recurrent:
    """A layer with the weights of one of torch's; those of a parametrisation as they are now."""
    reason = obstacle(source)
    if reason is not None or not isinstance(source, torch.nn.RNNBase) or isinstance(source, nn.Recurrent):
        raise OptionError(
            f"{where}: source must be a torch.nn.LSTM, GRU or RNN; got {title(source)}"
            + (f", {reason}" if reason else ""),
            hint="peephole.nn.convert replaces the layers of a model; from_torch(model.state_dict(), prefix=…) takes one",
        )
    kinds = ["weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if source.bias else ())]
    kinds += ["weight_hr"] if source.proj_size else []
    ends = suffixes(source.num_layers, 2 if source.bidirectional else 1)
    weights = {
        kind + end: getattr(source, kind + end) for per_layer in ends for end in per_layer for kind in kinds
    }
    for name, weight in weights.items():
        if not isinstance(weight, torch.nn.Parameter) and not parametrize.is_parametrized(source, name):
            raise OptionError(
                f"{where}: {name} is made by a hook at each call (weight normalisation, pruning), and may be out of date",
                hint="remove it first, by the function of torch.nn.utils that undoes it",
            )
    cell = next(cell for cell, mode in TORCH_MODES.items() if mode == source.mode)
    options = Options(source.batch_first, source.dropout, device=device, dtype=dtype)
    layer = layer_of(where, cell, weights, options)
    for name, parameter in layer.named_parameters():
        parameter.requires_grad_(weights[name].requires_grad)
    return layer.train(source.training)


def _the_prefix(where: str, named: Mapping[str, Tensor], prefix: str | None) -> str:
    """What stands before the names of the one layer that is meant."""
    found = sorted(
        {match["prefix"] for match in map(_FIRST_OF_A_LAYER.fullmatch, named) if match is not None}
    )
    if prefix is None and len(found) == 1:
        return found[0]
    if prefix is not None:
        ended = prefix if prefix.endswith(".") or not prefix else prefix + "."
        if ended in found:
            return ended
    hint = f"layers are there under the prefixes {', '.join(map(repr, found))}" if found else None
    rule = (
        "one recurrent layer must be there, or prefix say which"
        if prefix is None
        else "a layer must be there"
    )
    raise OptionError(f"{where}: {rule}; got prefix={prefix!r} and the names {listed(named)}", hint=hint)


def _told(where: str, state: Mapping[str, Tensor]) -> Cell:
    """The cell that the weights are of, where they tell."""
    rows, columns = state[_FIRST].shape if _FIRST in state and state[_FIRST].dim() == 2 else (0, 1)
    hidden = state["weight_hr_l0"].shape[-1] if "weight_hr_l0" in state else columns
    gates = rows // hidden if hidden and rows % hidden == 0 else 0
    if "weight_ch_l0" in state:
        raise OptionError(
            f"{where}: of peepholes, cell must say which cell state the output gate sees; got cell=None",
            hint='cell=cells.PeepholeLSTM() or cells.PeepholeLSTM(output_peephole="previous")',
        )
    if gates == 1:
        raise OptionError(
            f"{where}: of an RNN, cell must say which function it has; got cell=None",
            hint='cell=cells.RNN("tanh"), which is torch\'s default, or cells.RNN("relu")',
        )
    if gates not in (3, 4):
        shape = list(state[_FIRST].shape) if _FIRST in state else "none"
        raise ShapeError(
            f"{where}: weight_hh_l0 must be [G·H, H] with G = 1, 3 or 4 (or [G·H, P], with weight_hr_l0 [P, H]); got {shape}"
        )
    return cells.LSTM() if gates == 4 else cells.GRU()
