"""Characters that stand for others: cp1252 read as Latin-1, and apostrophes of every shape.

Tokenizers and the matching of repeated texts both go by these, so that they never disagree on what is the same text.
"""

from __future__ import annotations


def _meaning(code: int) -> str:
    try:
        return bytes([code]).decode("cp1252")
    except UnicodeDecodeError:
        return " "


# The C1 controls U+0080 to U+009F, each with the cp1252 character that it stands for; five stand for nothing: a space.
C1_MEANINGS = {chr(code): _meaning(code) for code in range(0x80, 0xA0)}

APOSTROPHES = "‘’ʼ＇"  # each of them means '
