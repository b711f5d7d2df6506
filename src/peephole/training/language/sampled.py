"""The loss of telling the right token among a few that were drawn, corrected so that it stands for all."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_ROWS = 512  # rows whose scores are held at once: they stay in a processor's cache
_TINY = torch.finfo(torch.float32).tiny  # a chance below this counts as this, 87 nats


class Candidates:
    """Draws the tokens that a step's right tokens are told from.

    All rows of a step share them: the right tokens of the step, and `drawn` more, drawn by their frequency to a power.
    A token that comes in with probability q stands for 1/q of its like, so log q is taken from its score; a row's own right
    token is always there and keeps its score.

    Args:
        counts: how often each token stands in the training texts `[V]`.
        drawn: tokens to draw in a step, at least 0; 0 takes all tokens, without any chance.
        power: in [0, 1].
        targets: right tokens in a step, at least 1.

    Source: Bengio & Senécal, "Adaptive importance sampling to accelerate training of a neural probabilistic language
        model" (2008); Jean et al. (2015), section 3. We differ: q is the chance to be in the step's set at all, as a right
        token or drawn.
    """

    def __init__(self, counts: NDArray[np.int64], drawn: int, power: float, targets: int) -> None:
        self.drawn = drawn if drawn < len(counts) else 0
        frequency = (counts + 1.0) / (counts + 1.0).sum()
        proposal = frequency**power
        proposal /= proposal.sum()
        self._cumulative = np.cumsum(proposal)
        absent = targets * np.log1p(-np.minimum(frequency, 1 - 1e-9)) + drawn * np.log1p(-proposal)
        self.log_chance = np.log(-np.expm1(absent)).astype(np.float32)

    def choose(
        self, targets: NDArray[np.int64], chance: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the tokens of a step `[S]`, in order, and where each right token stands among them `[N]`."""
        if self.drawn == 0:
            return np.arange(len(self.log_chance)), targets
        drawn = np.searchsorted(self._cumulative, chance.random(self.drawn), side="right")
        drawn = np.minimum(drawn, len(self.log_chance) - 1)
        present = np.zeros(len(self.log_chance), dtype=np.bool_)
        present[targets] = True
        present[drawn] = True
        place = np.cumsum(present) - 1
        return np.flatnonzero(present), place[targets]


def sampled_loss(
    rows: Tensor, vectors: Tensor, bias: Tensor, place: Tensor, log_chance: Tensor | None
) -> Tensor:
    """Return the mean cross-entropy of the right tokens, a scalar in nats.

    Args:
        rows: what the network says `[N, E]`.
        vectors: of the candidates `[S, E]`.
        bias: of the candidates `[S]`.
        place: where each row's right token stands among the candidates `[N]`, int64.
        log_chance: log of each candidate's chance to be among them `[S]`; None where all tokens are.

    Returns:
        The loss; its gradients are computed with it, a few hundred rows at a time, so that all scores `[N, S]` never exist.

    Example:
        >>> rows, vectors = torch.zeros(3, 2), torch.zeros(4, 2)
        >>> sampled_loss(rows, vectors, torch.zeros(4), torch.tensor([0, 1, 3]), None).item()      # ln 4
        1.3862943649291992
    """
    assert len(place) == len(rows), "every row has one right token"
    chance = torch.zeros_like(bias) if log_chance is None else log_chance
    return _SampledLoss.apply(rows, vectors, bias, place, chance)  # pyright: ignore[reportReturnType]


class _SampledLoss(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, rows: Tensor, vectors: Tensor, bias: Tensor, place: Tensor, log_chance: Tensor
    ) -> Tensor:
        count = len(rows)
        d_rows, d_vectors, d_bias = torch.empty_like(rows), torch.zeros_like(vectors), torch.zeros_like(bias)
        corrected, total = bias - log_chance, rows.new_zeros(())
        for start in range(0, count, _ROWS):
            part = slice(start, min(start + _ROWS, count))
            right = place[part].unsqueeze(1)
            scores = torch.addmm(corrected, rows[part], vectors.t())
            scores.scatter_add_(1, right, log_chance[place[part]].unsqueeze(1))
            gradient = torch.softmax(scores, 1)  # one pass over the scores instead of five
            total -= gradient.gather(1, right).clamp_min_(_TINY).log_().sum()
            gradient.scatter_add_(1, right, torch.full_like(right, -1, dtype=rows.dtype))
            d_bias += gradient.sum(0)
            torch.mm(gradient, vectors, out=d_rows[part])
            d_vectors.addmm_(gradient.t(), rows[part])
        for each in (d_rows, d_vectors, d_bias):
            each.div_(count)
        ctx.save_for_backward(d_rows, d_vectors, d_bias)
        return total / count

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        d_rows, d_vectors, d_bias = ctx.saved_tensors
        return d_rows * gradient, d_vectors * gradient, d_bias * gradient, None, None
