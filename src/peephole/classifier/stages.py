"""The stages that a classifier is made of: what each does, its options, and the range of each.

The torch layers and the NumPy forward both read these; a stage says what happens, not how.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, Literal, Union

from peephole import cells
from peephole.classifier.rules import choice, flag, number, options, pattern, ruled, subset, whole
from peephole.equations import Cell

# Bounds on what a config may ask for, so that a hostile one cannot exhaust the memory.
MAX_VOCABULARY = 100_000
MAX_WIDTH = 16_384
MAX_LAYERS = 16

_NAME = pattern(r"[a-z][a-z0-9_]{0,63}", "must be a name of a-z, 0-9 and _, at most 64 characters")


@dataclasses.dataclass(frozen=True)
class Embedding:
    """A vector for each token: rows `[R]` of ids → rows `[R, dimension]`. Always the first stage.

    Args:
        name: prefix of its tensor, ``<name>.weight`` `[V, dimension]`.
        vocabulary: V, number of tokens.
        dimension: width of a vector.
    """

    kind: ClassVar[Literal["embedding"]] = "embedding"
    vocabulary: int = ruled(whole(3, MAX_VOCABULARY))
    dimension: int = ruled(whole(1, MAX_WIDTH))
    name: str = ruled(_NAME, default="embedding")


@dataclasses.dataclass(frozen=True)
class Dropout:
    """Noise while training; the identity at inference.

    Args:
        p: probability of being dropped, in [0, 1).
        mode: ``"word"``: whole rows become zero, and what remains is not rescaled (the others are);
            ``"variational"``: the same elements at every step of a sequence (Gal & Ghahramani 2016);
            ``"plain"``: each element by itself. The first two only before the pooling.
        name: unique; it has no tensor.
    """

    kind: ClassVar[Literal["dropout"]] = "dropout"
    p: float = ruled(number(0, 1, below=True))
    mode: Literal["word", "variational", "plain"] = ruled(
        choice("word", "variational", "plain"), default="plain"
    )
    name: str = ruled(_NAME, default="dropout")


@dataclasses.dataclass(frozen=True)
class Recurrent:
    """Recurrent layers over the real steps of each sequence: rows `[R, D]` → rows `[R, K·H]`.

    Args:
        hidden_size: H, units of one layer and direction.
        cell: name of a shipped cell, as `peephole.cells.make` takes it.
        cell_options: its options.
        num_layers: layers; each reads the rows of the one below.
        bidirectional: whether a second direction (K = 2) reads each sequence from its end; its columns come second.
        bias: whether there are `bias_ih` and `bias_hh`.
        dropout: plain dropout on the rows between layers, in [0, 1).
        recurrent_dropout: variational dropout of h_prev in every recurrent product, in [0, 1).
        name: prefix of its tensors, ``<name>.weight_ih_l0`` and so on, named as torch does.
    """

    kind: ClassVar[Literal["recurrent"]] = "recurrent"
    hidden_size: int = ruled(whole(1, MAX_WIDTH))
    cell: str = ruled(choice(*cells.SHIPPED), default="lstm")
    cell_options: Mapping[str, str] = ruled(options(), default_factory=dict[str, str])
    num_layers: int = ruled(whole(1, MAX_LAYERS), default=1)
    bidirectional: bool = ruled(flag(), default=False)
    bias: bool = ruled(flag(), default=True)
    dropout: float = ruled(number(0, 1, below=True), default=0.0)
    recurrent_dropout: float = ruled(number(0, 1, below=True), default=0.0)
    name: str = ruled(_NAME, default="recurrent")

    def make_cell(self) -> Cell:
        """Return the cell with its options."""
        return cells.make(self.cell, **self.cell_options)

    @property
    def directions(self) -> int:
        """K: 2 when bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    def layer_shapes(self, inputs: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor for rows of width `inputs`, by torch's names, in torch's order."""
        cell, hidden = self.make_cell(), self.hidden_size
        gates = len(cell.gates) * hidden
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in range(self.num_layers):
            for direction in range(self.directions):
                suffix = layer_suffix(layer, direction)
                shapes[f"weight_ih{suffix}"] = (gates, inputs)
                shapes[f"weight_hh{suffix}"] = (gates, hidden)
                if self.bias:
                    shapes[f"bias_ih{suffix}"] = (gates,)
                    shapes[f"bias_hh{suffix}"] = (gates,)
                for own, shape in cell.parameter_shapes(hidden).items():
                    shapes[f"{own}{suffix}"] = shape
            inputs = self.directions * hidden
        return shapes


@dataclasses.dataclass(frozen=True)
class Pooling:
    """One vector for each sequence from its real steps: rows `[R, F]` → `[N, F · len(statistics)]`.

    Args:
        statistics: which, side by side in this order, each `[N, F]`: ``"max"`` and ``"mean"`` over the steps; ``"last"``: the
            final state of each direction, so the first row for the direction that reads from the end. A text without
            any token has zeros.
        name: unique; it has no tensor.
    """

    kind: ClassVar[Literal["pooling"]] = "pooling"
    statistics: tuple[Literal["max", "mean", "last"], ...] = ruled(
        subset("max", "mean", "last"), default=("max", "mean")
    )
    name: str = ruled(_NAME, default="pooling")


@dataclasses.dataclass(frozen=True)
class Linear:
    """`activation(x Wᵀ + b)` on the last axis.

    Args:
        features: width of the result.
        activation: ``"none"``, ``"relu"`` or ``"tanh"``.
        name: prefix of its tensors, ``<name>.weight`` `[features, F]` and ``<name>.bias`` `[features]`.
    """

    kind: ClassVar[Literal["linear"]] = "linear"
    features: int = ruled(whole(1, MAX_WIDTH))
    activation: Literal["none", "relu", "tanh"] = ruled(choice("none", "relu", "tanh"), default="none")
    name: str = ruled(_NAME, default="linear")


Stage = Union[Embedding, Dropout, Recurrent, Pooling, Linear]  # noqa: UP007 (evaluated at run time on Python 3.10)

KINDS: dict[str, type[Stage]] = {
    "embedding": Embedding,
    "dropout": Dropout,
    "recurrent": Recurrent,
    "pooling": Pooling,
    "linear": Linear,
}


def layer_suffix(layer: int, direction: int) -> str:
    """Return the end of a tensor's name, as torch writes it.

    >>> layer_suffix(1, 1)
    '_l1_reverse'
    """
    return f"_l{layer}" + ("_reverse" if direction else "")
