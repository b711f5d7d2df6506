"""The built-in sample: short synthetic reviews whose label no counting of words can tell.

The texts are *synthetic*: put together from word lists and sentence patterns that were written for this project. Nobody
held these opinions, and a score on them says that a network handles negation, contrast and memory, not that it
judges real reviews well.

Every text comes with a twin of the opposite label that holds the same polar words, turned round by a negation ("nobody
I know called the soup bland") or changed over between the clause that is conceded and the one that decides ("although
the plot was dull, the acting was superb"). In any even number of texts each polar word therefore stands exactly as often in
positive as in negative texts. The verdict stands alone, before a long neutral stretch, after one, or is split by one.

The test part uses other sentence patterns and other neutral sentences than the training part, so that no sentence of the one
occurs in the other; all words of the test part occur in the training patterns. What has to carry over is how words combine.

    >>> for record in sample_reviews("train", 2, seed=3):
    ...     print(record.label, record.text, sep=": ")
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Literal, TypeVar

from peephole.errors import OptionError, check_choice
from peephole.reading.records import Record
from peephole.reading.sample_fillers import FILLERS
from peephole.reading.sample_patterns import ASSERTING, CONTRASTS, REVERSING
from peephole.reading.sample_words import (
    ADJECTIVES,
    CITIES,
    COLOURS,
    DAYS,
    DOMAINS,
    GENERAL,
    INTENSIFIERS,
    NOUNS,
    NUMBERS,
    PEOPLE,
    REVERSERS,
    LEADS, ASIDES, AFTERS, EACH, NONE, GROUPS, CALLED, CALL,
    STRONG,
    TAILS,
    VERBS,
    Domain,
    Noun,
    Polar,
)

Part = Literal["train", "test"]
PARTS: tuple[Part, Part] = ("train", "test")
LABELS = ("negative", "positive")

ONE_CLAUSE = 0.4  # share of the pairs that judge with one clause; the others set two against each other
import os
ONE_CLAUSE=float(os.environ.get('OC','.35'))
DECIDES_LAST = {'train':float(os.environ.get('DL','.7')),'test':0.5}
TURNED=float(os.environ.get("TU",".1"))
ALIKE = 0.6  # share of the adjectives that are special to what they judge, where there is a choice
# Numbers of neutral sentences (before, after), each drawn from the inclusive range; equally likely.
LAYOUTS = (
    ((0, 0), (0, 0)),
    ((0, 0), (0, 1)),
    ((0, 1), (0, 0)),
    ((0, 2), (0, 2)),
    ((0, 0), (4, 6)),
    ((3, 5), (0, 0)),
)
BETWEEN = (0, 3)  # neutral sentences between the halves of a split pattern

_FREE: Mapping[str, Sequence[str]] = {
    "who": PEOPLE,
    "n": NUMBERS,
    "day": DAYS,
    "city": CITIES,
    "colour": COLOURS,
    "lead": LEADS,
    "mid": ASIDES,
    "aside": ("", "", "", *ASIDES),
    "after": AFTERS,
    "tail": TAILS,
    "tail2": TAILS,
    "each": EACH,
    "none": NONE,
    "group": GROUPS,
    "called": CALLED,
    "call": CALL,
}
ROLES = frozenset({'con','c','cn','cv','dec','d','dn','dv'})
_SLOT = re.compile(r"\{(\w+)\}")
_A = re.compile(r"\ba(?= (?!use|one)[aeiou])")
_T = TypeVar("_T")

# Only `Random.random` is used: its numbers are the same in every version of Python, those of `choice` and
# `shuffle` are not promised to be.


def _below(n: int, rng: Random) -> int:
    return int(rng.random() * n)


def _pick(choices: Sequence[_T], rng: Random) -> _T:
    return choices[_below(len(choices), rng)]


SKEW=float(os.environ.get('SK','2'))
def _pick_common(choices: Sequence[_T], rng: Random) -> _T:
    """Pick the first choices more often than the last, as words of a language are."""
    return choices[int(rng.random() ** SKEW * len(choices))]


def _within(bounds: tuple[int, int], rng: Random) -> int:
    return bounds[0] + _below(bounds[1] - bounds[0] + 1, rng)


def _shuffled(items: Sequence[_T], rng: Random) -> list[_T]:
    result = list(items)
    for last in range(len(result) - 1, 0, -1):
        other = _below(last + 1, rng)
        result[last], result[other] = result[other], result[last]
    return result


def _slots(pattern: str) -> frozenset[str]:
    return frozenset(_SLOT.findall(pattern))


def _decides_last(pattern: str) -> bool:
    """Tell whether the clause that decides stands after the one that is conceded."""
    names = _SLOT.findall(pattern)
    place = {name[0]: at for at, name in enumerate(names) if name in ROLES}
    return place["d"] > place["c"]


def _fill(pattern: str, values: Mapping[str, str], rng: Random) -> str:
    asides: set[str] = set()

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name in values:
            return values[name]
        drawn = _pick(_FREE[name], rng)
        if name in ("mid", "aside", "tail", "tail2"):
            bare = drawn.strip(" ,")
            if bare in asides:
                return ""
            asides.add(bare)
        return _SLOT.sub(value, drawn)

    sentence = _A.sub("an", _SLOT.sub(value, pattern))
    return sentence[0].upper() + sentence[1:]


def _forms(noun: Noun, suffix: str) -> dict[str, str]:
    """Return what the slots of one judged thing hold, singular or plural."""
    many = noun.plural
    return {
        f"the{suffix}": noun.name,
        f"was{suffix}": "were" if many else "was",
        f"wasnt{suffix}": "weren't" if many else "wasn't",
        f"is{suffix}": "are" if many else "is",
        f"it{suffix}": noun.subject,
        f"them{suffix}": noun.object,
    }


def _adjective(kinds: frozenset[str], positive: bool, strong: bool, rng: Random) -> str:
    """Draw an adjective that fits all `kinds` of things."""
    general = (GENERAL, STRONG) if strong else (GENERAL,)
    if len(kinds) == 1 and rng.random() < ALIKE:
        polar = ADJECTIVES[min(kinds)]
    else:
        polar = _pick(general, rng)
    return _pick_common(polar.positive if positive else polar.negative, rng)


def _one_clause(part: Part, domain: Domain, rng: Random) -> tuple[str, str, str]:
    """Return the family and two sentences with the same polar word, the first negative and the second positive."""
    kind = _pick(domain.parts, rng).kind
    positive_word = rng.random() < 0.5
    word = _adjective(frozenset({kind}), positive_word, False, rng)
    sentences: list[str] = []
    for positive in (False, True):
        patterns = ASSERTING if positive == positive_word else REVERSING
        pattern = _pick(patterns[part], rng)
        noun = _pick([noun for noun in domain.parts if noun.kind == kind], rng)
        values = {"w": word, "uses": _pick(domain.uses, rng), **_forms(noun, "")}
        sentences.append(_fill(pattern, values, rng))
    return "negation", sentences[0], sentences[1]


def _predicate(kinds: frozenset[str], positive: bool, rng: Random) -> tuple[str, str]:
    """Return an adjective and the predicate with that meaning in which it stands, at times turned round."""
    if rng.random() < TURNED:
        word = _adjective(kinds, not positive, False, rng)
        return word, f"{_pick(REVERSERS, rng)} {word}"
    word = _adjective(kinds, positive, True, rng)
    return word, f"{_pick(INTENSIFIERS, rng)}{word}"


def _two_clauses(part: Part, domain: Domain, rng: Random) -> tuple[str, str, str]:
    """Return the family and two sentences that exchange what they concede and what decides; negative first."""
    last = rng.random() < DECIDES_LAST[part]
    ordered = {
        family: [pattern for pattern in patterns if _decides_last(pattern) == last]
        for family, patterns in CONTRASTS[part].items()
        if domain.lasting or family != "change"
    }
    family = _pick([name for name, patterns in ordered.items() if patterns], rng)
    pattern = _pick(ordered[family], rng)
    slots = _slots(pattern)
    kinds = {"the": _pick(domain.parts, rng).kind, "the2": _pick(domain.parts, rng).kind, "whole": domain.kind}
    fitting = frozenset(kind for slot, kind in kinds.items() if slot in slots)
    # By meaning, negative first: what the slots con, c, cn, cv and dec, d, dn, dv hold.
    if {"con", "dec"} <= slots:
        words, predicates = zip(*(_predicate(fitting, positive, rng) for positive in (False, True)))
    else:
        words = tuple(_adjective(fitting, positive, True, rng) for positive in (False, True))
        predicates = words
    nouns = (_pick_common(NOUNS.negative, rng), _pick_common(NOUNS.positive, rng))
    verbs = (_pick_common(VERBS.negative, rng), _pick_common(VERBS.positive, rng))
    sentences: list[str] = []
    for decides in (0, 1):
        concedes = 1 - decides
        values = {
            "whole": _pick(domain.wholes, rng),
            "con": predicates[concedes], "c": words[concedes], "cn": nouns[concedes], "cv": verbs[concedes],
            "dec": predicates[decides], "d": words[decides], "dn": nouns[decides], "dv": verbs[decides],
        }
        left: Noun | None = None
        for suffix in ("", "2"):
            left = _pick([noun for noun in domain.parts if noun.kind == kinds[f"the{suffix}"] and noun != left], rng)
            values.update(_forms(left, suffix))
        sentences.append(_fill(pattern, values, rng))
    return family, sentences[0], sentences[1]


def _review(judgement: str, part: Part, domain: Domain, rng: Random) -> str:
    """Set the judging sentence among neutral ones."""
    layout = _pick(LAYOUTS, rng)
    facts = (_fill(filler, {}, rng) for filler in _shuffled(FILLERS[part][domain.name], rng))

    def some(bounds: tuple[int, int]) -> list[str]:
        return [fact for _, fact in zip(range(_within(bounds, rng)), facts)]
    sentences = some(layout[0])
    for place, half in enumerate(judgement.split(" || ")):
        if place:
            sentences += some(BETWEEN)
        sentences.append(half[0].upper() + half[1:])
    return " ".join(sentences + some(layout[1]))


def sample_reviews(part: Part, n: int, seed: int = 0) -> list[Record]:
    check_choice("sample_reviews", "part", part, PARTS)
    if n < 0 or seed < 0:
        raise OptionError(f"sample_reviews: n and seed must be >= 0; got n={n}, seed={seed}")
    rng = Random(2 * seed + PARTS.index(part))
    reviews: list[Record] = []
    seen: set[str] = set()
    while len(reviews) < n:
        domain = _pick(DOMAINS, rng)
        judge = _one_clause if rng.random() < ONE_CLAUSE else _two_clauses
        family, *twins = judge(part, domain, rng)
        texts = [_review(judgement, part, domain, rng) for judgement in twins]
        if not seen.isdisjoint(texts):
            continue
        seen.update(texts)
        pair = f"{part}-{seed}-{len(reviews) // 2}"
        for text, label in zip(texts, LABELS):
            reviews.append(Record(text, label, pair, f"synthetic sample, {part}", {"domain": domain.name, "pattern": family}))
    return _shuffled(reviews[:n], rng)
