"""Answers of `train`, `pretrain` and `tune`."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

from peephole.cli.schemas.machine import header
from peephole.cli.schemas.scores import evaluation_fields
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
    yes_or_no,
)
from peephole.training.recipe import Recipe
from peephole.training.recipe_base import Settings, meanings
from peephole.training.setting import Setting

_ENDINGS = ("complete", "patience", "time", "already")


def recipe_schema(kind: type[Settings] = Recipe) -> Schema:
    """Every setting of a recipe, from the recipe's own table."""
    rules = meanings(kind)
    return record(
        {
            field.name: _setting(str(field.type), rules[field.name])
            for field in dataclasses.fields(cast("Any", kind))
        },
        "every setting; docs/reference/recipe.md says what they mean",
    )


def _setting(kind: str, rule: Setting) -> Schema:
    limits: dict[str, object] = {}
    if rule.low is not None:
        limits["exclusiveMinimum" if rule.above else "minimum"] = rule.low
    if rule.high is not None:
        limits["maximum"] = rule.high
    name = kind.partition(" |")[0]
    if name == "bool":
        made = yes_or_no(rule.meaning)
    elif name in ("int", "float"):
        made: Schema = {
            "type": "integer" if name == "int" else "number",
            **limits,
            "description": rule.meaning,
        }
    elif name.startswith("tuple"):
        made = many(word(*rule.choices), rule.meaning, minItems=1)
    elif name.startswith("Mapping"):
        made = mapping(text(), rule.meaning)
    else:
        made = word(*rule.choices, meaning=rule.meaning) if rule.choices else text(rule.meaning)
    return or_null(made) if rule.optional else made


def split_rule() -> Schema:
    """How texts were held out."""
    return record(
        {
            "kind": word("stratified", "group", "column", "source"),
            "column?": or_null(text(), "of the groups, or the column that says it"),
            "fraction?": or_null(share(), "that was held out"),
        },
        "how the development texts were chosen",
    )


def _skipped(meaning: str) -> Schema:
    return mapping(count(), f"{meaning}: reason → records")


def trained() -> Schema:
    """``train --json``. What only a fresh run knows is missing where the ending is ``already``."""
    always = (
        "n",
        "accuracy",
        "interval",
        "baseline",
        "macro_f1",
        "roc_auc",
        "log_loss",
        "cross_fitted_calibration_error",
    )
    scores = {name if name in always else f"{name}?": field for name, field in evaluation_fields().items()}
    data: dict[str, Schema] = {
        "read": count("records"),
        "skipped": _skipped("left out"),
        "test_left_out": count("rows of a test part"),
        "without_weight?": count("texts of weight 0, left out"),
        "development_skipped?": _skipped("left out of the development texts"),
        "split?": split_rule(),
        "training": count("texts"),
        "development": count("texts"),
        "repeats_dropped": count("training texts that repeat a development text"),
        "unlabelled?": count("texts without labels"),
        "unlabelled_skipped?": _skipped("left out of the texts without labels"),
        "unlabelled_of_held_out_groups?": count("left out, since their group is held out"),
        "unlabelled_repeats_dropped?": count("of the texts without labels"),
        "labels": mapping(
            many(count(), "training texts, development texts", minItems=2, maxItems=2), "label → texts"
        ),
        "vocabulary": count("tokens known"),
        "training_tokens": count(),
        "cut_in_training": count("training texts that are longer than max_length"),
    }
    of_the_card: dict[str, Schema] = {
        "sources?": many(text()),
        "development_sources?": many(text()),
        "unlabelled_sources?": many(text()),
        "teachers?": many(text()),
        "sha256?": text("of the texts, labels and parts"),
        "recipe?": recipe_schema(),
        "ending?": word(*_ENDINGS),
        "steps?": count(),
        "best_epoch?": count(),
        "training_seconds?": number(minimum=0),
    }
    return record(
        {
            "output": text("folder of the model"),
            "ending": word(
                *_ENDINGS,
                meaning="every pass was made; the score had stopped rising; the time budget; a finished run",
            ),
            "seconds": number("of training, earlier sessions included", minimum=0),
            "metrics": record({**scores, "f1?": mapping(share(), "class → F1")}, "on the development texts"),
            "data": record({**data, **of_the_card}, "what was read, held out and dropped"),
            "recipe": recipe_schema(),
            "notes": many(text()),
        }
    )


def pretrained() -> Schema:
    """``pretrain --json``."""
    data: dict[str, Schema] = {
        "training": count("texts"),
        "held_out": count("texts"),
        "repeats_dropped": count("training texts that repeat a held-out text"),
        "skipped": _skipped("left out"),
        "split": split_rule(),
        "vocabulary": count("tokens known"),
        "training_tokens": count(),
        "held_out_tokens": count(),
        "sources": many(text()),
        "sha256": text("of the texts and parts"),
        "command": or_null(text(), "what was typed"),
        "ending": word("complete", "time"),
        "steps": count(),
        "training_seconds": number(minimum=0),
    }
    return record(
        {
            "output": text("folder of the language model"),
            "ending": word("complete", "time", "already"),
            "seconds": number("of training, earlier sessions included", minimum=0),
            "metrics": record(
                {
                    "nats_per_token": number("loss on the held-out texts", minimum=0),
                    "perplexity": number("exp of it", minimum=1),
                }
            ),
            "data": record(data, "what was read, held out and dropped"),
            "notes": many(text()),
        }
    )


def tuned() -> Schema:
    """``tune --json``, which is also ``tune.json``."""
    value: Schema = {"type": ["number", "string", "boolean"]}
    trial = record(
        {
            "values": mapping(value, "setting → what was tried"),
            "ending": word("complete", "patience", "pruned", "diverged"),
            "score": number("the best of its passes; 0 where it diverged"),
            "log_loss": or_null(number(), "of that pass; null where it diverged"),
            "epoch": or_null(count(), "that pass"),
            "seconds": number(minimum=0),
            "curve": many(number(), "the score after each pass"),
        }
    )
    return record(
        {
            **header(),
            "complete": yes_or_no("whether all trials have ended"),
            "asked": count("trials in all", least=1),
            "title": text("of the texts"),
            "training": count("texts"),
            "development": count("texts"),
            "labels": many(text()),
            "sha256": text("of the texts and parts"),
            "score": text("the score that decides"),
            "seed": count("of what is tried"),
            "recipe": recipe_schema(),
            "space": mapping(text(), "setting → what is searched"),
            "best": or_null(count(), "the trial, from 0; null where none ran to its end"),
            "trials": many(trial),
        }
    )
