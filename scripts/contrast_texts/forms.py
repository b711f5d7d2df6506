"""English inflection, as far as the frames need it: verbs, comparatives, articles."""

from __future__ import annotations

import re

IRREGULAR = {  # third person, past, participle, gerund
    "be": ("is", "was", "been", "being"),
    "have": ("has", "had", "had", "having"),
    "do": ("does", "did", "done", "doing"),
    "go": ("goes", "went", "gone", "going"),
}
PAST = """
beat beat beaten, bite bit bitten, draw drew drawn, hit hit hit, hang hung hung, teach taught taught, become
became become, begin began begun, bend bent bent, break broke broken, bring brought brought, burn burned burned,
buy bought bought, catch caught caught, come came come, cost cost cost, cut cut cut, deal dealt dealt, drive
drove driven, eat ate eaten, fall fell fallen, feel felt felt, find found found, fit fitted fitted, fly flew
flown, forget forgot forgotten, freeze froze frozen, get got got, give gave given, grow grew grown, hear heard
heard, hold held held, hurt hurt hurt, keep kept kept, know knew known, leave left left, let let let, lose lost
lost, make made made, meet met met, pay paid paid, put put put, read read read, ring rang rung, rise rose risen,
run ran run, say said said, see saw seen, sell sold sold, send sent sent, shake shook shaken, shine shone shone,
shrink shrank shrunk, sing sang sung, sit sat sat, sleep slept slept, speak spoke spoken, spend spent spent,
spring sprang sprung, stand stood stood, steal stole stolen, stick stuck stuck, stink stank stunk, take took
taken, tear tore torn, tell told told, think thought thought, throw threw thrown, understand understood
understood, wear wore worn, win won won
"""
for _entry in PAST.replace("\n", " ").split(","):
    _base, _past, _participle = _entry.split()
    IRREGULAR[_base] = ("", _past, _participle, "")

DOUBLED = {"regret", "abhor", "worship"}
DEGREES = {"good": ("better", "best"), "bad": ("worse", "worst"), "fun": ("more fun", "most fun")}
LONG = {
    "bored",
    "tired",
    "pleased",
    "worn",
    "wrong",
    "real",
    "apt",
    "drab",
    "adept",
    "forced",
    "cramped",
    "skilled",
    "prompt",
}
SILENT = re.compile(r"(honest|honou?r|hour|heir|mp3|x-|f-)", re.IGNORECASE)
CONSONANTAL = re.compile(r"(uni(?!n|m)|use|usu|ut[io]|eu|one|once|ubiq)", re.IGNORECASE)
FORMS = ("base", "third", "past", "participle", "gerund")


def inflect(phrase: str, form: str) -> str:
    """Give a verb phrase, whose first word is a verb in its base form, in another form."""
    head, _, rest = phrase.partition(" ")
    if form != "base":
        kept = IRREGULAR.get(head, ("", "", "", ""))[FORMS.index(form) - 1]
        head = kept or _regular(head, form)
    return f"{head} {rest}".strip()


def _regular(verb: str, form: str) -> str:
    if form == "third":
        if re.search(r"(s|x|z|ch|sh|o)$", verb):
            return verb + "es"
        return verb[:-1] + "ies" if re.search(r"[^aeiou]y$", verb) else verb + "s"
    stem = verb + verb[-1] if re.fullmatch(r"[^aeiou]*(qu)?[aeiou][bdgmnpt]", verb) else verb
    if verb in DOUBLED:
        stem = verb + verb[-1]
    if form == "gerund":
        if verb.endswith("ie"):
            return verb[:-2] + "ying"
        return (verb[:-1] if re.search(r"[^eo]e$", verb) else stem) + "ing"
    if verb.endswith("e"):
        return verb + "d"
    return verb[:-1] + "ied" if re.search(r"[^aeiou]y$", verb) else stem + "ed"


def comparative(adjective: str) -> str:
    """Say "funnier", "more boring", "better"."""
    return _degree(adjective, 0, "er", "more")


def superlative(adjective: str) -> str:
    """Say "funniest", "most boring", "best"."""
    return _degree(adjective, 1, "est", "most")


def _degree(adjective: str, at: int, ending: str, word: str) -> str:
    if adjective in DEGREES:
        return DEGREES[adjective][at]
    if adjective.startswith(("well ", "badly ")):
        how, _, done = adjective.partition(" ")
        return f"{DEGREES['good' if how == 'well' else 'bad'][at]} {done}"
    vowels = len(re.findall(r"[aeiou]+", re.sub(r"e$", "", adjective)))
    if " " in adjective or "-" in adjective or adjective in LONG or adjective.endswith("ed"):
        return f"{word} {adjective}"
    if re.search(r"[^aeiou]y$", adjective) and vowels <= 1:
        return f"{adjective[:-1]}i{ending}"
    if vowels > 1 or adjective.endswith("y"):
        return f"{word} {adjective}"
    if adjective.endswith("e"):
        return adjective + ending[1:]
    doubled = re.fullmatch(r"[^aeiou]*[aeiou][bdgmnpt]", adjective)
    return adjective + (adjective[-1] if doubled else "") + ending


def plural(noun: str) -> str:
    """Say "stories", "buses", "collections of stories"."""
    head, of, rest = noun.partition(" of ")
    if re.search(r"(s|x|z|ch|sh)$", head):
        head += "es"
    elif re.search(r"[^aeiou]y$", head):
        head = head[:-1] + "ies"
    else:
        head += "s"
    return head + of + rest


def article(word: str) -> str:
    """Say "a" or "an", by the sound that the word begins with."""
    bare = word.lstrip("\"'(").lower()
    if SILENT.match(bare):
        return "an"
    return "an" if re.match(r"[aeiou8]", bare) and not CONSONANTAL.match(bare) else "a"


def mend_articles(text: str) -> str:
    """Make every indefinite article agree with the word after it."""

    def agreed(match: re.Match[str]) -> str:
        right = article(match[3])
        return (right.capitalize() if match[1][0].isupper() else right) + match[2] + match[3]

    return re.sub(r"\b([Aa]n?)( )([\"'(]?[\w-]+)", agreed, text)
