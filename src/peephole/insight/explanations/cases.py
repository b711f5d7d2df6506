"""Making cases: a classifier's text, or numbers that a layer with a head on top reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole.classifier import Classifier
from peephole.classifier.prediction import softmax
from peephole.classifier.rows import LinearWeights
from peephole.classifier.rules import shown
from peephole.classifier.storage import gather
from peephole.classifier.tokenizer import Ids
from peephole.errors import OptionError, ShapeError, nearest
from peephole.insight.explanations.again import Again
from peephole.insight.explanations.case import Case, Numbers, Spans
from peephole.insight.holds import Held, holds_of
from peephole.insight.network import Array, network_of
from peephole.ops import Sequences
from peephole.ops.sequences import Integers


@dataclasses.dataclass(frozen=True, eq=False)
class Head:
    """What is read from the rows of a network's last layer: statistics over the steps, then linear stages.

    Args:
        statistics: of ``"last"``, ``"max"`` and ``"mean"``, side by side in this order.
        head: linear stages, the last of which gives the outputs `[C]`; of the network's dtype.

    Example:
        >>> import numpy as np
        >>> head = Head(("last",), [LinearWeights(np.eye(2), np.zeros(2), "relu")])
        >>> head.through_head(np.array([[1.0, -1.0]]))[-1].tolist()
        [[1.0, 0.0]]
    """

    statistics: tuple[str, ...]
    head: list[LinearWeights]

    def through_head(self, pooled: Any) -> list[Any]:
        """Return pooled vectors `[N, F]` and what each stage makes of them, the outputs `[N, C]` last."""
        passed = [pooled]
        for linear in self.head:
            passed.append(linear(passed[-1]))
        return passed


def case_of_text(
    classifier: Classifier, ids: Ids, spans: Spans, target: int, against: int, again: Again | None = None
) -> Case:
    """Return the case of a classifier's text: how much the logit of `target` exceeds that of `against`.

    Args:
        classifier: the model; it needs a recurrent stage.
        ids: `[T]` the text's tokens.
        spans: `[W, 2]` those of each word.
        target: position of the label to explain.
        against: position of the label that it is compared with.
        again: of the same tokens, where values are held.
    """
    weights = np.zeros(len(classifier.labels))
    weights[target], weights[against] = 1.0, -1.0

    def run_again(selections: Sequence[Integers]) -> Array:
        if again is not None:
            return again.outputs(selections)
        return classifier.logits([ids[one] for one in selections])

    def differentiate(rows: Sequence[Array]) -> list[tuple[float, Array]]:
        if again is not None:
            return again.gradients(rows, weights)
        return [(one.value, one.gradient) for one in classifier.gradients_at(rows, target=weights)]

    def measure(logits: Array) -> Numbers:
        return softmax(logits, classifier.config.temperature)[:, target]

    network = network_of(classifier, "explain")
    rows = gather(classifier.forward.embedding, ids)
    holds = {} if again is None else again.holds
    return Case(network, classifier.forward, rows, spans, weights, run_again, differentiate, measure, holds)


def held_text(classifier: Classifier, ids: Ids, held: Held, where: str) -> Again:
    """Return what runs a text's tokens `[T]` again while values are held, as `peephole.clamp` takes them.

    Raises:
        OptionError, ShapeError: something is held that is not there, or does not fit.
    """
    network = network_of(classifier, where)
    holds = holds_of(network, Sequences.from_lengths([len(ids)]), held, {}, where)
    return Again(network, classifier.forward, gather(classifier.forward.embedding, ids), holds)


def case_of_rows(
    layer: Any, head: Head, x: npt.ArrayLike, weights: npt.ArrayLike, spans: Spans | None = None
) -> Case:
    """Return the case of a layer of torch or `peephole.nn` with a head on top: any network with numbers as inputs.

    Args:
        layer: as `peephole.trace` takes it.
        head: what is read from its outputs.
        x: `[T, D]`.
        weights: `[C]` of the head's outputs in the number to explain.
        spans: `[W, 2]` first step of each part and the one after its last; None: each step is a part.

    Raises:
        ShapeError: `x` is not `[T, D]`.

    Example:
        >>> import numpy as np, torch
        >>> head = Head(("last",), [LinearWeights(np.ones((1, 3), np.float32), np.zeros(1, np.float32), "none")])
        >>> case = case_of_rows(torch.nn.GRU(2, 3), head, np.ones((4, 2)), [1.0])
        >>> case.steps, case.spans.tolist()
        (4, [[0, 1], [1, 2], [2, 3], [3, 4]])
    """
    network = network_of(layer, "case_of_rows")
    rows = np.ascontiguousarray(x, network.dtype)
    width = network.input_size
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ShapeError(f"case_of_rows: x must be [T, D] with D = {width}; got {list(rows.shape)}")
    fixed = np.asarray(weights, np.float64)

    again = Again(network, head, rows)

    def differentiate(inputs: Sequence[Array]) -> list[tuple[float, Array]]:
        return again.gradients(inputs, fixed)

    steps = np.arange(len(rows))
    return Case(
        network, head, rows, np.stack([steps, steps + 1], axis=1) if spans is None else spans, fixed,
        again.outputs, differentiate, lambda outputs: outputs.astype(np.float64) @ fixed,
    )  # fmt: skip


def chosen_label(labels: Sequence[str], logits: Array, target: str | None) -> tuple[int, int]:
    """Return the positions of the label to explain, the most probable one if none is named, and of the strongest other.

    Raises:
        OptionError: there is no such label.
    """
    if target is not None and target not in labels:
        raise OptionError(
            f"explain: target must be one of the labels {', '.join(map(repr, labels))}; "
            f"got {shown(target)}{nearest(target, labels)}"
        )
    ranked = np.argsort(-logits, kind="stable").tolist()
    position = ranked[0] if target is None else list(labels).index(target)
    return position, next(other for other in ranked if other != position)
