"""What there is to look into: the recurrent layers of a classifier or of a torch module, as equations with NumPy weights."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole import cells
from peephole.classifier import Classifier
from peephole.classifier.rows import LinearWeights
from peephole.equations import Cell
from peephole.errors import OptionError
from peephole.ops.gate_weights import GateWeights

Array = npt.NDArray[np.floating[Any]]


@dataclasses.dataclass(frozen=True, eq=False)
class Track:
    """One direction of one layer.

    Attributes:
        name: ``"layer0.forward"`` or ``"layer0.reverse"``: the prefix of the names of its values.
        cell: its equations.
        weights: NumPy arrays, as `peephole.ops.run` takes them.
        reverse: whether it reads each sequence from its end.
    """

    name: str
    cell: Cell
    weights: Mapping[str, Array]
    reverse: bool

    @property
    def hidden_size(self) -> int:
        """H, units."""
        return int(self.weights["weight_ih"].shape[0]) // len(self.cell.gates)

    @property
    def input_size(self) -> int:
        """D, features of a row that it reads."""
        return int(self.weights["weight_ih"].shape[1])

    @property
    def output_size(self) -> int:
        """P with projection, otherwise H: the width of h."""
        return int(self.weights["weight_hh"].shape[1])

    @functools.cached_property
    def by_gate(self) -> GateWeights:
        """The weights, cut up."""
        return GateWeights(self.cell, self.weights, self.hidden_size)


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """Recurrent layers on top of each other, with what lies between them.

    Attributes:
        stages: in order: a linear stage, or the tracks of a layer, the forward one first.
        classifier: whose layers they are, or None.
        batch_first: whether inputs come as `[N, T, D]`.
        title: what to call it in messages.
    """

    stages: tuple[LinearWeights | tuple[Track, ...], ...]
    classifier: Classifier | None = None
    batch_first: bool = False
    title: str = "trace"

    @property
    def tracks(self) -> dict[str, Track]:
        """Every track by its name, bottom layer first."""
        layers = [stage for stage in self.stages if isinstance(stage, tuple)]
        return {track.name: track for layer in layers for track in layer}

    @property
    def input_size(self) -> int:
        """D, features of a row that the first layer reads."""
        return next(iter(self.tracks.values())).input_size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the weights."""
        return next(iter(self.tracks.values())).weights["weight_ih"].dtype


def network_of(thing: Any, where: str) -> Network:
    """Return the recurrent layers of a classifier, of a `peephole.nn` layer or of a `torch.nn` RNN, LSTM or GRU.

    Args:
        thing: whose; a `Network` is returned as it is.
        where: the call, for messages.

    Raises:
        OptionError: it is none of these, or has no recurrent layer.
    """
    if isinstance(thing, Network):
        return thing
    if isinstance(thing, Classifier):
        found = _of_classifier(thing)
    else:
        torch = sys.modules.get("torch")  # a torch module proves that it is loaded
        if torch is None or not isinstance(thing, torch.nn.RNNBase):
            raise OptionError(
                f"{where}: needs a Classifier, a layer of peephole.nn, or torch.nn's RNN, LSTM or GRU; "
                f"got {type(thing).__name__}"
            )
        found = _of_module(thing)
    if not found.tracks:
        raise OptionError(f"{where}: needs at least one recurrent layer; got a model without any")
    return found


def _of_classifier(classifier: Classifier) -> Network:
    stages: list[LinearWeights | tuple[Track, ...]] = []
    layer = 0
    for stage in classifier.forward.row_stages:
        if isinstance(stage, LinearWeights):
            stages.append(stage)
            continue
        stages.append(tuple(Track(_name(layer, d.reverse), d.cell, d.weights, d.reverse) for d in stage))
        layer += 1
    return Network(tuple(stages), classifier)


def _of_module(module: Any) -> Network:
    cell = getattr(module, "cell", None) or _CELLS[module.mode]()
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr", *cell.parameters)
    layers: list[tuple[Track, ...]] = []
    for layer in range(module.num_layers):
        tracks: list[Track] = []
        for reverse in range(2 if module.bidirectional else 1):
            suffix = f"_l{layer}" + ("_reverse" if reverse else "")
            # By attribute: a parametrised or pruned weight is no parameter of that name.
            found = {name: getattr(module, name + suffix, None) for name in names}
            weights = {name: numbers_of(value) for name, value in found.items() if value is not None}
            tracks.append(Track(_name(layer, bool(reverse)), cell, weights, bool(reverse)))
        layers.append(tuple(tracks))
    return Network(tuple(layers), None, bool(module.batch_first), type(module).__name__)


def numbers_of(tensor: Any) -> Array:
    """Return a copy of a tensor's numbers; all but float64 become float32."""
    wide = tensor.detach().cpu()
    wide = wide.double() if str(wide.dtype) == "torch.float64" else wide.float()
    return wide.numpy().copy()


def _name(layer: int, reverse: bool) -> str:
    return f"layer{layer}.{'reverse' if reverse else 'forward'}"


_CELLS: dict[str, Any] = {
    "RNN_TANH": lambda: cells.RNN("tanh"),
    "RNN_RELU": lambda: cells.RNN("relu"),
    "LSTM": cells.LSTM,
    "GRU": cells.GRU,
}
