"""A tree of phrases: neighbours are joined where together they say something else than each by itself."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from peephole.insight.explanations.case import Case
from peephole.insight.explanations.decomposition import decompose
from peephole.ops.sequences import Integers

MOST_WORDS = 100
_MOST_STEPS = 50_000  # words times tokens: a hundred words may have 500 tokens
_SHARE = 4  # one in so many neighbours is joined in a round: 100 words take about 20 rounds


@dataclasses.dataclass(frozen=True)
class Phrase:
    """A phrase, and those that it was joined from.

    Attributes:
        first: position of its first word.
        end: position after its last.
        score: β of its words together, by contextual decomposition.
        interaction: its score less those of its parts: what joining them adds. 0 for a word.
        parts: two phrases, or none for a word.
    """

    first: int
    end: int
    score: float
    interaction: float = 0.0
    parts: tuple[Phrase, ...] = ()

    def walk(self) -> Iterator[Phrase]:
        """Return this phrase and all that it is made of, each after its parts, from the left to the right."""
        found: list[Phrase] = []
        stack: list[Phrase] = [self]
        while stack:  # a tree of a hundred words may be a hundred deep
            found.append(stack.pop())
            stack += found[-1].parts
        return reversed(found)

    def to_dict(self) -> dict[str, Any]:
        """Return the tree as nested dicts with `first`, `end`, `score`, `interaction` and `parts`."""
        made: dict[int, dict[str, Any]] = {}
        for one in self.walk():
            made[id(one)] = {
                "first": one.first, "end": one.end, "score": one.score, "interaction": one.interaction,
                "parts": [made[id(part)] for part in one.parts],
            }  # fmt: skip
        return made[id(self)]


def phrase_tree(case: Case) -> Phrase | None:
    """Return the tree of a text's phrases; its root is the whole text, whose score is the value less the biases' part.

    In each round, of all pairs of neighbours, the quarter whose interaction is largest, whichever sign it has, is joined: what
    changes each other early, what merely stands side by side late. About three times as many phrases as words are looked at.

    Args:
        case: what is explained.

    Returns:
        None for a text without words, or with more than 100, or with words of too many tokens.

    Source: Singh, Murdoch & Yu, "Hierarchical interpretations for neural network predictions" (ICLR 2019), section 3.3. We
        differ: pairs alone are joined, by their interaction, until one phrase is left.
    """
    words = len(case.spans)
    if not 1 <= words <= MOST_WORDS or words * case.steps > _MOST_STEPS:
        return None
    nodes = [
        Phrase(k, k + 1, score) for k, score in enumerate(_scores(case, [(k, k + 1) for k in range(words)]))
    ]
    known: dict[tuple[int, int], float] = {}
    while len(nodes) > 1:
        pairs = [(left.first, right.end) for left, right in itertools.pairwise(nodes)]
        fresh = [pair for pair in pairs if pair not in known]
        known.update(zip(fresh, _scores(case, fresh), strict=True))
        gains = np.array([known[pair] - nodes[k].score - nodes[k + 1].score for k, pair in enumerate(pairs)])
        joined = _apart(np.argsort(-np.abs(gains), kind="stable"), max(1, len(pairs) // _SHARE))
        made: list[Phrase] = []
        k = 0
        while k < len(nodes):
            if k in joined:
                left, right = nodes[k], nodes[k + 1]
                made.append(Phrase(left.first, right.end, known[pairs[k]], float(gains[k]), (left, right)))
                k += 2
            else:
                made.append(nodes[k])
                k += 1
        nodes = made
    return nodes[0]


def _scores(case: Case, phrases: list[tuple[int, int]]) -> list[float]:
    """β of each phrase, given by its first word and the one after its last."""
    if not phrases:
        return []
    rows = np.array([[case.spans[first, 0], case.spans[end - 1, 1]] for first, end in phrases])
    return decompose(case, rows).scores.tolist()


def _apart(ranked: Integers, most: int) -> set[int]:
    """The first of `ranked` pairs, at most so many, that share no phrase; a pair is named by its left one."""
    chosen: set[int] = set()
    for pair in ranked.tolist():
        if len(chosen) == most:
            break
        if not chosen & {pair - 1, pair, pair + 1}:
            chosen.add(pair)
    return chosen
