"""How a text looks: contractions, capitals, the last punctuation mark, and the spacing of the treebank."""

from __future__ import annotations

import re
from random import Random

from .asides import name
from .forms import mend_articles

NEGATED = re.compile(
    r"\b(is|are|was|were|do|does|did|has|have|had|would|could|should|can|will|need)( not|not)\b(?! (?:only|just|one of))",
    re.IGNORECASE,
)
SHORTENED = (
    (re.compile(r"\b(I) am (?=[a-z])"), r"\1'm "),
    (re.compile(r"\b(I|we|they|you) have (?=never|been|seen|ever|had to)"), r"\1've "),
    (re.compile(r"\b(I|we|they|you) would (?=not|never|rather|recommend|call|say)"), r"\1'd "),
    (
        re.compile(
            r"\b(it|that|there|what|she|he) is (?=not |a |an |the |no |just |so |very |really )",
            re.IGNORECASE,
        ),
        r"\1's ",
    ),
)
FULL, SHORT, BARE = "full", "short", "bare"


def contracted(text: str, how: str) -> str:
    """Write "isn't" or "isnt" for "is not", and the like."""
    if how == FULL:
        return text

    def shortened(match: re.Match[str]) -> str:
        verb = match[1]
        if verb.lower() in ("can", "will"):
            return verb[0] + ("an't" if verb.lower() == "can" else "on't")
        return verb + "n't"

    text = NEGATED.sub(shortened, text)
    for pattern, short in SHORTENED:
        text = pattern.sub(short, text)
    return text.replace("'", "") if how == BARE else text


def sentences(text: str) -> str:
    """Begin every sentence with a capital, and say "a" or "an" as the next word asks for."""
    text = mend_articles(text)
    return re.sub(r"(^|[.!?] )([a-z])", lambda match: match[1] + match[2].upper(), text)


def spaced(text: str) -> str:
    """Space marks and contractions as the Stanford Sentiment Treebank does: "is n't", " ."."""
    text = re.sub(r"(\w)(n't|'s|'m|'ve|'d|'re|'ll)\b", r"\1 \2", text)
    return re.sub(r"\s+", " ", re.sub(r"(\.\.\.|[.,!?:;])(?=\s|$)", r" \1", text)).strip()


def dressed(rng: Random, text: str, before: list[str], after: list[str]) -> str:
    """Write a text as somebody would: with other sentences around it, more or less care, and a last mark."""
    how = rng.choices((FULL, SHORT, BARE), (45, 45, 10))[0]
    mark = "" if text.endswith(("!", "?", ".")) else rng.choices((".", "!", "...", ""), (74, 12, 3, 11))[0]
    if after and not mark and not text.endswith(("!", "?", ".")):
        mark = "."
    whole = " ".join([*(f"{each}." for each in before), text + mark, *(f"{each}." for each in after)])
    whole = contracted(sentences(contracted(whole, FULL)), how)
    look = rng.choices(("usual", "lower", "upper", "treebank", "tweet"), (79, 9, 1, 8, 3))[0]
    if look == "tweet":
        return rng.choice(("@{0} {1}", "{1} #{0}", "{1} @{0}")).format(name(rng, "person").lower(), whole)
    if look == "lower":
        return whole.lower()
    if look == "upper":
        return whole.upper()
    return spaced(whole) if look == "treebank" and how != BARE else whole
