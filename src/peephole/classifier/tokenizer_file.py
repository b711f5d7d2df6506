"""`tokenizer.json`: writing it, and checking one that may be hostile before any of it reaches the tokenizers library.

The format is the library's own, so others can read the file; what we accept is only what we write. Of a file that passes,
nothing but the vocabulary and the merges is used: the rest equals `pipeline.components`, which is made anew.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import operator
from collections.abc import Mapping, Sequence
from typing import Any

from peephole.classifier.pipeline import SPECIAL, Kind, byte_alphabet, components, model_options
from peephole.classifier.rules import Problem, refuse, shown
from peephole.classifier.stages import MAX_VOCABULARY
from peephole.classifier.strict_json import read_json
from peephole.errors import ModelError, nearest

MAX_TOKEN_CHARACTERS = 64

_KINDS: dict[str, Kind] = {"BPE": "bpe", "WordLevel": "word"}


@dataclasses.dataclass(frozen=True, eq=False)
class TokenizerFile:
    """What a `tokenizer.json` says.

    Attributes:
        kind: ``"bpe"`` or ``"word"``.
        lowercase: whether case is lowered.
        vocabulary: token → id, the ids from 0 without a gap.
        merges: pairs of tokens, first merged first; empty for words.
    """

    kind: Kind
    lowercase: bool
    vocabulary: dict[str, int]
    merges: list[tuple[str, str]]

    def dumps(self) -> bytes:
        """Return the bytes of the file: the same for the same content."""
        model: dict[str, Any] = {
            **model_options(self.kind),
            "vocab": dict(sorted(self.vocabulary.items(), key=lambda item: item[1])),
        }
        if self.kind == "bpe":
            model["merges"] = self.merges
        whole = {**components(self.kind, self.lowercase), "model": model}
        return (json.dumps(whole, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def byte_limit(vocabulary: int) -> int:
    """Return the largest size of a file for that many tokens, in bytes: two or three times what real ones take."""
    return (1 << 16) + 128 * vocabulary


def read_tokenizer_file(data: bytes, where: str, vocabulary: int | None = None) -> TokenizerFile:
    """Return what the bytes of a `tokenizer.json` say.

    Args:
        data: the whole file.
        where: the file, for messages.
        vocabulary: the number of tokens that it must have; None for any. It also bounds the file's size, and with it the
            memory that a hostile one can take.

    Raises:
        ModelError: the file is no JSON, too large, has another model, component or number of tokens; all that is found is listed.
    """
    limit = MAX_VOCABULARY if vocabulary is None else vocabulary
    # Python's objects take up to 60 bytes for a few bytes of JSON: count before parsing.
    for what, count, most in (
        ("bytes", len(data), byte_limit(limit)),
        ("brackets", data.count(b"[") + data.count(b"{"), 2 * limit + 4096),
        ("quotation marks", data.count(b'"'), 8 * limit + 4096),
        ("commas", data.count(b","), 6 * limit + 4096),
    ):
        if count > most:
            raise ModelError(
                f"{where}: must have at most {most:,} {what} for {limit:,} tokens; got {count:,}"
            )
    value = read_json(data, where)
    model = value.get("model") if isinstance(value, dict) else None
    if not isinstance(model, dict):
        raise ModelError(f"{where}: must be an object with a field 'model'; got {shown(value)}")
    kind = _KINDS.get(str(model.get("type")))
    if kind is None:
        raise ModelError(f"{where}, model.type: must be 'BPE' or 'WordLevel'; got {shown(model.get('type'))}")
    lowercase = {"type": "Lowercase"} in _normalizers(value)
    problems = _component_problems(value, {**components(kind, lowercase), "model": None}, "")
    fixed = {**model_options(kind), "vocab": None, **({"merges": None} if kind == "bpe" else {})}
    problems += _component_problems(model, fixed, "model.")
    refuse(
        ModelError, where, problems, hint="train the model with this version: other components are not loaded"
    )
    tokens = _vocabulary(model["vocab"], kind, vocabulary, where)
    merges = _merges(model["merges"], tokens, where) if kind == "bpe" else []
    return TokenizerFile(kind, lowercase, tokens, merges)


def _normalizers(value: Mapping[str, Any]) -> Sequence[object]:
    normalizer = value.get("normalizer")
    parts = normalizer.get("normalizers") if isinstance(normalizer, dict) else None
    return parts if isinstance(parts, list) else []


def _component_problems(given: Mapping[str, Any], expected: Mapping[str, Any], path: str) -> list[Problem]:
    """Every field that is missing, unknown or not what we write; fields that are None or in `model` may be anything."""
    free = {name for name in ("model", "vocab", "merges") if name in expected}
    problems: list[Problem] = [(f"{path}{name}", "is missing") for name in expected if name not in given]
    for name, value in given.items():
        if name not in expected:
            problems.append((f"{path}{name[:60]}", f"is no field of ours{nearest(name, expected)}"))
        elif name not in free and value != expected[name]:
            problems.append(
                (f"{path}{name}", f"must be what Peephole writes; {_difference(value, expected[name])}")
            )
    return problems


def _difference(given: object, expected: object) -> str:
    """Say where two JSON values first differ."""
    if isinstance(given, dict) and isinstance(expected, dict):
        for name in (*expected, *given):
            if given.get(name) != expected.get(name):
                return f"in {name[:60]!r}: {_difference(given.get(name), expected.get(name))}"
    if isinstance(given, list) and isinstance(expected, list):
        for index, (one, other) in enumerate(zip(given, expected, strict=False)):
            if one != other:
                return f"at [{index}]: {_difference(one, other)}"
        return f"expected {len(expected)} items, got {len(given)}"
    return f"expected {shown(expected)}, got {shown(given)}"


def _vocabulary(given: object, kind: Kind, size: int | None, where: str) -> dict[str, int]:
    place = f"{where}, model.vocab"
    if not isinstance(given, dict):
        raise ModelError(f"{place}: must map each token to its id; got {shown(given)}")
    problems: list[Problem] = []
    if size is not None and len(given) != size:
        problems.append(("", f"must have as many tokens as config.json says, {size:,}; got {len(given):,}"))
    if len(given) > MAX_VOCABULARY:
        problems.append(("", f"must have at most {MAX_VOCABULARY:,} tokens; got {len(given):,}"))
    ids = [value for value in given.values() if isinstance(value, int) and not isinstance(value, bool)]
    if len(ids) != len(given) or sorted(ids) != list(range(len(given))):
        problems.append(("", f"must number its tokens from 0 to {len(given) - 1:,}, each number once"))
    for index, name in enumerate(SPECIAL):
        if given.get(name) != index:
            problems.append((name, f"must have the id {index}; got {shown(given.get(name))}"))
    if long := next((token for token in given if len(token) > MAX_TOKEN_CHARACTERS), None):
        rule = f"must have at most {MAX_TOKEN_CHARACTERS} characters; got {len(long):,}"
        problems.append((f"{long[:20]!r}…", rule))
    if kind == "bpe" and (absent := [letter for letter in byte_alphabet() if letter not in given]):
        problems.append(("", f"must have a token for each of the 256 bytes; got none for {absent[0]!r}"))
    refuse(ModelError, place, problems)
    return given


def _merges(given: object, vocabulary: Mapping[str, int], where: str) -> list[tuple[str, str]]:
    place = f"{where}, model.merges"
    if not isinstance(given, list) or len(given) > len(vocabulary):
        raise ModelError(
            f"{place}: must be a list of at most as many pairs as there are tokens; got {shown(given)}"
        )
    known = vocabulary.keys() - set(SPECIAL)
    pairs = [(pair[0], pair[1]) for pair in given if type(pair) is list and len(pair) == 2]
    if len(pairs) == len(given) and {type(token) for token in itertools.chain.from_iterable(pairs)} <= {str}:
        made = itertools.starmap(operator.add, pairs)
        if all(map(known.__contains__, itertools.chain(itertools.chain.from_iterable(pairs), made))):
            return pairs
    for index, pair in enumerate(given):  # something is wrong: where?
        if not (type(pair) is list and len(pair) == 2 and type(pair[0]) is type(pair[1]) is str):
            raise ModelError(f"{place}[{index}]: must be a pair of tokens; got {shown(pair)}")
        left, right = pair
        if left not in known or right not in known or left + right not in known:
            raise ModelError(
                f"{place}[{index}]: must be of tokens in the vocabulary, and make one; got {shown(pair)}"
            )
    return pairs
