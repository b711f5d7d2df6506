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
from peephole.classifier.storage import gather
from peephole.classifier.tokenizer import Ids
from peephole.errors import OptionError, ShapeError, nearest
from peephole.insight.explanations.case import Case, Numbers, Spans
from peephole.insight.network import Array, network_of
from peephole.insight.passage import Passage
from peephole.insight.readout import read_out
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


def case_of_text(classifier: Classifier, ids: Ids, spans: Spans, target: int, against: int) -> Case:
    """Return the case of a classifier's text: how much the logit of `target` exceeds that of `against`.

    Args:
        classifier: the model; it needs a recurrent stage.
        ids: `[T]` the text's tokens.
        spans: `[W, 2]` those of each word.
        target: position of the label to explain.
        against: position of the label that it is compared with.
    """
    weights = np.zeros(len(classifier.labels))
    weights[target], weights[against] = 1.0, -1.0

    def run_again(selections: Sequence[Integers]) -> Array:
        return classifier.logits([ids[one] for one in selections])

    def differentiate(rows: Sequence[Array]) -> list[tuple[float, Array]]:
        return [(one.value, one.gradient) for one in classifier.gradients_at(rows, target=weights)]

    def measure(logits: Array) -> Numbers:
        return softmax(logits, classifier.config.temperature)[:, target]

    network = network_of(classifier, "explain")
    rows = gather(classifier.forward.embedding, ids)
    return Case(network, classifier.forward, rows, spans, weights, run_again, differentiate, measure)


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

    def passed(inputs: Sequence[Array], *, back: bool = False) -> tuple[Sequences, Passage]:
        sequences = Sequences.from_lengths([len(one) for one in inputs])
        packed = sequences.pack(inputs, network.dtype, width)
        return sequences, Passage(network, packed, sequences, back=back)

    def run_again(selections: Sequence[Integers]) -> Array:
        return read_out(head, passed([rows[one] for one in selections])[1]).logits

    def differentiate(inputs: Sequence[Array]) -> list[tuple[float, Array]]:
        sequences, passage = passed(inputs, back=True)
        readout = read_out(head, passage)
        d_logits = np.broadcast_to(fixed.astype(network.dtype), readout.logits.shape)
        d_rows = passage.backward(*readout.backward(d_logits)).rows
        values = readout.logits.astype(np.float64) @ fixed
        return [(float(values[n]), d_rows[sequences.rows_of(n)]) for n in range(len(inputs))]

    steps = np.arange(len(rows))
    return Case(
        network, head, rows, np.stack([steps, steps + 1], axis=1) if spans is None else spans, fixed,
        run_again, differentiate, lambda outputs: outputs.astype(np.float64) @ fixed,
    )  # fmt: skip


def chosen_label(labels: Sequence[str], logits: Array, target: str | None) -> tuple[int, int]:
    """Return the positions of the label to explain, the most probable one if none is named, and of the strongest other.

    Raises:
        OptionError: there is no such label.
    """
    if target is not None and target not in labels:
        raise OptionError(
            f"explain: target must be one of the labels {', '.join(map(repr, labels))}; got {target!r}{nearest(target, labels)}"
        )
    ranked = np.argsort(-logits, kind="stable").tolist()
    position = ranked[0] if target is None else list(labels).index(target)
    return position, next(other for other in ranked if other != position)
