"""What a classifier says of a text."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from peephole.classifier.rules import number, shown
from peephole.errors import OptionError

Probabilities = npt.NDArray[np.float64]
NEUTRAL = "neutral"
_BAND = number(0, 1)


@dataclasses.dataclass(frozen=True)
class Prediction:
    """A classifier's answer for one text.

    Attributes:
        label: the most probable label; or ``"neutral"``, where that was asked for and the two labels are too close.
        probability: of the most probable label, in [0, 1], whichever answer is given.
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
    texts: Sequence[str],
    probabilities: Probabilities,
    labels: Sequence[str],
    top_k: int | None = None,
    neutral: float = 0.0,
) -> list[Prediction]:
    """Return a prediction for each text.

    Args:
        texts: N texts.
        probabilities: `[N, C]`.
        labels: C names.
        top_k: how many labels `Prediction.probabilities` holds; None for all. Equal ones keep the order of `labels`.
        neutral: for two labels: the answer is `NEUTRAL` where their probabilities lie less than this apart.
    """
    ranked = np.argsort(-probabilities, axis=1, kind="stable")[:, :top_k]
    found: list[Prediction] = []
    for text, row, order in zip(texts, probabilities, ranked, strict=True):
        chosen = {labels[int(index)]: float(row[index]) for index in order}
        label, probability = next(iter(chosen.items()))
        if neutral and abs(row[0] - row[1]) < neutral:
            label = NEUTRAL
        found.append(Prediction(label, probability, chosen, text))
    return found


def check_neutral(neutral: float, labels: Sequence[str]) -> None:
    """Raise `OptionError` unless a model with these labels can answer `NEUTRAL` within that distance, in [0, 1]; 0: never."""
    if _BAND.problem("neutral", neutral):
        raise OptionError(f"predict: neutral must be a number from 0 to 1; got {neutral!r}")
    if neutral and len(labels) != 2:
        raise OptionError(
            f"predict: neutral is for models with two labels; this one has {len(labels)}: {shown(list(labels))}"
        )
    if neutral and NEUTRAL in labels:
        raise OptionError(
            f"predict: neutral would give a second meaning to one of the model's labels, {NEUTRAL!r}"
        )
