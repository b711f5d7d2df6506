"""Judging a classifier on the behaviour suite: what it passes, by capability."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from peephole.errors import DataError, OptionError
from peephole.evaluation.behaviour.polarity import Polarity, find_polarity
from peephole.evaluation.behaviour.suite import NEGATIVE, NEUTRAL, POSITIVE, Case, behaviour_suite
from peephole.evaluation.checks import check_scores
from peephole.evaluation.errors_file import COLUMNS, Mistake
from peephole.evaluation.metrics import Interval, accuracy_interval

CERTAIN = 0.8
"""On a neutral text, a classifier may give neither the positive nor the negative label more than this probability."""

FAILURE_COLUMNS = (*COLUMNS, "capability", "kind")
"""The columns of a file of failures, for `peephole.evaluation.write_errors`."""


class Scorer(Protocol):
    """What can be judged: a `peephole.Classifier`, or anything else with its labels and its `predict_proba`."""

    @property
    def labels(self) -> Sequence[str]:
        """The name of each class, by index."""
        ...

    def predict_proba(self, texts: Iterable[str], /) -> npt.NDArray[np.float64]:
        """Return the probabilities `[N, C]` of texts, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class PassRate:
    """How many texts of one sort were passed.

    Args:
        name: of the sort.
        passed: in [0, total].
        total: how many texts, at least 1.
    """

    name: str
    passed: int
    total: int

    @property
    def rate(self) -> float:
        """``passed / total``, in [0, 1]."""
        return self.passed / self.total

    @property
    def interval(self) -> Interval:
        """Wilson's 95 % interval of the rate."""
        return accuracy_interval(self.passed, self.total)

    def to_json(self) -> dict[str, object]:
        """Return name, counts, rate and interval as plain values.

        >>> PassRate("but", 3, 4).to_json()["rate"]
        0.75
        """
        return {
            "name": self.name,
            "passed": self.passed,
            "total": self.total,
            "rate": self.rate,
            "interval": list(self.interval),
        }


@dataclass(frozen=True, slots=True)
class Capability:
    """How a classifier fared on one capability.

    Args:
        all: on all its texts.
        by_label: on its positive and its negative texts apart; empty for the neutral ones.
        by_kind: on each kind of text, in the order of the suite.
    """

    all: PassRate
    by_label: tuple[PassRate, ...]
    by_kind: tuple[PassRate, ...]

    def to_json(self) -> dict[str, object]:
        """Return the rates as plain values."""
        return {
            **self.all.to_json(),
            "by_label": [rate.to_json() for rate in self.by_label],
            "by_kind": [rate.to_json() for rate in self.by_kind],
        }


@dataclass(frozen=True, slots=True)
class Failure(Mistake):
    """A text of the suite that was not passed; `label` and `predicted` are the classifier's own names.

    Args:
        capability: as in `Case`.
        kind: as in `Case`.
    """

    capability: str
    kind: str


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a classifier fared on the suite.

    Args:
        polarity: which of its labels was taken for positive and negative.
        overall: on all positive and negative texts together.
        capabilities: on each capability of these, in the order of the suite.
        neutral: on the neutral texts, by a rule of their own; None if there were none.
        failures: in the order of the suite.
    """

    polarity: Polarity
    overall: PassRate
    capabilities: tuple[Capability, ...]
    neutral: Capability | None
    failures: tuple[Failure, ...]

    def to_json(self) -> dict[str, object]:
        """Return plain dicts, lists, numbers and texts: strict JSON."""
        return {
            "labels": {"positive": self.polarity.positive, "negative": self.polarity.negative},
            "overall": self.overall.to_json(),
            "capabilities": [capability.to_json() for capability in self.capabilities],
            "neutral": None
            if self.neutral is None
            else {"rule": neutral_rule(self.polarity), **self.neutral.to_json()},
            "failures": [
                {column: getattr(failure, column) for column in FAILURE_COLUMNS} for failure in self.failures
            ],
        }


def judge_behaviour(
    classifier: Scorer, *, polarity: Polarity | None = None, cases: Sequence[Case] | None = None
) -> Behaviour:
    """Judge a classifier on the behaviour suite.

    A positive or negative text is passed if its label is the most probable one (of several equally probable, the
    first). A neutral text is passed if the classifier's answer is its neutral label, or if it gives neither the
    positive nor the negative label more than `CERTAIN`.

    Args:
        classifier: with any labels of which one means positive and one negative.
        polarity: which ones do; by default `find_polarity` tells it by their names.
        cases: other texts than those of `behaviour_suite`.

    Raises:
        ModelError: the labels' names do not tell which means what.
        OptionError: a label of `polarity` is none of the classifier's.
        DataError: there is no positive or negative text among `cases`.

    Example:
        >>> class Flatterer:
        ...     labels = ("negative", "positive")
        ...     def predict_proba(self, texts):
        ...         return np.tile([0.1, 0.9], (len(list(texts)), 1))
        >>> behaviour = judge_behaviour(Flatterer())
        >>> behaviour.overall.rate, behaviour.neutral.all.rate
        (0.5, 0.0)
    """
    labels = list(classifier.labels)
    meaning = find_polarity(labels) if polarity is None else polarity
    for label in (meaning.positive, meaning.negative, meaning.neutral):
        if label is not None and label not in labels:
            raise OptionError(f"behaviour: polarity must name labels of {labels}; got {label!r}")
    texts = behaviour_suite() if cases is None else tuple(cases)
    if not any(case.label != NEUTRAL for case in texts):
        raise DataError("behaviour: there must be at least one positive or negative text; got none")
    names = {
        POSITIVE: meaning.positive,
        NEGATIVE: meaning.negative,
        NEUTRAL: NEUTRAL if meaning.neutral is None else meaning.neutral,
    }
    given = classifier.predict_proba([case.text for case in texts])
    probabilities, _ = check_scores(
        "behaviour", "probabilities", given, np.zeros(len(texts), np.int64), classes=len(labels)
    )
    polar = [labels.index(meaning.positive), labels.index(meaning.negative)]
    passed: list[bool] = []
    failures: list[Failure] = []
    for case, row in zip(texts, probabilities, strict=True):
        best = int(row.argmax())
        right = labels[best] == names[case.label]
        if case.label == NEUTRAL:
            right = right or float(row[polar].max()) <= CERTAIN
        passed.append(right)
        if not right:
            failures.append(
                Failure(
                    case.text,
                    names[case.label],
                    labels[best],
                    float(row[best]),
                    case.capability,
                    case.kind,
                )
            )
    marked = list(zip(texts, passed, strict=True))
    polar_cases = [(case, right) for case, right in marked if case.label != NEUTRAL]
    neutral_cases = [(case, right) for case, right in marked if case.label == NEUTRAL]
    return Behaviour(
        polarity=meaning,
        overall=_rate("overall", polar_cases),
        capabilities=tuple(
            _capability(name, [pair for pair in polar_cases if pair[0].capability == name])
            for name in dict.fromkeys(case.capability for case, _ in polar_cases)
        ),
        neutral=_capability(NEUTRAL, neutral_cases) if neutral_cases else None,
        failures=tuple(failures),
    )


def neutral_rule(polarity: Polarity) -> str:
    """Say when a neutral text is passed.

    >>> neutral_rule(Polarity("pos", "neg"))
    'neither pos nor neg gets more than 80 %'
    """
    rule = f"neither {polarity.positive} nor {polarity.negative} gets more than {100 * CERTAIN:g} %"
    return rule if polarity.neutral is None else f"the answer is {polarity.neutral}, or {rule}"


def _rate(name: str, marked: Sequence[tuple[Case, bool]]) -> PassRate:
    return PassRate(name, sum(right for _, right in marked), len(marked))


def _capability(name: str, marked: Sequence[tuple[Case, bool]]) -> Capability:
    return Capability(
        all=_rate(name, marked),
        by_label=tuple(
            _rate(label, part)
            for label in (POSITIVE, NEGATIVE)
            if (part := [pair for pair in marked if pair[0].label == label])
        ),
        by_kind=tuple(
            _rate(kind, [pair for pair in marked if pair[0].kind == kind])
            for kind in dict.fromkeys(case.kind for case, _ in marked)
        ),
    )
