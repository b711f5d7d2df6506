"""What a topic is: nouns, and words with an opinion that fit them."""

from __future__ import annotations

import dataclasses

from . import words
from .words import Table, listed, table


@dataclasses.dataclass(frozen=True)
class Topic:
    """Nouns of one kind and what is said of them; lists are written with commas.

    `use` is the verb for what one does with such a thing as a whole; a part ("the plot") has none. The verbs of `does_…` come
    after the noun, the nouns of `is_…` after "is", the nouns of `has_…` after "has" or "without".
    """

    group: str
    one: str
    many: str
    good: str
    bad: str
    does_good: str
    does_bad: str
    has_good: str
    has_bad: str
    is_good: str = ""
    is_bad: str = ""
    use: str = ""
    people: bool = False

    def nouns(self) -> list[tuple[str, bool]]:
        """Give every noun, and whether it is a plural."""
        return [(noun, False) for noun in listed(self.one)] + [(noun, True) for noun in listed(self.many)]

    def tables(self) -> dict[str, Table]:
        """Give words by the kind of slot, those of the topic as likely as the general ones."""
        general = joined(words.ADJECTIVES, {} if self.people else words.THING_ADJECTIVES)
        return {
            "adj": mixed(table(self.good, self.bad), general),
            "own": table(self.good, self.bad),
            "does": table(self.does_good, self.does_bad),
            "np": words.NOUNS if not self.is_good else mixed(table(self.is_good, self.is_bad), words.NOUNS),
            "mass": mixed(table(self.has_good, self.has_bad), {} if self.people else words.QUALITIES),
            "affix": joined(words.AFFIXES, AFFIXED.get(self.group, {})),
            **GENERAL,
        }


GENERAL: dict[str, Table] = {
    "strong": words.STRONG,
    "snp": words.STRONG_NOUNS,
    "verb": words.VERBS,
    "love": words.STRONG_VERBS,
    "please": words.PLEASE,
    "feel": words.FEELINGS,
    "count": words.COUNTED,
    "manner": words.MANNER,
    "trace": words.TRACES,
    "advice": words.ADVICE,
}


AFFIXED: dict[str, Table] = {
    **dict.fromkeys(("film", "book", "music", "show"), words.ART_AFFIXES),
    **dict.fromkeys(("device", "app", "service"), words.MADE_AFFIXES),
}


def joined(first: Table, second: Table) -> Table:
    """Put the words of two tables together."""
    return {sign: (*first[sign], *second.get(sign, ())) for sign in "+-"}


def mixed(own: Table, general: Table) -> Table:
    """Put two tables together, repeating the shorter one so that a word comes from either about as often."""
    found: Table = {}
    for sign in "+-":
        first, second = own[sign], general.get(sign, ())
        times = max(1, len(second) // max(1, len(first)))
        found[sign] = (*(first * times), *second)
    return found
