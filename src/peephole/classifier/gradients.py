"""Gradients of logits in the embedded rows of texts, without torch."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole.classifier.backward import Backward
from peephole.classifier.forward import Forward
from peephole.classifier.rules import shown
from peephole.classifier.storage import Array as Array
from peephole.classifier.storage import gather
from peephole.classifier.tokenizer import Ids
from peephole.errors import BackendUnavailable, OptionError, ShapeError, nearest


@dataclasses.dataclass(frozen=True, eq=False)
class Gradient:
    """How a number made of a text's logits changes with the text's embedded rows.

    Attributes:
        embeddings: `[T, E]` float32, the vector of each token.
        gradient: `[T, E]` float32, of `value` in each of them.
        logits: `[C]` float32, before the temperature.
        value: the number: the margin, or what `target` asked for.
    """

    embeddings: Array
    gradient: Array
    logits: Array
    value: float


@dataclasses.dataclass(frozen=True, eq=False)
class TextGradient(Gradient):
    """The gradient of a text that was given as a text.

    Attributes:
        text: as it was given, lone surrogates replaced by U+FFFD.
        tokens: `[T]` int32, ids in [0, V).
    """

    text: str
    tokens: Ids


# What the gradient is of: None: the margin; a label's logit; or a weight for each logit.
Target = str | Sequence[float] | npt.NDArray[np.floating[Any]] | None


def weights_of(where: str, target: Target, labels: Sequence[str]) -> Callable[[Array], Array]:
    """Return what makes, of logits `[N, C]`, the weights `[N, C]` with which they add up to the number that is asked for.

    Args:
        where: the call, for messages.
        target: None: the logit of the most probable label less the largest of the others; a label: its logit; or C numbers:
            the sum of the logits times these.
        labels: the names of the classes.

    Raises:
        OptionError: there is no such label, or there are not C finite numbers.
    """
    if target is None:
        return _margin
    if isinstance(target, str):
        if target not in labels:
            raise OptionError(
                f"{where}: target must be one of the labels {', '.join(map(repr, labels))}; "
                f"got {target!r}{nearest(target, labels)}"
            )
        fixed = np.array([label == target for label in labels], np.float32)
    else:
        fixed = np.asarray(target)
        if fixed.shape != (len(labels),) or fixed.dtype.kind not in "iuf" or not np.isfinite(fixed).all():
            raise OptionError(
                f"{where}: target must be a label, or {len(labels)} finite numbers, one for each label; got {shown(target)}"
            )
        fixed = fixed.astype(np.float32)
    return lambda logits: np.broadcast_to(fixed, logits.shape)


def gradients_of(
    forward: Forward, rows: Sequence[Array], weigh: Callable[[Array], Array], where: str
) -> list[Gradient]:
    """Return the gradient of each text given as embedded rows `[T_n, E]`, in their order.

    Args:
        forward: the stages.
        rows: float32.
        weigh: from `weights_of`.
        where: the call, for messages.

    Raises:
        ShapeError: rows have another width than the embedding.
        BackendUnavailable: the classifier's backend has no backward pass on NumPy, or there are no compiled kernels.
        ModelError: a logit is not finite.
    """
    _check_backend(forward, where)
    width = int(forward.embedding.shape[1])
    for n, own in enumerate(rows):
        if own.ndim != 2 or own.shape[1] != width:
            raise ShapeError(
                f"{where}: embedded[{n}] must be [T, E] with E = {width}, the embedding's width; got {list(own.shape)}"
            )
    found: list[Gradient | None] = [None] * len(rows)
    for batch in forward.batches([len(own) for own in rows]):
        given = [rows[n] for n in batch]
        passed = Backward(forward, given)
        weights = weigh(passed.logits)
        values = (passed.logits.astype(np.float64) * weights).sum(axis=1)
        for n, own, gradient, logits, value in zip(
            batch, given, passed.gradients(weights), passed.logits, values, strict=True
        ):
            found[n] = Gradient(own, gradient, logits, float(value))
    return [one for one in found if one is not None]


def text_gradients(
    forward: Forward, texts: Sequence[str], ids: Sequence[Ids], weigh: Callable[[Array], Array]
) -> list[TextGradient]:
    """Return the gradient of each text given with its ids `[T_n]`; see `gradients_of`."""
    rows = [gather(forward.embedding, own) for own in ids]
    found = gradients_of(forward, rows, weigh, "gradients")
    return [
        TextGradient(one.embeddings, one.gradient, one.logits, one.value, text, tokens)
        for text, tokens, one in zip(texts, ids, found, strict=True)
    ]


def _margin(logits: Array) -> Array:
    ranked = np.argsort(-logits, axis=1, kind="stable")
    weights = np.zeros_like(logits)
    texts = np.arange(len(logits))
    weights[texts, ranked[:, 0]], weights[texts, ranked[:, 1]] = 1.0, -1.0
    return weights


def _check_backend(forward: Forward, where: str) -> None:
    layers = [stage for stage in forward.row_stages if isinstance(stage, tuple)]
    for direction in itertools.chain.from_iterable(layers):
        if direction.backend not in ("auto", "compiled"):
            raise BackendUnavailable(
                f"{where}: the backend {direction.backend!r} has no backward pass on NumPy arrays; able here: compiled",
                hint="load the model with backend='auto'",
            )
