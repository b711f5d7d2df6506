"""Texts that repeat each other: found after taking away what does not make them different."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from peephole.reading.records import Record

_TAG = re.compile(r"<[/!]?[a-z][^<>]*>", re.IGNORECASE)
_C1_CONTROLS = re.compile("[\x80-\x9f]")


def normalise_for_matching(text: str) -> str:
    r"""Return `text` without case, markup, C1 controls and the amount of white space.

    Tags become a space and C1 controls (cp1252 punctuation that was read as Latin-1, U+0085 among it) become
    nothing; then runs of white space become one space. Texts equal under this are repeats of each other.

    Example:
        >>> normalise_for_matching("It\x92s  GREAT,<br /><br />really. ")
        'its great, really.'
    """
    plain = _C1_CONTROLS.sub("", _TAG.sub(" ", text))
    return " ".join(plain.casefold().split())


def drop_repeats(train: Iterable[Record], dev: Iterable[Record]) -> tuple[list[Record], int]:
    """Drop the training records whose text repeats that of a development record.

    Args:
        train: the training records.
        dev: the development records.

    Returns:
        The training records that are left, in order, and how many were dropped.

    Example:
        >>> train = [Record("Great!", "pos", None, "row 1"), Record("Dull.", "neg", None, "row 2")]
        >>> kept, dropped = drop_repeats(train, [Record("great! ", "pos", None, "row 3")])
        >>> [record.text for record in kept], dropped
        (['Dull.'], 1)
    """
    seen = {text_digest(record.text) for record in dev}
    total = 0
    kept: list[Record] = []
    for record in train:
        total += 1
        if text_digest(record.text) not in seen:
            kept.append(record)
    return kept, total - len(kept)


def text_digest(text: str) -> bytes:
    """Return the SHA-1 of the normalised text: 20 bytes that stand for it (no secret, only a fingerprint)."""
    return hashlib.sha1(normalise_for_matching(text).encode("utf-8"), usedforsecurity=False).digest()
