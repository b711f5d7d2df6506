"""Tokens and words with their places in the text they were cut from."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Piece:
    """A token and where it stands.

    Attributes:
        id: in [3, V), or 1 for a word that is unknown.
        text: the characters of the original text that it covers; part of a character counts as that character.
        start: offset of its first character in the original text; a space in front is left out.
        stop: offset after its last.
    """

    id: int
    text: str
    start: int
    stop: int


@dataclasses.dataclass(frozen=True)
class Word:
    """Tokens that were cut from one word.

    Attributes:
        text: the characters of the original text.
        start: offset of the first in the original text.
        stop: offset after the last.
        first: position of its first token among the text's tokens.
        end: position after its last.
    """

    text: str
    start: int
    stop: int
    first: int
    end: int
