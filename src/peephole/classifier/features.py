"""What a classifier's layers make of a text, before its head: a vector for any other model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from peephole.classifier.model import BLOCK, Classifier
from peephole.classifier.rows import Array
from peephole.classifier.texts import blocks
from peephole.classifier.tokenizer import Ids
from peephole.errors import OptionError, nearest

STATISTICS = ("max", "mean", "last")
_DIRECTIONS = ("forward", "reverse")


def pooled_features(
    classifier: Classifier, texts: Sequence[str], pooling: Sequence[str] | None = None
) -> Array:
    """Return the pooled states `[N, F]` float32 of texts, in their order.

    Args:
        classifier: whose layers read the texts.
        texts: any texts; one without tokens has zeros.
        pooling: of ``"max"``, ``"mean"``, ``"last"``, in the order of the columns; None: those of the model.

    Raises:
        OptionError: there is no such pooling, or the model has no final state.
        TextTypeError: something is no `str`; the message says which.
    """
    forward, statistics = classifier.forward, checked_pooling(classifier, pooling)
    rows = [np.zeros((0, len(feature_names(classifier, pooling))), np.float32)]
    for block in blocks(texts, "pooled_features", BLOCK):
        ids = classifier.tokenizer.encode_batch(block)
        found = np.zeros((len(ids), rows[0].shape[1]), np.float32)

        def read(batch: list[int], ids: Sequence[Ids] = ids, found: Array = found) -> None:
            found[batch] = forward.pooled_batch([ids[n] for n in batch], statistics)

        forward.each_batch(ids, read, "pooled_features")
        rows.append(found)
    return np.concatenate(rows)


def feature_names(classifier: Classifier, pooling: Sequence[str] | None = None) -> list[str]:
    """Return the names of the features: pooling, direction and unit, such as ``max_forward_0``.

    Raises:
        OptionError: there is no such pooling, or the model has no final state.
    """
    final = classifier.forward.row_stages[-1] if classifier.forward.row_stages else None
    if isinstance(final, tuple):
        parts = [(f"_{name}", layer.hidden_size) for name, layer in zip(_DIRECTIONS, final, strict=False)]
    else:
        width = int(classifier.forward.embedding.shape[1]) if final is None else len(final.bias)
        parts = [("", width)]
    statistics = checked_pooling(classifier, pooling)
    return [
        f"{statistic}{name}_{unit}"
        for statistic in statistics
        for name, size in parts
        for unit in range(size)
    ]


def checked_pooling(classifier: Classifier, pooling: Sequence[str] | None) -> tuple[str, ...]:
    """Return the statistics that are asked for; the model's own for None."""
    if pooling is None:
        return classifier.forward.statistics
    names = (pooling,) if isinstance(pooling, str) else tuple(pooling)
    known = ", ".join(map(repr, STATISTICS))
    if not names or len(set(names)) != len(names):
        raise OptionError(f"pooling: must name one or several of {known}, each once; got {list(names)!r}")
    for name in names:
        if name not in STATISTICS:
            raise OptionError(f"pooling: must be of {known}; got {name!r}{nearest(str(name), STATISTICS)}")
    stages = classifier.forward.row_stages
    if "last" in names and not (stages and isinstance(stages[-1], tuple)):
        raise OptionError("pooling: 'last' needs a model whose last layer before the pooling is recurrent")
    return names
