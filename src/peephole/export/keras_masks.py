"""Keras's masks as lengths."""

from __future__ import annotations

import torch
from torch import Tensor

from peephole.errors import ShapeError


def real_first(x: Tensor, mask: Tensor, *, batch_first: bool = True) -> tuple[Tensor, Tensor]:
    """Move the steps that a mask keeps to the front, in their order, and count them.

    A recurrent layer of Keras leaves its state as it was at a masked step, wherever that stands: at the end, at the front (where
    ``pad_sequences`` puts padding by default) or in between. So the final states, and the outputs of the steps that count, are
    those of the sequence without them. Outputs then stand at the front too.

    Args:
        x: `[N, T, …]`, or `[T, N, …]` with ``batch_first=False``.
        mask: True where a step counts, `[N, T]` or `[T, N]` likewise.
        batch_first: which of the two.

    Returns:
        `x` with its steps in that order, and lengths `[N]`, for ``layer(x, lengths=lengths)``.

    Raises:
        ShapeError: `mask` has other axes than the first two of `x`.

    Example:
        >>> x = torch.tensor([[[0.0], [0.0], [7.0], [8.0]]])
        >>> moved, lengths = real_first(x, torch.tensor([[False, False, True, True]]))
        >>> moved.flatten().tolist(), lengths.tolist()
        ([7.0, 8.0, 0.0, 0.0], [2])
    """
    if mask.dim() != 2 or x.shape[:2] != mask.shape:
        axes = "[N, T]" if batch_first else "[T, N]"
        raise ShapeError(f"real_first: mask must be {axes} = {list(x.shape[:2])}; got {list(mask.shape)}")
    time = 1 if batch_first else 0
    order = (~mask.bool()).to(torch.uint8).argsort(dim=time, stable=True)
    index = order.reshape(*order.shape, *(1,) * (x.dim() - 2))
    return torch.take_along_dim(x, index, dim=time), mask.bool().sum(dim=time)
