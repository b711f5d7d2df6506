"""What a text is about, and the words it is said with."""

from __future__ import annotations

import re
from random import Random

from .asides import name
from .forms import comparative, inflect, plural, superlative
from .frames.clauses import CLAUSES, OWN_CLAUSES, THING_CLAUSES
from .slots import FORMS, OBJECT, SINGLE, SLOT, USES, fits, flipped, parts_of
from .topic import Topic
from .words import Table

AGREEING = {
    "is": "are",
    "was": "were",
    "has": "have",
    "does": "do",
    "seems": "seem",
    "lacks": "lack",
    "fails": "fail",
}
PRONOUNS = {
    "it": ("it", "it", "its"),
    "they": ("they", "them", "their"),
    "she": ("she", "her", "her"),
    "he": ("he", "him", "his"),
}
OWNED = {"device", "goods", "clothes"}
TITLED = {"film", "book", "music", "app", "restaurant", "hotel", "show"}


class Scene:
    """A thing and words for it, the same in every text of a group of minimal pairs."""

    def __init__(
        self, rng: Random, topics: tuple[Topic, ...], needed: set[str], real: dict[str, Table]
    ) -> None:
        self.rng = rng
        self.topic = rng.choice([topic for topic in topics if fits(topic, topics, needed)])
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

    def go_on(self, frame: str) -> str:
        """Fill the slots of a second sentence about the same thing with other words."""
        frame = re.sub(
            r"\{([+-][a-z_]+)(\d?)\}", lambda match: f"{{{match[1]}{int(match[2] or 1) + 6}}}", frame
        )
        return self.say(frame.replace("{the}", "{it}"), named=True)

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
            return self.rng.choice(short)
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
