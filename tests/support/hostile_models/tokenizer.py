"""Ways to damage tokenizer.json, and what is said of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.attacks import Attack, file_of, tokenizer_with


def another_size(content: dict[str, Any]) -> None:
    content["model"]["vocab"]["zzzz"] = len(content["model"]["vocab"])


def gap(content: dict[str, Any]) -> None:
    vocabulary = content["model"]["vocab"]
    last = max(vocabulary, key=vocabulary.get)
    vocabulary[last] = 10**9


def exchange(one: str, other: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        vocabulary = content["model"]["vocab"]
        vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]

    return change


def rename(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["model"]["vocab"][new] = content["model"]["vocab"].pop(old)

    return change


def normalizers(content: dict[str, Any]) -> list[Any]:
    return content["normalizer"]["normalizers"]


DOUBLE = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
SLOW = {"type": "Replace", "pattern": {"Regex": "(a+)+b"}, "content": ""}
TOKENIZER = "tokenizer.json"
TOKENIZER_ATTACKS: dict[str, tuple[Attack, list[str]]] = {
    "empty": (file_of(TOKENIZER, b""), [f"{TOKENIZER}: must be JSON"]),
    "no model": (file_of(TOKENIZER, b"{}"), [f"{TOKENIZER}: must be an object with a field 'model'"]),
    "a number": (file_of(TOKENIZER, b"5"), [f"{TOKENIZER}: must be an object with a field 'model'; got 5"]),
    "huge": (file_of(TOKENIZER, b" " * 3_000_000), [f"{TOKENIZER}: must be at most ", "got 3,000,000"]),
    "many lists": (
        file_of(TOKENIZER, b"[" + b"[]," * 30_000 + b"[]]"),
        [f"{TOKENIZER}: must have at most ", "brackets"],
    ),
    "many strings": (
        file_of(TOKENIZER, b"[" + b'"",' * 30_000 + b'""]'),
        [f"{TOKENIZER}: must have at most ", "quotation marks"],
    ),
    "many numbers": (
        file_of(TOKENIZER, b"[" + b"1e5," * 20_000 + b"1]"),
        [f"{TOKENIZER}: must have at most ", "commas"],
    ),
    "nested deeply": (file_of(TOKENIZER, b'{"model":' * 2000), [f"{TOKENIZER}: must not be nested deeper"]),
    "another model": (
        tokenizer_with(lambda content: content["model"].update(type="Unigram")),
        [f"{TOKENIZER}, model.type: must be 'BPE' or 'WordLevel'; got 'Unigram'"],
    ),
    "another model's fields": (
        tokenizer_with(lambda content: content["model"].update(type="WordLevel")),
        [f"{TOKENIZER}, model.unk_token: must be what Peephole writes; expected '[UNK]', got None"],
    ),
    "more tokens than config.json": (
        tokenizer_with(another_size),
        [f"{TOKENIZER}, model.vocab: must have as many tokens as config.json says, "],
    ),
    "ids far apart": (tokenizer_with(gap), [f"{TOKENIZER}, model.vocab: must number its tokens from 0 to "]),
    "an id that is a string": (
        tokenizer_with(lambda content: content["model"]["vocab"].update({"a": "5"})),
        [f"{TOKENIZER}, model.vocab: must number its tokens from 0 to "],
    ),
    "special tokens elsewhere": (
        tokenizer_with(exchange("[PAD]", "a")),
        [f"{TOKENIZER}, model.vocab, [PAD]: must have the id 0; got "],
    ),
    "a byte without a token": (
        tokenizer_with(rename("a", "nothing")),
        [f"{TOKENIZER}, model.vocab: must have a token for each of the 256 bytes; got none for 'a'"],
    ),
    "an endless token": (
        tokenizer_with(rename("Ġfilm", "m" * 10_000)),
        ["must have at most 64 characters; got 10,000"],
    ),
    "vocabulary a list": (
        tokenizer_with(lambda content: content["model"].update(vocab=[["a", 1]])),
        [f"{TOKENIZER}, model.vocab: must map each token to its id; got [['a', 1]]"],
    ),
    "merges of unknown tokens": (
        tokenizer_with(lambda content: content["model"]["merges"].append(["zz", "zzz"])),
        [
            f"{TOKENIZER}, model.merges[",
            "]: must be of tokens in the vocabulary, and make one; got ['zz', 'zzz']",
        ],
    ),
    "merges of special tokens": (
        tokenizer_with(lambda content: content["model"]["merges"].append(["[PA", "D]"])),
        ["must be of tokens in the vocabulary, and make one"],
    ),
    "merges of numbers": (
        tokenizer_with(lambda content: content["model"]["merges"].append([1, "a"])),
        ["must be a pair of tokens; got [1, 'a']"],
    ),
    "merges of lists": (
        tokenizer_with(lambda content: content["model"]["merges"].append([["a"], ["b"]])),
        ["must be a pair of tokens; got [['a'], ['b']]"],
    ),
    "merges as text": (
        tokenizer_with(lambda content: content["model"].update(merges="a b")),
        [f"{TOKENIZER}, model.merges: must be a list", "got 'a b'"],
    ),
    "random merges": (
        tokenizer_with(lambda content: content["model"].update(dropout=0.5)),
        [f"{TOKENIZER}, model.dropout: must be what Peephole writes; expected None, got 0.5"],
    ),
    "a normalizer that doubles, forty times": (
        tokenizer_with(lambda content: normalizers(content).extend([DOUBLE] * 40)),
        [
            f"{TOKENIZER}, normalizer: must be what Peephole writes; in 'normalizers': expected ",
            "items, got ",
        ],
    ),
    "a pattern that backtracks": (
        tokenizer_with(lambda content: normalizers(content).__setitem__(34, SLOW)),
        [f"{TOKENIZER}, normalizer: must be what Peephole writes; in 'normalizers': at [34]", "got '(a+)+b'"],
    ),
    "a precompiled normalizer": (
        tokenizer_with(
            lambda content: content.update(normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"})
        ),
        [
            f"{TOKENIZER}, normalizer: must be what Peephole writes; in 'type': expected 'Sequence', got 'Precompiled'"
        ],
    ),
    "another pre-tokenizer": (
        tokenizer_with(lambda content: content.update(pre_tokenizer={"type": "Whitespace"})),
        [f"{TOKENIZER}, pre_tokenizer: must be what Peephole writes"],
    ),
    "a post-processor": (
        tokenizer_with(lambda content: content.update(post_processor={"type": "TemplateProcessing"})),
        [
            f"{TOKENIZER}, post_processor: must be what Peephole writes; expected None, got {{'type': 'TemplateProcessing'}}"
        ],
    ),
    "padding": (
        tokenizer_with(lambda content: content.update(padding={"strategy": {"Fixed": 10**9}})),
        [f"{TOKENIZER}, padding: must be what Peephole writes"],
    ),
    "added tokens": (
        tokenizer_with(lambda content: content.update(added_tokens=[{"id": 0, "content": "good"}])),
        [f"{TOKENIZER}, added_tokens: must be what Peephole writes; expected 0 items, got 1"],
    ),
    "unknown and missing components": (
        tokenizer_with(lambda content: content.update(decodre=content.pop("decoder"))),
        [
            f"{TOKENIZER}, decoder: is missing",
            f"{TOKENIZER}, decodre: is no field of ours (did you mean 'decoder'?)",
        ],
    ),
}
