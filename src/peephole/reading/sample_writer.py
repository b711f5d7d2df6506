"""The writer of the built-in synthetic sample: it fills patterns, pairs each judgement with its opposite, adds facts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from random import Random
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from peephole.reading.sample_fillers import FILLERS
from peephole.reading.sample_patterns import ASSERTING, CONTRASTS, REVERSING
from peephole.reading.sample_words import (
    ADJECTIVES,
    DOMAINS,
    GENERAL,
    INTENSIFIERS,
    NOUNS,
    PHRASES,
    REVERSERS,
    STRONG,
    VERBS,
    Domain,
    Noun,
)

Part: TypeAlias = Literal["train", "test"]


class Twins(NamedTuple):
    """Two texts with the same polar words and opposite labels.

    Args:
        negative, positive: the texts.
        domain: what they are about, for example ``"restaurant"``.
        pattern: how they judge, for example ``"concession"``.
    """

    negative: str
    positive: str
    domain: str
    pattern: str


ONE_CLAUSE = 0.4  # share of the pairs that judge with one clause instead of two set against each other
DECIDES_LAST = {"train": 0.85, "test": 0.5}  # share of the two-clause pairs whose deciding clause comes last
TURNED = 0.1  # share of the predicates that are turned round in place, where the pattern lets them
SPECIAL = 0.6  # share of the adjectives that fit one kind of thing only, where one such may stand
# Numbers of neutral sentences (before, after), each drawn from an inclusive range; all entries equally likely.
LAYOUTS = (
    *[((0, 0), (0, 0)), ((0, 1), (0, 0)), ((0, 0), (0, 1))] * 2,
    ((0, 1), (0, 2)),
    *[((0, 0), (4, 5))] * 2,
    ((3, 5), (0, 0)),
)
BETWEEN = (0, 3)  # neutral sentences between the halves of a split pattern

_SLOT = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\ba(?= [aeiou])")
_CONCEDED = ("con", "c", "cn", "cv")
_DECIDING = ("dec", "d", "dn", "dv")
_T = TypeVar("_T")

# Only `Random.random` is used: its numbers are the same in every version of Python, those of `choice` and
# `shuffle` need not be.


def _below(n: int, rng: Random) -> int:
    return int(rng.random() * n)


def _pick(choices: Sequence[_T], rng: Random) -> _T:
    return choices[_below(len(choices), rng)]


def _within(bounds: tuple[int, int], rng: Random) -> int:
    return bounds[0] + _below(bounds[1] - bounds[0] + 1, rng)


def shuffled(items: Sequence[_T], rng: Random) -> list[_T]:
    """Return the items in random order (Fisher and Yates)."""
    result = list(items)
    for last in range(len(result) - 1, 0, -1):
        other = _below(last + 1, rng)
        result[last], result[other] = result[other], result[last]
    return result


def _fill(pattern: str, values: Mapping[str, str], rng: Random) -> str:
    """Fill the slots of a pattern, from `values` or else at random, and write it as a sentence."""
    reserved = False  # one "to my mind" in a sentence is enough

    def value(match: re.Match[str]) -> str:
        nonlocal reserved
        name = match[1]
        if name in values:
            return values[name]
        phrase = _pick(PHRASES[name], rng)
        if name in ("mid", "aside", "hedge", "after", "end", "tail", "tail2"):
            if reserved:
                return ""
            reserved = phrase != ""
        return _SLOT.sub(value, phrase)

    return _capitalised(_ARTICLE.sub("an", _SLOT.sub(value, pattern)))


def _capitalised(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _forms(noun: Noun, suffix: str = "") -> dict[str, str]:
    """Return what the slots of one judged thing hold."""
    verbs = ("were", "weren't", "are") if noun.plural else ("was", "wasn't", "is")
    words = (noun.name, *verbs, noun.subject, noun.object, "who" if noun.kind == "people" else "which")
    slots = ("the", "was", "wasnt", "is", "it", "them", "which")
    return {f"{slot}{suffix}": word for slot, word in zip(slots, words, strict=True)}


def _adjective(kinds: frozenset[str], positive: bool, strong: bool, rng: Random) -> str:
    """Draw an adjective that fits things of all `kinds`; a strong one ("superb") only where allowed."""
    if len(kinds) == 1 and rng.random() < SPECIAL:
        polar = ADJECTIVES[min(kinds)]
    else:
        polar = _pick((GENERAL, STRONG) if strong else (GENERAL,), rng)
    return _pick(polar.positive if positive else polar.negative, rng)


def _one_clause(part: Part, domain: Domain, rng: Random) -> tuple[str, str, str]:
    """Return a family and two sentences with the same polar word, the first negative, the second positive."""
    kind = _pick(domain.parts, rng).kind
    things = [noun for noun in domain.parts if noun.kind == kind]
    positive_word = rng.random() < 0.5
    word = _adjective(frozenset({kind}), positive_word, False, rng)
    sentences: list[str] = []
    for positive in (False, True):
        pattern = _pick((ASSERTING if positive == positive_word else REVERSING)[part], rng)
        values = {"w": word, "uses": _pick(domain.uses, rng), **_forms(_pick(things, rng))}
        sentences.append(_fill(pattern, values, rng))
    return "negation", sentences[0], sentences[1]


def _predicate(kinds: frozenset[str], positive: bool, rng: Random) -> tuple[str, str]:
    """Return an adjective and a predicate of the asked meaning that holds it, at times turned round."""
    if rng.random() < TURNED:
        word = _adjective(kinds, not positive, False, rng)
        return word, f"{_pick(REVERSERS, rng)} {word}"
    word = _adjective(kinds, positive, True, rng)
    return word, f"{_pick(INTENSIFIERS, rng)}{word}"


def _decides_last(pattern: str) -> bool:
    slots: list[str] = _SLOT.findall(pattern)
    conceded = max(at for at, slot in enumerate(slots) if slot in _CONCEDED)
    return conceded < max(at for at, slot in enumerate(slots) if slot in _DECIDING)


def _two_clauses(part: Part, domain: Domain, rng: Random) -> tuple[str, str, str]:
    """Return a family and two sentences that exchange what is conceded and what decides; negative first."""
    last = rng.random() < DECIDES_LAST[part]
    choices = {
        family: [pattern for pattern in patterns if _decides_last(pattern) == last]
        for family, patterns in CONTRASTS[part].items()
        if domain.lasting or family != "change"
    }
    family = _pick([name for name, patterns in choices.items() if patterns], rng)
    pattern = _pick(choices[family], rng)
    slots = frozenset(_SLOT.findall(pattern))
    kinds = {
        "the": _pick(domain.parts, rng).kind,
        "the2": _pick(domain.parts, rng).kind,
        "whole": domain.kind,
    }
    judged = frozenset(kind for slot, kind in kinds.items() if slot in slots)
    if {"con", "dec"} <= slots:
        negative, positive = _predicate(judged, False, rng), _predicate(judged, True, rng)
    else:
        words = [_adjective(judged, meaning, True, rng) for meaning in (False, True)]
        negative, positive = (words[0], words[0]), (words[1], words[1])
    # What the slots hold, in their order in `_CONCEDED` and `_DECIDING`.
    bad = (negative[1], negative[0], _pick(NOUNS.negative, rng), _pick(VERBS.negative, rng))
    good = (positive[1], positive[0], _pick(NOUNS.positive, rng), _pick(VERBS.positive, rng))
    sentences: list[str] = []
    for conceded, deciding in ((good, bad), (bad, good)):
        one = _pick([noun for noun in domain.parts if noun.kind == kinds["the"]], rng)
        other = _pick([noun for noun in domain.parts if noun.kind == kinds["the2"] and noun != one], rng)
        values = {
            "whole": _pick(domain.wholes, rng),
            **dict(zip(_CONCEDED, conceded, strict=True)),
            **dict(zip(_DECIDING, deciding, strict=True)),
            **_forms(one),
            **_forms(other, "2"),
        }
        sentences.append(_fill(pattern, values, rng))
    return family, sentences[0], sentences[1]


def _review(judgement: str, part: Part, domain: Domain, rng: Random) -> str:
    """Set a judging sentence, or its two halves, among neutral sentences."""
    before, after = _pick(LAYOUTS, rng)
    facts = (_fill(filler, {}, rng) for filler in shuffled(FILLERS[part][domain.name], rng))

    def some(bounds: tuple[int, int]) -> list[str]:
        return list(islice(facts, _within(bounds, rng)))

    first, *second = judgement.split(" || ")
    sentences = [*some(before), first]
    for half in second:
        sentences += [*some(BETWEEN), _capitalised(half)]
    return " ".join([*sentences, *some(after)])


def write_twins(part: Part, rng: Random) -> Twins:
    """Draw a domain and a way to judge, and write both texts of a pair."""
    domain = _pick(DOMAINS, rng)
    judge = _one_clause if rng.random() < ONE_CLAUSE else _two_clauses
    family, negative, positive = judge(part, domain, rng)
    return Twins(
        _review(negative, part, domain, rng), _review(positive, part, domain, rng), domain.name, family
    )
