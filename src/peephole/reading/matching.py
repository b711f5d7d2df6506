"""Texts that repeat each other: found after taking away what does not make them different."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from peephole.reading.characters import APOSTROPHES, C1_MEANINGS
from peephole.reading.records import Record

_TAG = re.compile(r"<[/!]?[a-z][^<>]*>", re.IGNORECASE)
_PLAIN = str.maketrans(
    {
        **C1_MEANINGS,
        **dict.fromkeys(APOSTROPHES, "'"),
        **{control: "'" for control, meaning in C1_MEANINGS.items() if meaning in APOSTROPHES},
    }
)


def normalise_for_matching(text: str) -> str:
    r"""Return `text` without case, markup, the shape of apostrophes and the amount of white space.

    Tags become a space, C1 controls the cp1252 characters that were read as Latin-1 (U+0085 is ``…``), and
    typographic apostrophes ``'``, as in the tokenizers; then runs of white space become one space. Texts equal under
    this are repeats of each other.

    Example:
        >>> normalise_for_matching("It\x92s  GREAT,<br /><br />really. ")
        "it's great, really."
    """
    plain = _TAG.sub(" ", text).translate(_PLAIN)
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
