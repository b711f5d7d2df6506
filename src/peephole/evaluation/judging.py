"""Judging a classifier on labelled texts: read, score, evaluate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from peephole.errors import DataError
from peephole.evaluation.errors_file import Mistake, find_mistakes
from peephole.evaluation.evaluation import Evaluation, evaluate
from peephole.reading import Record

if TYPE_CHECKING:
    from peephole.classifier import Classifier

BLOCK = 2048
"""Texts that are read and scored at a time."""


@dataclass(frozen=True)
class Judgement:
    """What a classifier made of labelled texts.

    Args:
        evaluation: the scores.
        mistakes: the misjudged texts, the most confident mistake first.
    """

    evaluation: Evaluation
    mistakes: list[Mistake]


def judge(classifier: Classifier, records: Iterable[Record]) -> Judgement:
    """Score a classifier on records whose labels are among its own.

    Args:
        classifier: any classifier.
        records: labelled texts; read with ``known_labels=classifier.config.labels``.

    Raises:
        DataError: there is no record, or one has a label that the classifier does not know.
    """
    index = {label: i for i, label in enumerate(classifier.config.labels)}
    texts: list[str] = []
    labels: list[int] = []
    logits: list[np.ndarray] = []
    lengths: list[int] = []
    stream = iter(records)
    while block := list(islice(stream, BLOCK)):
        for record in block:
            if record.label not in index:
                known = ", ".join(map(repr, index))
                raise DataError(f"{record.place}: the label must be one of {known}; got {record.label!r}")
            labels.append(index[record.label])
        ids = classifier.tokenizer.encode_batch([record.text for record in block])
        logits.append(classifier.logits(ids))
        lengths.extend(len(tokens) for tokens in ids)
        texts.extend(record.text for record in block)
    if not texts:
        raise DataError("evaluate: there must be at least one labelled text; got none")
    scores = np.concatenate(logits).astype(np.float64)
    probabilities = classifier.probabilities(scores)
    names = classifier.config.labels
    evaluation = evaluate(probabilities, labels, names, lengths=lengths, logits=scores)
    return Judgement(evaluation, find_mistakes(texts, probabilities, labels, names))
