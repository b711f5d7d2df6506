r"""How a text becomes words: the normalisation and the cutting that every `tokenizer.json` of ours holds.

In order, inside `tokenizer.json`, so that whoever reads that file gets the same tokens:

1.  C1 controls (U+0080 to U+009F: Windows-1252 bytes that were read as Latin-1) become the characters they stand for:
    U+0085 is ``…``, U+0092 is ``’``. The five that stand for nothing become spaces.
2.  White space of any kind and length becomes one space.
3.  ``<br>`` in any spelling (``<BR/>``, ``< br />``, ``</br>``, with attributes), one or several, becomes one space.
4.  ``‘ ’ ʼ ＇`` become ``'``, so that "don’t" is "don't".
5.  Unicode NFC: composed and decomposed letters are the same; nothing else changes (NFKC would make "…" three dots).
6.  Lower case, by option.
7.  Spaces at both ends go; byte-level tokenizers then begin with one space, so that a first word is a word like any other.

After that a text is its words: cutting a text at white space (outside a tag) and encoding the parts gives the same tokens.
No pattern here can be made to backtrack: their time grows with the length of the text, whatever it is.
"""

from __future__ import annotations

from typing import Any, Literal

from peephole.classifier.strict_json import Json
from peephole.reading.characters import APOSTROPHES, C1_MEANINGS

Kind = Literal["bpe", "word"]

SPECIAL = ("[PAD]", "[UNK]", "[BOS]")  # ids 0, 1, 2; no text is ever cut into one of these spellings

# n't and 's are words of their own, as in the Penn treebank: "didn't" is "did" + "n't", and a rare contraction is not unknown.
_CONTRACTION = r"'(?:[sdmt]|ll|ve|re)(?![\p{L}\p{M}])"
_BYTES = rf"(?i:{_CONTRACTION})| ?[\p{{L}}\p{{M}}]+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+|\s+"
_NOT = r"n't(?![\p{L}\p{M}])"
_WORDS = (
    rf"(?i:\p{{L}}[\p{{L}}\p{{M}}]*?(?={_NOT})|{_NOT}|{_CONTRACTION})"
    r"|[\p{L}\p{M}]+|\p{N}+|[^\s\p{L}\p{M}\p{N}]"
)
_BREAKS = r"(?i) ?(?:< ?/? ?br(?: [^<>]{0,40})?/? ?> ?)+"


def _replace(content: str, *, string: str | None = None, regex: str | None = None) -> Json:
    pattern: Json = {"Regex": regex} if string is None else {"String": string}
    return {"type": "Replace", "pattern": pattern, "content": content}


def components(kind: Kind, lowercase: bool) -> dict[str, Json]:
    """Return everything of a `tokenizer.json` but its model, the same for every tokenizer of one kind and case.

    Example:
        >>> components("word", True)["post_processor"] is None
        True
    """
    normalizers: list[Json] = [
        *(_replace(meaning, string=control) for control, meaning in C1_MEANINGS.items()),
        _replace(" ", regex=r"\s+"),
        _replace(" ", regex=_BREAKS),
        _replace("'", regex=f"[{APOSTROPHES}]"),
        {"type": "NFC"},
    ]
    if lowercase:
        normalizers.append({"type": "Lowercase"})
    normalizers.append({"type": "Strip", "strip_left": True, "strip_right": True})
    byte_level: dict[str, Json] = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": False,
    }
    if kind == "bpe":
        normalizers.append({"type": "Prepend", "prepend": " "})
        split: Json = {"type": "Split", "pattern": {"Regex": _BYTES}, "behavior": "Isolated", "invert": False}
        cutting: Json = {"type": "Sequence", "pretokenizers": [split, byte_level]}
    else:
        cutting = {"type": "Split", "pattern": {"Regex": _WORDS}, "behavior": "Removed", "invert": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "pre_tokenizer": cutting,
        "post_processor": None,
        "decoder": byte_level if kind == "bpe" else None,
    }


def model_options(kind: Kind) -> dict[str, Json]:
    """Return the `model` part of a `tokenizer.json` but its vocabulary and merges."""
    if kind == "word":
        return {"type": "WordLevel", "unk_token": SPECIAL[1]}
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
    }


def byte_alphabet() -> dict[str, int]:
    """Return the characters that byte-level tokens are written in, each with the byte that it stands for.

    Printable bytes stand for themselves, the others for U+0100 and up (Radford et al. 2019, GPT-2).

    Example:
        >>> byte_alphabet()["Ġ"]  # the space
        32
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}


def unfinished(kind: Kind, lowercase: bool) -> dict[str, Any]:
    """Return a whole `tokenizer.json` with an empty vocabulary."""
    empty: dict[str, Json] = {"vocab": {}, "merges": []} if kind == "bpe" else {"vocab": {SPECIAL[1]: 1}}
    return {**components(kind, lowercase), "model": {**model_options(kind), **empty}}
