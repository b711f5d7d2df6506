"""Adversarial training: move the vectors of a text to where the loss is worse, and learn there too."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def adversarial_step(gradient: Tensor, vectors: Tensor, text: Tensor, texts: int, distance: float) -> Tensor:
    """Return how far to move every token's vector.

    The gradient of each text, all its tokens together, is scaled to the length ``distance · std(vectors)``: a
    long and a short text are moved equally far.

    Args:
        gradient: gradient of the loss with respect to `vectors` `[R, E]`.
        vectors: the vectors that went into the network, packed rows `[R, E]`.
        text: the text that each row belongs to `[R]`, int64, each in [0, N).
        texts: number of texts N, texts without tokens included.
        distance: length of the step in standard deviations of the vectors, above 0.

    Returns:
        The step for each row `[R, E]`; zero for a text whose gradient is zero.

    Source: Miyato, Dai & Goodfellow, "Adversarial training methods for semi-supervised text classification"
        (2017), equation 5. We differ: the length is relative to the spread of the vectors instead of
        normalising the vectors themselves.

    Example:
        >>> step = adversarial_step(torch.ones(4, 2), torch.eye(4)[:, :2], torch.tensor([0, 0, 0, 1]), 2, 3.0)
        >>> std = torch.eye(4)[:, :2].std()
        >>> torch.stack([step[:3].norm(), step[3:].norm()]) / std
        tensor([3.0000, 3.0000])
    """
    gradient = gradient.float()
    squares = torch.zeros(texts, device=gradient.device).index_add_(0, text, gradient.square().sum(1))
    if len(gradient) < 2:  # one number has no spread
        return torch.zeros_like(gradient)
    length = distance * vectors.float().std()
    return gradient * (length / (squares.sqrt() + 1e-12))[text].unsqueeze(1)
