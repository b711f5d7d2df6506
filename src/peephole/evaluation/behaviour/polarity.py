"""Which of a model's labels means positive, and which negative."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from peephole.errors import ModelError, OptionError, check_choice
from peephole.reading.labels import canonical_label

_NEUTRAL = ("neutral", "neu")
# (positive, negative, neutral): a model's labels are understood if one of these rows names every one of them.
_SCHEMES: tuple[tuple[Collection[str], Collection[str], Collection[str]], ...] = (
    (("positive", "pos", "good"), ("negative", "neg", "bad"), _NEUTRAL),
    (("1",), ("0",), ()),
    (("1",), ("-1",), ("0",)),
)


@dataclass(frozen=True, slots=True)
class Polarity:
    """The meaning of a model's labels. Labels that are none of these count as neither positive nor negative.

    Args:
        positive: the label for praise.
        negative: the label for blame.
        neutral: the label for texts without a verdict, if the model has one.
    """

    positive: str
    negative: str
    neutral: str | None = None


def find_polarity(
    labels: Sequence[str], *, positive: str | None = None, negative: str | None = None
) -> Polarity:
    """Tell which label means what: by name, or as the caller says.

    Known by name, in any case, are positive and negative (pos and neg, good and bad), with or without neutral; 1 and
    0; 1 and -1, with or without 0.

    Args:
        labels: all labels of the model.
        positive: the label for praise; given together with `negative`, or not at all.
        negative: the label for blame.

    Raises:
        ModelError: the names do not tell.
        OptionError: one of `positive` and `negative` is given without the other, both are the same, or one is none of
            `labels`.

    >>> find_polarity(["neg", "pos"])
    Polarity(positive='pos', negative='neg', neutral=None)
    >>> find_polarity(["5 stars", "1 star", "neutral"], positive="5 stars", negative="1 star").neutral
    'neutral'
    """
    where = "behaviour"
    for option, label in (("positive", positive), ("negative", negative)):
        if label is not None:
            check_choice(where, option, label, labels)
    if positive is not None and negative is not None:
        if positive == negative:
            raise OptionError(f"{where}: positive and negative must be two labels; got {positive!r} for both")
        rest = [label for label in labels if label not in (positive, negative) and _spelt(label) in _NEUTRAL]
        return Polarity(positive, negative, rest[0] if len(rest) == 1 else None)
    if positive is not None or negative is not None:
        raise OptionError(
            f"{where}: positive and negative must be given together; got positive={positive!r}, negative={negative!r}"
        )
    for scheme in _SCHEMES:
        found = [[label for label in labels if _spelt(label) in names] for names in scheme]
        if sum(map(len, found)) == len(labels) and [len(found[0]), len(found[1])] == [1, 1]:
            return Polarity(found[0][0], found[1][0], *found[2][:1])
    listed = ", ".join(map(repr, labels[:12])) + (" …" if len(labels) > 12 else "")
    raise ModelError(
        f"{where}: the model's labels must be a positive and a negative one, and perhaps a neutral one, known by their "
        f"names (positive and negative, pos and neg, good and bad, 1 and 0, 1 and -1); got {listed}",
        hint="if two of these mean praise and blame, say which: --positive LABEL --negative LABEL",
    )


def _spelt(label: str) -> str:
    return canonical_label(label).casefold()
