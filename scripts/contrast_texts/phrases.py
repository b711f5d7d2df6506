"""Short labelled phrases of real texts, chosen by their shape so that they fit a frame."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .words import STRONG, Table, listed

REAL = ("pnp", "ppart", "padj", "padv", "pvp", "psent")  # slots
HEADS = listed(
    """
    adaptation, adventure, affair, biopic, bore, caper, chiller, comedy, debut, delight, disappointment,
    disaster, documentary, drama, dud, effort, enterprise, entertainment, epic, experience, exercise, fable,
    failure, fantasy, farce, feature, film, flick, flop, gem, imitation, insult, jewel, joke, journey,
    masterpiece, meditation, melodrama, mess, mistake, mix, movie, mystery, parable, parody, picture,
    portrait, production, project, rehash, remake, retread, ride, romance, romp, saga, satire, sequel, show,
    sketch, soap, spectacle, stinker, study, surprise, tale, tearjerker, thriller, treat, treatise, tribute,
    triumph, turkey, vehicle, waste, western, winner, work, yarn, story
    """
)
PARTS = listed(
    """
    cast, ending, idea, performance, plot, premise, script, screenplay, scene, soundtrack, cinematography,
    dialogue, storyline, concept, narrative
    """
)
OPENERS = listed(
    """
    is, has, makes, offers, delivers, tells, lacks, manages, feels, looks, plays, leaves, keeps, seems, gives,
    takes, falls, works, runs, comes, goes, suffers, succeeds, fails, drags, moves, turns, finds, gets, brings,
    provides, remains, sounds, relies, wears, proves, explores, captures, celebrates, wastes, wallows, stumbles,
    sparkles, shines, touches, transcends, entertains, engages
    """
)
SUBJECTS = listed(
    """
    it, this, this film, this movie, the film, the movie, the story, the plot, the script, the acting, the
    picture, the performances, the characters, the dialogue, the director, the cast, the direction, the humor,
    the jokes, the result, the screenplay, the pace, the ending
    """
)
HEADS_NEUTRAL = listed(
    "film, films, movie, movies, picture, story, drama, comedy, thriller, time, look, work"
)
UNFIT = re.compile(  # what would turn, weaken or cut the phrase
    r"\b(not|n't|no|never|nor|neither|none|nothing|nobody|but|though|although|yet|if|unless|without|hardly|"
    r"barely|almost|nearly|except|despite|however|while|instead|rather|would|could|should|might|may|than|too|less|lack|only|who|which|supposed|attempts?|tries|"
    r"trying|wants|used|even|ever|once|either|because|or|so|such|when|potentially|supposedly|"
    r"allegedly)\b"
)
HANGING = re.compile(  # a last word after which something must follow
    r"\b(a|an|the|and|of|to|in|on|at|by|for|from|with|as|is|are|has|have|be|its|his|her|their|your|that|this|it|into|about|out|very|"
    r"more|most|some|many|all|any|like|'s|up|off|over|through|around|between|under|own|just|quite|one|each|both|does|was|were|being|"
    r"you|they|how|what|where|why|enough|(?!silly|ugly|lovely|lively|friendly|deadly|costly|homely)[a-z]+ly)$"
)
WEAK = re.compile(
    r"\b(family|early|mild|mere|marginal|vague|potential|general|fair|occasional|sporadic|intermittent|main|large|most|alternate|near|"
    r"part|supposed)(ly)?\b"
)
PERSONAL = re.compile(
    r"\b(actors?|actress|hero|star|himself|herself|our|him|his|her|she|he|character|presence|one of|filmmaker|frontman|their|"
    r"those|children)\b"
)
NESTED = re.compile(
    r"\b(is|are|was|has|have|does|that|as|we|you|it|i|they|into|and an?|in|for|with|on|at|from|by|to|better)\b|'s"
)
ODD = re.compile(
    r"^is (to|after|long)\b|\bmerely\b|\bclothes\b|\bperformers\b|\bthe (the|lie)\b|^\w+ (it|the action|as)\b|, (an?|the|just)\b|"
    r" as [\w-]+$| worth$|\bfor in\b|\ba just\b"
)
ADJECTIVE = re.compile(
    r"[a-z-]+(ing|ive|ful|ous|able|ible|less|ic|ical|ish|al|ant|ent|ed|y|id|ile|ary|ite|ate)|good|bad|fresh|smart|warm|dull|flat|stale|"
    r"trite|crass|bland|fun|sweet|weak|poor|great|fine|lame|crude|tame|sharp|bright|raw|deft|cute|wise"
)


def plain(text: str) -> str:
    """Write a phrase of the treebank without its spacing, or give nothing where it has marks that a frame has no place for."""
    text = re.sub(r" (n't|'s|'m|'ve|'d|'re|'ll)\b", r"\1", text.strip())
    text = re.sub(r" ,", ",", text).rstrip(" .,")
    text = text[:1].lower() + text[1:]
    return text if re.fullmatch(r"[a-z][a-z',-]*( [a-z][a-z',-]*)*", text) and "--" not in text else ""


def chosen(phrases: Iterable[tuple[str, str]]) -> dict[str, Table]:
    """Sort phrases by the slot that they fill; a phrase that has been given either label is left out."""
    labels: dict[str, set[str]] = {}
    for text, label in phrases:
        if 1 <= len(text.split()) <= 14 and (phrase := plain(text)):
            labels.setdefault(phrase, set()).add(label)
    known = _adjectives(labels)
    found: dict[str, dict[str, list[str]]] = {slot: {"+": [], "-": []} for slot in REAL}
    for phrase, given in labels.items():
        if len(given) == 1 and _borne_out(phrase, given, labels) and (slot := _slot(phrase, known)):
            found[slot]["+" if "positive" in given else "-"].append(phrase)
    return {
        slot: {sign: tuple(sorted(each[sign])) for sign in "+-"}
        for slot, each in found.items()
        if min(map(len, each.values()))
    }


def _borne_out(phrase: str, given: set[str], labels: dict[str, set[str]]) -> bool:
    """Tell whether words of the phrase have its label by themselves, and none has the other."""
    parts = re.findall(r"[a-z-]+", phrase)
    if len(parts) == 1:
        return True
    said = [labels[word] for word in parts if word in labels and word not in HEADS_NEUTRAL]
    return given in said and all(each == given for each in said)


def _adjectives(labels: dict[str, set[str]]) -> set[str]:
    """Find words that stand between an article and a noun somewhere, and are phrases of their own."""
    between = {
        match[1]
        for phrase in labels
        if (
            match := re.fullmatch(
                r"(?:an? |the |very |so )?([a-z-]+)(?: (?:film|movie|comedy|drama|story|picture|tale|thriller))",
                phrase,
            )
        )
    }
    return {
        word
        for word in between
        if word in labels
        and ADJECTIVE.fullmatch(word)
        and word not in (*HEADS, *PARTS, "real", "crafted", "breathless", "bloody", "able")
    }


def _slot(phrase: str, known: set[str]) -> str:
    """Name the slot for which a phrase has the shape, if there is one."""
    words = phrase.replace(",", "").split()
    if UNFIT.search(phrase) or (HANGING.search(phrase) and len(words) > 1) or ODD.search(phrase):
        return ""
    if all(word in known or word == "and" or word.endswith("ly") for word in words) and not WEAK.search(
        phrase
    ):
        clean = re.fullmatch(r"(\w+ly )?[\w-]+( and (\w+ly )?[\w-]+)?", phrase)
        if not clean or words[-1] not in known or words[0] == "and":
            return ""
        return "padv" if len(words) > 1 or words[0] in (*STRONG["+"], *STRONG["-"]) else "padj"
    if words[0] in ("a", "an") and 3 <= len(words) <= 8 and not NESTED.search(phrase):
        return "pnp" if words[-1] in HEADS else "ppart" if words[-1] in PARTS else ""
    if words[0] in OPENERS and 3 <= len(words) <= 8 and "," not in phrase:
        last = re.search(r"\b(?:an?|the|most)(?: \w+ly)? ([\w-]+)$", phrase)
        cut = last and last[1] not in (*HEADS, *PARTS)
        return "" if cut or PERSONAL.search(phrase) or re.search(r"\b(its|that|more)\b|'s", phrase) else "pvp"
    sentence = re.fullmatch(
        rf"(it's|({'|'.join(SUBJECTS)}) (is|has|are|{'|'.join(OPENERS)})) (?!and\b).+", phrase
    )
    if (
        sentence
        and 4 <= len(words) <= 14
        and phrase.count(",") <= 1
        and not re.search(r"[a-z](n't|'ve|'d)\b", phrase)
    ):
        return "" if PERSONAL.search(phrase) else "psent"
    return ""
