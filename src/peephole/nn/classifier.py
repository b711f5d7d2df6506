"""The classifier as a torch module, for training: built from the same config as the NumPy one, equal to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from peephole.classifier.config import ModelConfig
from peephole.classifier.stages import Dropout, Embedding, Linear, Pooling, Stage
from peephole.classifier.stages import Recurrent as RecurrentStage
from peephole.errors import OptionError, ShapeError
from peephole.nn.part import PackedPart, ones_dropped
from peephole.nn.pretrained import PretrainedModule
from peephole.nn.recurrent import Recurrent
from peephole.ops import Sequences

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "relu": F.relu,
    "tanh": torch.tanh,
}


class ClassifierModule(PretrainedModule, nn.Module):
    """The stages of a `ModelConfig` as torch modules; `from_pretrained` makes one of a trained model.

    Each stage with tensors is a submodule of the stage's name, so the state dict has the names and shapes of
    `ModelConfig.parameter_shapes`. The first weights are meant for training: small normal vectors of tokens,
    orthogonal recurrent matrices, and forget gates that begin open.

    Under autocast the recurrent stages run in the lower precision, all others in float32.

    Args:
        config: the stages.
        init: how the recurrent stages begin, as `Recurrent` takes it; forget gates are open in any case.
        chrono_length: with ``init="chrono"``, the longest dependency expected, in steps, above 2.

    Raises:
        OptionError: a stage has a name that torch keeps for itself, or a cell cannot begin like that.

    Example:
        >>> from peephole.classifier import ModelConfig
        >>> config = ModelConfig.default(vocabulary=50, labels=["bad", "good"], embedding=4, hidden_size=3)
        >>> model = ClassifierModule(config).eval()
        >>> sequences = Sequences.from_lengths([2, 0, 3])
        >>> model(torch.tensor([7, 5, 8, 6, 9]), sequences).shape     # five tokens, packed
        torch.Size([3, 2])
    """

    def __init__(
        self, config: ModelConfig, *, init: str = "orthogonal", chrono_length: float | None = None
    ) -> None:
        super().__init__()
        self.config = config
        for stage, width in zip(config.stages, config.input_widths, strict=True):
            module = _make(stage, width, init, chrono_length)
            if module is None:
                continue
            if hasattr(self, stage.name):
                raise OptionError(
                    f"ClassifierModule: a stage cannot be called {stage.name!r}, which torch uses itself"
                )
            self.add_module(stage.name, module)
        # The stages up to the first that reads more than one token's vector: there adversarial steps set in.
        kinds = [isinstance(stage, (Embedding, Dropout)) for stage in config.stages]
        self._embedding_stages = kinds.index(False)

    def forward(self, ids: Tensor, sequences: Sequences) -> Tensor:
        """Classify texts.

        Args:
            ids: token ids as packed rows `[R]`, int64.
            sequences: which row belongs to which text; lengths of zero are legal.

        Returns:
            Scores before the softmax `[N, C]`, float32, in the batch's own order.
        """
        return self.classify(self.embed(ids, sequences), sequences)

    def embed(
        self, ids: Tensor, sequences: Sequences, *, noise: bool = True, part: PackedPart | None = None
    ) -> Tensor:
        """Return the vectors of tokens, after the dropouts that follow the embedding.

        Args:
            ids: token ids as packed rows `[R]`, int64.
            sequences: which row belongs to which text.
            noise: False leaves the dropouts out, in training too.
            part: the part of a larger batch that the texts are: dropouts are drawn for the whole of it; None: they are all.

        Returns:
            Rows `[R, E]`, float32.
        """
        if ids.shape != (sequences.rows,):
            raise ShapeError(
                f"ClassifierModule: ids must be [R] = [{sequences.rows}], one for each row; got {list(ids.shape)}"
            )
        rows = self._module(self.config.stages[0], nn.Embedding)(ids)
        for stage in self.config.stages[1 : self._embedding_stages]:
            if noise:
                rows = self._run(stage, rows, sequences, part)
        return rows

    def classify(
        self,
        rows: Tensor,
        sequences: Sequences,
        states: dict[str, Tensor] | None = None,
        part: PackedPart | None = None,
    ) -> Tensor:
        """Return the scores `[N, C]` for the vectors that `embed` returned, `[R, E]`.

        Args:
            rows: the vectors, packed `[R, E]`.
            sequences: which row belongs to which text.
            states: takes the output rows `[R, K·H]` of each recurrent stage, by its name.
            part: the part of a larger batch that the texts are, as in `embed`.
        """
        for stage in self.config.stages[self._embedding_stages :]:
            rows = self._run(stage, rows, sequences, part)
            if states is not None and isinstance(stage, RecurrentStage):
                states[stage.name] = rows
        return rows

    def export(self) -> dict[str, NDArray[np.float32]]:
        """Return a copy of all weights as NumPy arrays, by the names of `ModelConfig.parameter_shapes`."""
        tensors = self.state_dict()
        return {
            name: tensors[name].detach().to("cpu", torch.float32).numpy().copy()
            for name in self.config.parameter_shapes()
        }

    def _module(self, stage: Stage, kind: type[nn.Module]) -> Any:
        module = self.get_submodule(stage.name)
        assert isinstance(module, kind)
        return module

    def _run(self, stage: Stage, rows: Tensor, sequences: Sequences, part: PackedPart | None) -> Tensor:
        if isinstance(stage, Dropout):
            if not self.training or not stage.p:
                return rows
            before = self.config.stages[: self.config.stages.index(stage)]
            pooled = any(isinstance(each, Pooling) for each in before)
            return _drop(stage, rows, sequences, part, pooled=pooled)
        if isinstance(stage, Pooling):
            width = rows.shape[1] // self._directions(stage)
            return torch.cat([_POOL[kind](rows, sequences, width) for kind in stage.statistics], dim=1)
        if isinstance(stage, Linear):
            with torch.autocast(rows.device.type, enabled=False):
                return _ACTIVATIONS[stage.activation](self._module(stage, nn.Linear)(rows))
        return _run_layers(self._module(stage, Recurrent), rows, sequences, part)

    def _directions(self, pooling: Stage) -> int:
        """Number of directions of the recurrent stage whose rows are pooled."""
        before = self.config.stages[: self.config.stages.index(pooling)]
        return next((s.directions for s in reversed(before) if isinstance(s, RecurrentStage)), 1)


def _make(stage: Stage, width: int, first: str, chrono_length: float | None) -> nn.Module | None:
    """Return the module of a stage that reads rows of `width` features, or None for a stage without tensors."""
    if isinstance(stage, Embedding):
        module = nn.Embedding(stage.vocabulary, stage.dimension)
        nn.init.normal_(module.weight, std=0.1)
        return module
    if isinstance(stage, RecurrentStage):
        cell = stage.make_cell()
        has_forget_bias = "f" in cell.gates and stage.bias and first != "chrono"  # which sets it by itself
        return Recurrent(
            cell,
            width,
            stage.hidden_size,
            stage.num_layers,
            stage.bias,
            dropout=stage.dropout if stage.num_layers > 1 else 0.0,  # torch warns of one that does nothing
            bidirectional=stage.bidirectional,
            init=first,
            chrono_length=chrono_length,
            forget_bias=1.0 if has_forget_bias else None,
            recurrent_dropout=stage.recurrent_dropout,
        )
    if isinstance(stage, Linear):
        return nn.Linear(width, stage.features)
    return None


class _Outputs(nn.Module):
    """The layers with `outputs` as their forward, so that they can be called with other weights."""

    def __init__(self, layers: Recurrent) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, rows: Tensor, sequences: Sequences, part: PackedPart | None) -> Tensor:
        return self.layers.outputs(rows, sequences.batch_sizes, part=part)


def _run_layers(layers: Recurrent, rows: Tensor, sequences: Sequences, part: PackedPart | None) -> Tensor:
    kind = rows.device.type
    if not torch.is_autocast_enabled(kind):
        return layers.outputs(rows, sequences.batch_sizes, part=part)
    lower = torch.get_autocast_dtype(kind)
    weights = {f"layers.{name}": weight.to(lower) for name, weight in layers.named_parameters()}
    with torch.autocast(kind, enabled=False):
        outputs: Tensor = functional_call(_Outputs(layers), weights, (rows.to(lower), sequences, part))
    return outputs.float()


def _drop(
    stage: Dropout, rows: Tensor, sequences: Sequences, part: PackedPart | None, *, pooled: bool
) -> Tensor:
    if stage.mode == "word":
        if part is None:
            return rows * (torch.rand(len(rows), 1, device=rows.device) >= stage.p)
        return rows * (part.of_rows(partial(torch.rand, device=rows.device), rows[:, :1]) >= stage.p)
    if stage.mode == "variational":
        texts = torch.ones(len(sequences.lengths), rows.shape[1], dtype=rows.dtype, device=rows.device)
        mask = (
            F.dropout(texts, stage.p) if part is None else part.of_texts(ones_dropped(stage.p, rows), texts)
        )
        return rows * mask.index_select(0, _indices(sequences.row_batch, rows))
    if part is None:
        return F.dropout(rows, stage.p)
    return rows * (part.of_texts if pooled else part.of_rows)(ones_dropped(stage.p, rows), rows)


def _max(rows: Tensor, sequences: Sequences, width: int) -> Tensor:
    """Return the largest value of each feature over the steps of each text `[N, F]`; 0 for a text without steps."""
    texts, steps = len(sequences.lengths), len(sequences.batch_sizes)
    if not steps:
        return rows.new_zeros(texts, rows.shape[1])
    alive = int(sequences.batch_sizes[0])
    place = _indices(sequences.row_time * alive + sequences.row_sorted, rows)
    padded = rows.new_full((steps * alive, rows.shape[1]), -torch.inf).index_copy(0, place, rows)
    largest = padded.view(steps, alive, -1).max(dim=0).values
    with_empty = torch.cat([largest, rows.new_zeros(texts - alive, rows.shape[1])])
    return with_empty.index_select(0, _indices(sequences.inverse, rows))


def _mean(rows: Tensor, sequences: Sequences, width: int) -> Tensor:
    """Return the mean of each feature over the steps of each text `[N, F]`; 0 for a text without steps."""
    sums = rows.new_zeros(len(sequences.lengths), rows.shape[1])
    sums = sums.index_add(0, _indices(sequences.row_batch, rows), rows)
    return sums / _indices(np.maximum(sequences.lengths, 1), rows).unsqueeze(1)


def _last(rows: Tensor, sequences: Sequences, width: int) -> Tensor:
    """Return where each direction (`width` features) ends: forwards the last step, backwards the first `[N, F]`."""
    if not len(sequences.batch_sizes):
        return rows.new_zeros(len(sequences.lengths), rows.shape[1])
    real = _indices(sequences.lengths > 0, rows).unsqueeze(1)
    ends = (sequences.last_rows, sequences.first_rows)
    parts = [
        columns.index_select(0, _indices(np.maximum(end, 0), rows))
        for columns, end in zip(rows.split(width, dim=1), ends, strict=False)
    ]
    return torch.cat(parts, dim=1).where(real, 0.0)


_POOL: dict[str, Callable[[Tensor, Sequences, int], Tensor]] = {"max": _max, "mean": _mean, "last": _last}


def _indices(values: NDArray[Any], like: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(like.device)
