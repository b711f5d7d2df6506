"""Answers of `explain`: of one text, and of many."""

from __future__ import annotations

from peephole.cli.completion import METHODS
from peephole.cli.schemas.words import (
    Schema,
    count,
    many,
    mapping,
    number,
    or_null,
    record,
    share,
    text,
    word,
)


def _faithfulness() -> Schema:
    curve = many(number())
    return record(
        {
            "comprehensiveness": number(
                "mean fall of the probability without the top words; higher is better"
            ),
            "sufficiency": number("mean fall with those alone; lower is better"),
            "area": number("mean fall over the steps of curve"),
            "random": number("the same for random orders"),
            "greedy": or_null(number(), "the same for a greedy order; null where it was not taken"),
            "normalised": or_null(
                number(), "area between random, 0, and greedy, 1; null where greedy is not above"
            ),
            "deleted": many(share(), "share of the words deleted at each point of the curves"),
            "curve": {**curve, "description": "the probability at those points, by the scores' order"},
            "random_curve": {**curve, "description": "mean over random orders"},
            "greedy_curve": {**curve, "description": "for the greedy order; empty where it was not taken"},
            "units": count("what was deleted at once at least"),
        }
    )


def explanation() -> Schema:
    """``explain --json`` of one text."""
    scored = record(
        {
            "text": text("the word"),
            "start": count("its first character in the text"),
            "stop": count("behind its last character"),
            "score": number("what it adds to value; above 0 it speaks for target"),
        }
    )
    phrase = record(
        {
            "first": count("its first word"),
            "end": count("behind its last word"),
            "score": number("what its words bring together"),
            "interaction": number("what they bring beyond what its parts bring apart"),
            "parts": many({"$ref": "#/$defs/phrase"}, "two neighbours, or none for a word", maxItems=2),
        }
    )
    per_token = many(or_null(number()), "")
    track = record(
        {
            "name": text("layer and direction"),
            "gates": mapping(
                per_token, "keep, write, show, reset or the cell's letter → its mean over units, each token"
            ),
            "put": or_null(per_token, "how much each token put on the conveyor"),
            "left": or_null(per_token, "how much of it was left at the end"),
            "gradient": or_null(per_token, "size of the gradient at each token"),
        }
    )
    made = record(
        {
            "text": text(),
            "label": text("the model's answer"),
            "probabilities": mapping(share(), "label → probability"),
            "method": word(*METHODS[1:]),
            "target": text("the label that is explained"),
            "against": text("the label it is compared with"),
            "value": number(
                "what is explained: the logit of target less that of against, before the temperature"
            ),
            "base": or_null(number(), "the value without any word; null where the method has none"),
            "gap": or_null(
                number(), "what base and scores leave out of value; null where the method promises no sum"
            ),
            "deviation": or_null(
                number(),
                "how far an identity that the method rests on is off, at most; null where there is none but the sum",
            ),
            "note": text("how the scores were made; may be empty"),
            "words": many(scored, "each word and its score"),
            "faithfulness": or_null(_faithfulness(), "how far the scores can be trusted, measured"),
            "phrases": or_null(
                {"$ref": "#/$defs/phrase"}, "the tree of phrases; null for a text too long for it"
            ),
            "tokens": many(text(), "the tokens that gates are of"),
            "tracks": many(track, "each layer and direction"),
            "notes": many(text()),
        }
    )
    return {**made, "$defs": {"phrase": phrase}}


def several() -> Schema:
    """``explain --json`` of many texts."""
    scored = record(
        {
            "word": text(),
            "score": number("mean score where the word stands and the model gives the label"),
            "count": count("how often", least=1),
        }
    )
    return mapping(many(scored, "the word that matters most first"), "label → its words")
