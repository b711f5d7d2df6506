"""What a classifier says of a text."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Prediction:
    """A classifier's answer for one text.

    Attributes:
        label: the most probable label.
        probability: its probability, in [0, 1].
        probabilities: label → probability, the most probable first; the asked-for number of them.
        text: the text as it was given, lone surrogates replaced by U+FFFD, so that it can be printed.
    """

    label: str
    probability: float
    probabilities: dict[str, float]
    text: str


def softmax(logits: npt.NDArray[np.floating], temperature: float) -> Probabilities:
    """Return the probabilities `[N, C]` of logits `[N, C]` divided by `temperature` (above 0); safe for logits of any size.

    Example:
        >>> softmax(np.array([[1000.0, 1000.0]]), 1.0).tolist()
        [[0.5, 0.5]]
    """
    # Shifted before it is divided: at a tiny temperature the largest stays 0 instead of becoming infinite.
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted / temperature)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def predictions(
    texts: Sequence[str], probabilities: Probabilities, labels: Sequence[str], top_k: int | None = None
) -> list[Prediction]:
    """Return a prediction for each text.

    Args:
        texts: N texts.
        probabilities: `[N, C]`.
        labels: C names.
        top_k: how many labels `Prediction.probabilities` holds; None for all. Equal ones keep the order of `labels`.
    """
    ranked = np.argsort(-probabilities, axis=1, kind="stable")[:, :top_k]
    found: list[Prediction] = []
    for text, row, order in zip(texts, probabilities, ranked, strict=True):
        chosen = {labels[int(index)]: float(row[index]) for index in order}
        label, probability = next(iter(chosen.items()))
        found.append(Prediction(label, probability, chosen, text))
    return found
