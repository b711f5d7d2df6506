"""The classifier as users of torch would run it, and an encoder of DistilBERT's size; for `scoring.py`.

All take texts as lists of ids and return probabilities in the same order. Texts of like length go together, so there is little
padding; padding never reaches a result, so all compute what the classifier does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from peephole.classifier import Dropout, Embedding, Linear, ModelConfig, Pooling, Recurrent
from peephole.classifier.prediction import softmax
from peephole.errors import OptionError

Ids = NDArray[np.int32]
Weights = Mapping[str, NDArray[np.float32]]


class Rival(Protocol):
    """Gives the scores of one padded batch."""

    def logits(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return `[N, C]` for ids `[T, N]`, the longest text first, each of at least one token."""
        ...


def score(rival: Rival, texts: Sequence[Ids], budget: int, temperature: float) -> NDArray[np.float64]:
    """Return the probabilities `[N, C]` of texts, in batches of at most `budget` tokens with their padding."""
    lengths = np.array([len(ids) for ids in texts])
    rows: list[NDArray[np.float64] | None] = [None] * len(texts)
    for batch in bucketed(lengths, budget):
        padded = np.zeros((len(batch), int(lengths[batch[0]])), np.int64)
        for row, index in enumerate(batch):
            padded[row, : lengths[index]] = texts[index]
        found = softmax(rival.logits(np.ascontiguousarray(padded.T), lengths[batch]), temperature)
        for index, row in zip(batch, found, strict=True):
            rows[index] = row
    return np.stack([row for row in rows if row is not None])


def bucketed(lengths: NDArray[np.integer], budget: int) -> Iterator[NDArray[np.intp]]:
    """Yield the indices of texts of like length, the longest first; a batch has one text, or at most `budget` places."""
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        stop = start + max(1, budget // int(lengths[order[start]]))
        yield order[start:stop]
        start = stop


def stages_of(config: ModelConfig) -> tuple[list[Recurrent], Pooling, list[Linear]]:
    """Return the stages of a classifier that the rivals can be built for: LSTM layers, pooling, linear layers."""
    kinds = [stage for stage in config.stages if not isinstance(stage, (Embedding, Dropout))]
    recurrent = [stage for stage in kinds if isinstance(stage, Recurrent)]
    pooling = [stage for stage in kinds if isinstance(stage, Pooling)]
    head = [stage for stage in kinds if isinstance(stage, Linear)]
    wanted = [*recurrent, *pooling, *head]
    if kinds != wanted or not recurrent or any(stage.cell != "lstm" or not stage.bias for stage in recurrent):
        listed = ", ".join(getattr(stage, "cell", stage.kind) for stage in kinds)
        raise OptionError(
            f"scoring: the model must be LSTM layers with biases, a pooling and linear layers; got {listed}"
        )
    return recurrent, pooling[0], head


class TorchRival(nn.Module):
    """The classifier on `torch.nn.LSTM`.

    Args:
        config: the stages; see `stages_of`.
        weights: by the names of `config.parameter_shapes`.
        packed: on packed sequences. Otherwise on padded batches: there a second LSTM reads each text reversed within its own
            length, so that it does not begin in the padding.
        dtype: of weights and activations. The pooled vectors and the linear layers are float32 at least.
    """

    def __init__(self, config: ModelConfig, weights: Weights, *, packed: bool, dtype: torch.dtype) -> None:
        super().__init__()
        recurrent, self.pooling, head = stages_of(config)
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
        embedding = tensors[f"{config.stages[0].name}.weight"]
        self.packed = packed
        self.embedding = nn.Embedding.from_pretrained(embedding)
        self.layers = nn.ModuleList()
        width = embedding.shape[1]
        for stage in recurrent:
            own = {
                name.removeprefix(f"{stage.name}."): tensor
                for name, tensor in tensors.items()
                if name.startswith(f"{stage.name}.")
            }
            if packed:
                layers = nn.LSTM(
                    width, stage.hidden_size, stage.num_layers, bidirectional=stage.bidirectional
                )
                layers.load_state_dict(own)
                self.layers.append(layers)
                width = stage.directions * stage.hidden_size
                continue
            for layer in range(stage.num_layers):
                directions = nn.ModuleList()
                for suffix in (f"_l{layer}", f"_l{layer}_reverse")[: stage.directions]:
                    one = nn.LSTM(width, stage.hidden_size)
                    one.load_state_dict(
                        {name: own[name.removesuffix("_l0") + suffix] for name in one.state_dict()}
                    )
                    directions.append(one)
                self.layers.append(directions)
                width = stage.directions * stage.hidden_size
        self.directions = recurrent[-1].directions
        self.to(dtype)
        self.head = nn.Sequential()
        for stage in head:
            linear = nn.Linear(*reversed(weights[f"{stage.name}.weight"].shape))
            linear.load_state_dict({name: tensors[f"{stage.name}.{name}"] for name in ("weight", "bias")})
            self.head.append(linear)
            if stage.activation != "none":
                self.head.append(nn.ReLU() if stage.activation == "relu" else nn.Tanh())
        self.wide = torch.promote_types(dtype, torch.float32)
        self.head.to(self.wide)
        self.eval().requires_grad_(False)

    @torch.inference_mode()
    def logits(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
        """As `Rival`."""
        return self(torch.from_numpy(ids), torch.from_numpy(lengths)).double().numpy()

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        rows, turned = self._packed(ids, lengths) if self.packed else self._padded(ids, lengths)
        return self.head(self._pooled(rows, lengths, turned))

    def _packed(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, bool]:
        packed = pack_padded_sequence(self.embedding(ids), lengths)
        for layers in self.layers:
            packed = layers(packed)[0]
        return pad_packed_sequence(packed)[0], False

    def _padded(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, bool]:
        """The rows, and whether those of the second direction are in its own order, which no pooling minds."""
        steps = torch.arange(len(ids)).unsqueeze(1)
        mirror = torch.where(steps < lengths, lengths - 1 - steps, steps)
        texts = torch.arange(len(lengths))
        rows, mirrored = self.embedding(ids), None
        for number, directions in enumerate(self.layers):
            if len(directions) == 1:
                rows = directions[0](rows)[0]
                continue
            mirrored = self.embedding(ids[mirror, texts]) if number == 0 else rows[mirror, texts]
            second = directions[1](mirrored)[0]
            if number < len(self.layers) - 1:
                second = second[mirror, texts]
            rows = torch.cat([directions[0](rows)[0], second], dim=2)
        return rows, mirrored is not None

    def _pooled(self, rows: Tensor, lengths: Tensor, turned: bool) -> Tensor:
        """`[N, F]`; `rows` is written over."""
        steps, count, width = rows.shape
        found: dict[str, Tensor] = {}
        if "last" in self.pooling.statistics:
            texts, half = torch.arange(count), width // self.directions
            last = rows[lengths - 1, texts]
            if self.directions == 2 and not turned:
                last = torch.cat([last[:, :half], rows[0, :, half:]], dim=1)
            found["last"] = last.to(self.wide)
        padding = (torch.arange(steps).unsqueeze(1) >= lengths).unsqueeze(2)
        ragged = int(lengths.min()) < steps
        if "mean" in self.pooling.statistics:
            if ragged:
                rows.masked_fill_(padding, 0.0)
            found["mean"] = rows.sum(dim=0, dtype=self.wide) / lengths.unsqueeze(1)
        if "max" in self.pooling.statistics:
            if ragged:
                rows.masked_fill_(padding, -math.inf)
            found["max"] = rows.amax(dim=0).to(self.wide)
        return torch.cat([found[statistic] for statistic in self.pooling.statistics], dim=1)


class Encoder(nn.Module):
    """A Transformer encoder of DistilBERT's size with random weights: only its time is of interest.

    Six layers, 768 wide, 12 heads, 3,072 in between, 30,522 tokens, 512 places: 66 million parameters. The first 512 tokens of a
    text are read.

    Source: V. Sanh et al., DistilBERT, a distilled version of BERT, 2019.

    Args:
        dtype: of weights and activations.
        layers: 6 but for tests, and so on for the others.
        width: 768.
        heads: 12.
        vocabulary: 30,522.
    """

    most_tokens = 512

    def __init__(
        self,
        dtype: torch.dtype,
        *,
        layers: int = 6,
        width: int = 768,
        heads: int = 12,
        vocabulary: int = 30522,
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.vocabulary = vocabulary
        self.words = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(self.most_tokens, width)
        self.norm = nn.LayerNorm(width)
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2))
        self.to(dtype).eval().requires_grad_(False)

    @torch.inference_mode()
    def logits(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
        """As `Rival`; of texts of at most 512 tokens."""
        tokens, ends = torch.from_numpy(ids.T % self.vocabulary), torch.from_numpy(lengths)
        steps = torch.arange(tokens.shape[1])
        padding = steps >= ends.unsqueeze(1) if int(ends.min()) < len(steps) else None
        rows = self.norm(self.words(tokens) + self.places(steps))
        rows = self.encoder(rows, src_key_padding_mask=padding)
        return self.head(rows[:, 0]).double().numpy()
