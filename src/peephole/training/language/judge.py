"""How well a language model tells the tokens of held-out texts, all tokens of the vocabulary being told apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from peephole.training.corpus import Corpus
from peephole.training.language.network import LanguageModel
from peephole.training.language.streams import make_streams
from peephole.training.machine import Machine

_STREAMS, _ROWS = 64, 512


@torch.no_grad()
def judge_language(
    model: LanguageModel, weights: Mapping[str, Tensor], texts: Corpus, window: int, machine: Machine
) -> float:
    """Return the mean log-loss of the held-out texts, nats a token, over both directions.

    The beginnings of texts count as tokens; of the last stream up to a few dozen tokens are left out, so that all are as long.

    Args:
        model: the network; its own weights stay as they are.
        weights: the weights to judge, by the names of its parameters.
        texts: the held-out texts, at least one token.
        window: steps that are run at once; it does not change the result.
        machine: device and precision.
    """
    was_training = model.training
    model.eval()
    total, count = 0.0, 0
    vectors, bias = weights["embedding.weight"], weights["bias"]
    streams = max(1, min(_STREAMS, (len(texts.ids) + len(texts)) // 64))
    for direction in range(model.directions):
        laid = make_streams(texts, streams, reverse=direction == 1)
        states = model.begin(streams)
        each = len(states) // model.directions
        states = states[:each]
        for first in range(0, laid.steps, window):
            last = min(first + window, laid.steps)
            ids = machine.tensor(laid.ids[first:last])
            right = machine.tensor(laid.ids[first + 1 : last + 1]).flatten()
            with machine.autocast():
                said, states = functional_call(model, dict(weights), (ids, states, direction))
            for start in range(0, len(right), _ROWS):
                part = slice(start, start + _ROWS)
                scores = F.linear(said[part].float(), vectors, bias)
                total += float(F.cross_entropy(scores, right[part], reduction="sum"))
            count += len(right)
    model.train(was_training)
    return total / count


def language_headline(log_loss: float) -> dict[str, Any]:
    """Return what the model card says of the held-out texts.

    Example:
        >>> language_headline(4.0)["perplexity"]
        54.6
    """
    return {"nats_per_token": round(log_loss, 4), "perplexity": round(math.exp(min(log_loss, 700)), 1)}
