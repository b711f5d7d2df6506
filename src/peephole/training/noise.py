"""When noise sets in: once the network has begun to learn.

Dropping tokens and moving vectors keeps a network that has understood something from learning texts by heart. One that
has understood nothing yet may be kept from ever doing so: where a label hangs on single words and their order, the
noise drowns the faint slope that leads away from guessing. So a run begins without, and the noise sets in when the
loss has left that of a guesser behind. On film reviews that took a fifth of the first pass.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peephole.training.state import State

LEFT_BEHIND = 0.9  # share of a guesser's loss
_MEMORY = 0.98  # of the moving average of the loss: about fifty steps


def guesser_loss(
    labels: NDArray[np.int64],
    classes: int,
    smoothing: float,
    weights: NDArray[np.float32] | None = None,
    texts: NDArray[np.float32] | None = None,
) -> float:
    """Return the training loss of the best guesser, which knows how common each class is and nothing else.

    Args:
        labels: class of each labelled training text `[texts]`.
        classes: number of classes; each has at least one text.
        smoothing: share of the target that is spread over all classes, in [0, 1).
        weights: weight of each class `[C]`, or None.
        texts: weight of each text `[texts]`; None weighs all alike.

    Returns:
        The cross-entropy in nats, as `peephole.training.losses.label_loss` measures it.

    Example:
        >>> round(guesser_loss(np.array([0, 1, 1, 1]), 2, 0.0), 4)
        0.5623
    """
    counts = np.bincount(labels, weights=texts, minlength=classes)
    shares = counts / counts.sum()
    weight = np.ones(classes) if weights is None else weights.astype(np.float64)
    target = weight * ((1 - smoothing) * shares + smoothing / classes) / (weight * shares).sum()
    return float(-(target * np.log(target / target.sum())).sum())


def note_loss(state: State, loss: float, guess: float) -> None:
    """Add the loss of a step to the moving average, and let the noise set in when that is low enough.

    Args:
        state: `recent_loss` and `noise_step` are changed in place; `step` is read.
        loss: of the labels in the step that was just taken, the same in every process, nats.
        guess: what `guesser_loss` returned.

    Example:
        >>> state = State()
        >>> for state.step in range(1, 101):
        ...     note_loss(state, 0.3, guess=0.69)
        >>> state.noise_step
        50
    """
    first = state.recent_loss == 0.0
    state.recent_loss = loss if first else _MEMORY * state.recent_loss + (1 - _MEMORY) * loss
    if not state.noise_step and state.step >= 50 and state.recent_loss < LEFT_BEHIND * guess:
        state.noise_step = state.step
