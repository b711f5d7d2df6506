"""Judging a classifier on labelled texts: read them, score them, evaluate."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from peephole.errors import DataError, ModelError
from peephole.evaluation.calibration import apply_temperature
from peephole.evaluation.errors_file import Mistake, find_mistakes
from peephole.evaluation.evaluation import Evaluation, evaluate
from peephole.reading import Record, RecordStream, SplitRule, read, split_development

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
    names = classifier.config.labels
    index = {label: i for i, label in enumerate(names)}
    texts: list[str] = []
    labels: list[int] = []
    lengths: list[int] = []
    logits: list[NDArray[np.float64]] = []
    stream = iter(records)
    while block := list(islice(stream, BLOCK)):
        for record in block:
            if record.label not in index:
                known = ", ".join(map(repr, names))
                raise DataError(f"{record.place}: the label must be one of {known}; got {record.label!r}")
            labels.append(index[record.label])
        ids = classifier.tokenizer.encode_batch([record.text for record in block])
        logits.append(np.asarray(classifier.logits(ids), dtype=np.float64))
        lengths.extend(len(tokens) for tokens in ids)
        texts.extend(record.text for record in block)
    if not texts:
        raise DataError("evaluate: there must be at least one labelled text; got none")
    scores = np.concatenate(logits)
    probabilities = apply_temperature(scores, classifier.config.temperature)
    evaluation = evaluate(probabilities, labels, names, lengths=lengths, logits=scores)
    return Judgement(evaluation, find_mistakes(texts, probabilities, labels, names))


class HeldOut(Iterator[Record]):
    """The development part of labelled texts, chosen as it was chosen when the classifier was trained.

    Args:
        stream: all records that the classifier was trained on, with their groups if the rule is by group.
        rule: the classifier's rule.
    """

    def __init__(self, stream: RecordStream, rule: SplitRule) -> None:
        self.skipped = stream.skipped
        self._records = self._choose(stream, rule)

    @staticmethod
    def _choose(stream: RecordStream, rule: SplitRule) -> Iterator[Record]:
        records = list(stream)
        for record, held in zip(records, split_development(records, rule), strict=True):
            if held:
                yield record

    def __next__(self) -> Record:
        return next(self._records)


def read_labelled(
    classifier: Classifier,
    sources: Sequence[str | os.PathLike[str]],
    *,
    development: bool = False,
    text_column: str | None = None,
    label_column: str | None = None,
    where: Mapping[str, str] | None = None,
    format: str | None = None,
    skip_bad: bool = False,
) -> RecordStream | HeldOut:
    """Read labelled texts for `judge`.

    Args:
        classifier: its labels are the ones allowed.
        sources: as for `peephole.reading.read`.
        development: only the part that was held out when the classifier was trained on these sources.
        text_column: as for `peephole.reading.read`.
        label_column: likewise.
        where: likewise.
        format: likewise.
        skip_bad: likewise.

    Raises:
        ModelError: `development`, but the model holds no rule by which its development part was chosen from its texts.
        DataError: while reading, if the texts cannot be used.
    """
    rule = development_rule(classifier) if development else None
    stream = read(
        sources,
        text_column=text_column,
        label_column=label_column,
        group_column=None if rule is None else rule.column,
        where=where,
        format=format,
        labels="required",
        known_labels=classifier.config.labels,
        skip_bad=skip_bad,
    )
    return stream if rule is None else HeldOut(stream, rule)


def development_rule(classifier: Classifier) -> SplitRule:
    """Return the rule by which a classifier's development part was chosen.

    Raises:
        ModelError: the part was a source of its own, or named by a column.
    """
    split = classifier.config.split
    if split is None or split.get("kind") not in ("group", "stratified"):
        raise ModelError(
            "evaluate: --development needs a model whose development part was chosen from its training texts by a rule; "
            "this one's was given apart",
            hint="evaluate on the development source itself, or choose its rows with --where COLUMN=VALUE",
        )
    return SplitRule.from_json(split)


def learning_history(classifier: Classifier) -> list[dict[str, float]] | None:
    """Return the learning curve that training left with a classifier, one dict for each pass; None where there is none."""
    columns = classifier.config.metrics.get("learning_curve")
    if not isinstance(columns, dict) or not all(isinstance(values, list) for values in columns.values()):
        return None
    named = cast("dict[str, list[float]]", columns)
    return [dict(zip(named, row, strict=True)) for row in zip(*named.values(), strict=True)]
