"""Judging a classifier on labelled texts: read them, score them, evaluate."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from peephole.classifier.texts import bounded
from peephole.errors import DataError, ModelError, OptionError
from peephole.evaluation.calibration import apply_temperature
from peephole.evaluation.errors_file import Mistake, find_mistakes
from peephole.evaluation.evaluation import Evaluation, evaluate
from peephole.reading import Record, RecordStream, SplitRule, read, split_development

if TYPE_CHECKING:
    from peephole.classifier import Classifier

BLOCK = 2048
"""The most texts that are read and scored at a time; a block also ends after some four million characters."""


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

    Of all texts but a block at a time and the misjudged ones, only the scores are kept.

    Args:
        classifier: any classifier.
        records: labelled texts; read with ``known_labels=classifier.config.labels``.

    Raises:
        DataError: there is no record, or one has a label that the classifier does not know.
    """
    names = classifier.config.labels
    index = {label: i for i, label in enumerate(names)}
    labels: list[int] = []
    lengths: list[int] = []
    logits: list[NDArray[np.float64]] = []
    mistakes: list[Mistake] = []
    for block in bounded(records, BLOCK, lambda record: len(record.text)):
        for record in block:
            if record.label not in index:
                known = ", ".join(map(repr, names))
                raise DataError(f"{record.place}: the label must be one of {known}; got {record.label!r}")
        texts = [record.text for record in block]
        truth = [index[str(record.label)] for record in block]
        ids = classifier.tokenizer.encode_batch(texts)
        scores = np.asarray(classifier.logits(ids), dtype=np.float64)
        probabilities = apply_temperature(scores, classifier.config.temperature)
        mistakes += find_mistakes(texts, probabilities, truth, names)
        labels += truth
        lengths += [len(tokens) for tokens in ids]
        logits.append(scores)
    if not labels:
        raise DataError("evaluate: there must be at least one labelled text; got none")
    scores = np.concatenate(logits)
    probabilities = apply_temperature(scores, classifier.config.temperature)
    evaluation = evaluate(probabilities, labels, names, lengths=lengths, logits=scores)
    return Judgement(evaluation, sorted(mistakes, key=lambda mistake: -mistake.probability))


class HeldOut(Iterator[Record]):
    """The development part of labelled texts, chosen as it was chosen when the classifier was trained.

    Args:
        stream: all records that the classifier was trained on, with their groups if the rule is by group.
        rule: the classifier's rule.
        expected: how many texts were held out then; None if that is not known.

    Attributes:
        skipped: how many records were left out so far, and why.

    Raises:
        DataError: on the first step, if the records cannot be used, or another number of them is held out.
    """

    def __init__(self, stream: RecordStream, rule: SplitRule, expected: int | None = None) -> None:
        self.skipped = stream.skipped
        self._records = self._choose(stream, rule, expected)

    @staticmethod
    def _choose(stream: RecordStream, rule: SplitRule, expected: int | None) -> Iterator[Record]:
        records = list(stream)
        held_out = split_development(records, rule)
        found = int(held_out.sum())
        if expected is not None and found != expected:
            raise DataError(
                f"evaluate: --development must find the {expected:,} texts that were held out at training; got {found:,}",
                hint="these are other, more or fewer texts than at training: give the same sources, with the same --where, "
                "columns and --skip-bad",
            )
        for record, held in zip(records, held_out, strict=True):
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
        DataError: while reading, if the texts cannot be used; or `development`, and not as many texts are held out of these
            sources as were at training.
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
    if rule is None:
        return stream
    count = classifier.config.data.get("development")
    return HeldOut(stream, rule, count if isinstance(count, int) and not isinstance(count, bool) else None)


def development_rule(classifier: Classifier) -> SplitRule:
    """Return the rule by which a classifier's development part was chosen.

    Raises:
        ModelError: the part was a source of its own, or named by a column; or the rule in the config is none.
    """
    split = classifier.config.split
    if split is None or split.get("kind") not in ("group", "stratified"):
        raise ModelError(
            "evaluate: --development needs a model whose development part was chosen from its training texts by a rule; "
            "this one's was given apart",
            hint="evaluate on the development source itself, or choose its rows with --where COLUMN=VALUE",
        )
    try:
        return SplitRule.from_json(split)
    except OptionError as error:
        raise ModelError(f"config.json, split: {error.message.removeprefix('SplitRule: ')}") from error
