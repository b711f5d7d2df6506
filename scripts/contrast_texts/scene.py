"""What a text is about, and the words it is said with: the filling of a frame's slots.

A slot without a sign is about the thing: {the} {it} {them} {its} {is} {was} {has} {does} {kind} {used} … A slot with a sign is a
word with an opinion: {+adj} is a good word where the text is positive, {-adj} a bad one. A digit after the name asks for
another word of the same kind. [a|b] is a choice between wordings that mean the same.
"""

from __future__ import annotations

import re
from random import Random

from .asides import name
from .forms import comparative, inflect, plural, superlative
from .topic import Topic
from .words import Table

SLOT = re.compile(r"\{([+-]?)([a-z_]+)(\d?)\}")
AGREEING = {"is": "are", "was": "were", "has": "have", "does": "do", "seems": "seem", "looks": "look"}
PRONOUNS = {
    "it": ("it", "it", "its"),
    "they": ("they", "them", "their"),
    "she": ("she", "her", "her"),
    "he": ("he", "him", "his"),
}
USES = {"use": "base", "used": "past", "usen": "participle", "using": "gerund"}
AFTER_SUBJECT = (
    r"\{(?:is|was|has|does|be|seems|[+-](?:does|did|pleases|pleased|pvp))\}|could|can|cannot|would|should|had|used|may|might|did|"
    r"once|ever|got|turned|failed|never|certainly|really|became|deserved|tried|were|went"
)
OBJECT = re.compile(  # "it" where it is not a subject
    rf"(?<!\{{is\}} )(?<!\{{was\}} )(?<!\{{does\}} )(?<!\{{be\}} )\{{it\}}(?! (?:{AFTER_SUBJECT}))"
)
FORMS = {  # slot: table, form of the verb
    "verb": ("verb", "base"), "verbs": ("verb", "third"), "verbed": ("verb", "past"), "verben": ("verb", "participle"),
    "verbing": ("verb", "gerund"), "love": ("love", "base"), "loves": ("love", "third"), "loved": ("love", "past"),
    "loving": ("love", "gerund"), "please": ("please", "base"), "pleases": ("please", "third"), "pleased": ("please", "past"),
    "pleasing": ("please", "gerund"), "do": ("does", "base"), "does": ("does", "third"), "did": ("does", "past"),
    "doing": ("does", "gerund"),
}  # fmt: skip
WHOLE = {*USES, "verb", "verbs", "verbed", "verben", "verbing", "kind", "kinds", "advice", "whole"}
SINGLE = {"kind", "kinds", "advice", "ser"}
NOT_PEOPLE = WHOLE | {"np", "snp", "count", "manner", "trace", "affix", "love", "loves", "loved", "loving"}
OWNED = {"device", "goods", "clothes"}
TITLED = {"film", "book", "music", "app", "restaurant", "hotel", "show"}
BOTH = {"-": "+", "+": "-"}


def flipped(text: str) -> str:
    """Turn the sign of every slot, and with it the label."""
    return re.sub(r"\{([+-])", lambda match: "{" + BOTH[match[1]], text)


def slots(text: str) -> set[str]:
    """Name the slots of a frame."""
    return {match[2] for match in SLOT.finditer(text)}


def parts_of(topic: Topic, topics: tuple[Topic, ...]) -> list[Topic]:
    """Find what a thing consists of, and the people who belong to it."""
    if not topic.use or topic.people:
        return []
    return [each for each in topics if each.group == topic.group and (not each.use or each.people)]


class Scene:
    """A thing and words for it, the same in every text of a group of minimal pairs."""

    def __init__(
        self, rng: Random, topics: tuple[Topic, ...], needed: set[str], real: dict[str, Table]
    ) -> None:
        self.rng = rng
        fitting = [
            topic
            for topic in topics
            if not (needed & WHOLE and not topic.use)
            and not (needed & NOT_PEOPLE and topic.people)
            and not ("part_clause" in needed and not parts_of(topic, topics))
        ]
        self.topic = rng.choice(fitting)
        nouns = [noun for noun in self.topic.nouns() if not (needed & SINGLE and noun[1])]
        self.noun, self.many = rng.choice(nouns)
        self.title = self._title()
        self.pronouns = PRONOUNS[self._pronoun()]
        self.tense = rng.choice(("is", "was"))
        self.tables = {**self.topic.tables(), **real}
        parts = parts_of(self.topic, topics)
        self.part = rng.choice(parts) if parts else None
        self.words: dict[str, str] = {}

    def _pronoun(self) -> str:
        if self.many:
            return "they"
        if not self.topic.people:
            return "it"
        if self.noun.endswith(("lady", "tress", "man", "hero")):
            return "he" if self.noun.endswith(("man", "hero")) else "she"
        return self.rng.choice(("she", "he"))

    def _title(self) -> str:
        topic, rng = self.topic, self.rng
        if (
            topic.use not in ("", "deal with", "eat")
            and not self.many
            and topic.group in TITLED
            and rng.random() < 0.12
        ):
            return name(rng, "title")
        determiners = ["the", "the", "this" if not self.many else "these"] if topic.use else ["the"]
        if topic.group in OWNED and topic.use:
            determiners.append("my")
        return f"{rng.choice(determiners)} {self.noun}"

    def say(self, frame: str, named: bool = False) -> str:
        """Fill the slots of a frame; where the thing is not `named` yet, it may be named instead of "it"."""
        text = frame
        if not named and "{the}" not in text and self.rng.random() < 0.5:
            text = text.replace("{it}", "{the}", 1)
        text = OBJECT.sub("{them}", text)
        while "[" in text:  # one choice at a time, the innermost first
            text = re.sub(r"\[([^\[\]]*)\]", lambda match: self.rng.choice(match[1].split("|")), text)
        return SLOT.sub(lambda match: self._fill(match[1], match[2], match[3]), text)

    def _fill(self, sign: str, slot: str, digit: str) -> str:
        if not sign:
            return self._thing(slot, digit)
        key = sign + slot + digit
        if slot in ("clause", "it_clause", "part_clause"):
            return self._clause(sign, slot)
        base, form = FORMS.get(slot, (slot, ""))
        base = {"er": "adj", "est": "adj", "ser": "short"}.get(slot, base)
        key = f"{sign}{base}{digit}"
        if key not in self.words:
            self.words[key] = self._draw(sign, base)
        word = self.words[key]
        if slot in ("er", "ser"):
            return comparative(word)
        if slot == "est":
            return superlative(word)
        if form == "third" and base in ("does", "please") and self.many:
            form = "base"
        return inflect(word, form) if form else word

    def _draw(self, sign: str, base: str) -> str:
        if base == "affix":  # the same stem with either sign
            chosen = self.rng.randrange(len(self.tables[base]["+"]))
            for each in "+-":
                self.words[f"{each}affix"] = self.tables[base][each][chosen]
            return self.words[f"{sign}affix"]
        if base == "short":  # with "-er", where "many more …" would say something else
            short = [word for word in self.tables["adj"][sign] if not comparative(word).startswith("more ")]
            return self.words.setdefault(f"{sign}adj", self.rng.choice(short))
        taken = set(self.words.values())
        free = [word for word in self.tables[base][sign] if word not in taken]
        return self.rng.choice(free or self.tables[base][sign])

    def _thing(self, slot: str, digit: str) -> str:
        if slot == "the":
            return self.title
        if slot in ("it", "them", "its"):
            return self.pronouns[("it", "them", "its").index(slot)]
        if slot == "whole":
            return ""
        if slot == "be":
            slot = self.tense
        if slot in AGREEING:
            return AGREEING[slot] if self.many else slot
        if slot == "kind":
            return self.noun.removesuffix("'s")
        if slot == "kinds":
            return plural(self.noun.removesuffix("'s"))
        if slot in USES:
            return inflect(self.topic.use, USES[slot])
        key = f"{slot}{digit}"
        if key not in self.words:
            self.words[key] = name(self.rng, slot)
        return self.words[key]

    def _clause(self, sign: str, slot: str) -> str:
        """Choose a clause of that sign, about the thing, a pronoun for it, or a part of it."""
        choices = CLAUSES if self.topic.people else (*CLAUSES, *THING_CLAUSES)
        if self.topic.use and not self.topic.people and slot != "part_clause":
            choices = (*choices, *OWN_CLAUSES)
        if slot == "part_clause" and self.part is not None:
            part = Scene(self.rng, (self.part,), set(), {})
            part.tense = self.tense
            return part._clause(sign, "clause")
        chosen = self.rng.choice(choices)
        if slot == "it_clause":
            chosen = chosen.replace("{the}", "{it}").replace("adj}", "adj5}").replace("adj2}", "adj6}")
        return self.say(flipped(chosen) if sign == "-" else chosen, named=True)


CLAUSES = (
    "{the} {be} {+adj}",
    "{the} {be} {+adj}",
    "{the} {be} [very|really|quite|so|rather] {+adj}",
    "{the} {be} {+strong}",
    "{the} {be} {+adj} and {+adj2}",
    "{the} {+did}",
)
THING_CLAUSES = ("{the} {be} {+np}", "{the} {+pleased}", "{the} {be} {+own}", "{the} {be} full of {+mass}")
OWN_CLAUSES = ("I {+verbed} {the}", "I {+loved} {the}", "{the} left me with {+trace}")
