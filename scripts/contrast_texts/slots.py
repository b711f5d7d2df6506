"""The slots of frames, and what a topic must have so that they can be filled.

A slot without a sign is about the thing: {the} {it} {its} {is} {was} {has} {does} {kind} {used} and so on. A slot with a sign
is a word with an opinion: {+adj} is a good word where the text is positive, {-adj} a bad one. A digit after the name asks
for another word of the same kind. {whole} says nothing; it asks for a thing that is no part of another. [a|b] is a choice
between wordings.
"""

from __future__ import annotations

import re

from .topic import Topic

SLOT = re.compile(r"\{([+-]?)([a-z_]+)(\d?)\}")
USES = {"use": "base", "used": "past", "usen": "participle", "using": "gerund"}
AFTER_SUBJECT = (
    r"\{(?:is|was|has|does|be|seems|lacks|fails|[+-](?:does|did|pleases|pleased|pvp)\d?)\}|could|can|cannot|would|should|had|used|"
    r"may|might|did|once|ever|got|turned|failed|never|certainly|really|became|deserved|tried|were|went"
)
OBJECT = re.compile(  # "it" where it is not a subject
    rf"(?<!\{{is\}} )(?<!\{{was\}} )(?<!\{{does\}} )(?<!\{{be\}} )\{{it\}}(?! (?:{AFTER_SUBJECT}))|(?<=\babout )\{{it\}}"
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


def fits(topic: Topic, topics: tuple[Topic, ...], needed: set[str]) -> bool:
    """Tell whether the slots can be filled for a topic."""
    if "part_clause" in needed and not parts_of(topic, topics):
        return False
    return not (needed & WHOLE and not topic.use) and not (needed & NOT_PEOPLE and topic.people)
