"""Answers of `evaluate`: on labelled texts, and on the behaviour suite."""

from __future__ import annotations

from peephole.cli.schemas.words import (
    Schema,
    count,
    interval,
    many,
    mapping,
    number,
    or_null,
    record,
    share,
    text,
)

_WILSON = "Wilson's 95 % interval"


def _bin(low: str, high: str) -> dict[str, Schema]:
    return {
        "low": number(low),
        "high": number(high),
        "n": count("texts"),
        "correct": count("texts judged right"),
    }


def evaluation_fields() -> dict[str, Schema]:
    """The fields of an evaluation."""
    calibration = record(
        {
            **_bin("least probability", "largest probability"),
            "confidence": or_null(share(), "mean probability of the answers; null without texts"),
            "accuracy": or_null(share(), "share judged right; null without texts"),
        }
    )
    by_class = record(
        {
            "name": text("of the class"),
            "precision": share(),
            "recall": or_null(share(), "null where no text has this label"),
            "f1": or_null(share(), "null where no text has this label and none was given it"),
            "support": count("texts with this label"),
            "predicted": count("texts that were given it"),
        }
    )
    length = record(
        {
            **_bin("fewest tokens", "most tokens"),
            "accuracy": share(),
            "interval": interval(_WILSON),
        }
    )
    return {
        "names": many(text(), "the classes, in the order of confusion"),
        "n": count("texts", least=1),
        "correct": count("texts judged right"),
        "accuracy": share("correct / n"),
        "interval": interval(f"{_WILSON} of the accuracy"),
        "macro_f1": share("mean F1 of the classes that occur"),
        "macro_recall": share("mean recall of the classes that have texts"),
        "log_loss": number("nats per text", minimum=0),
        "roc_auc": or_null(share(), "two classes only, the second as positive; else null"),
        "calibration_error": share("expected calibration error, 15 bins"),
        "cross_fitted_calibration_error": or_null(
            share(), "the same after temperature scaling fitted on the other half of the texts"
        ),
        "calibration_bins": many(calibration, "the 15 bins"),
        "per_class": many(by_class, "one for each class"),
        "confusion": many(many(count()), "row: true class, column: answer"),
        "by_length": or_null(many(length), "by tokens, bins without texts left out"),
        "baseline": share("accuracy of always answering the largest class"),
        "notes": many(text(), "what a reader of the numbers must know"),
    }


def evaluation() -> Schema:
    """``evaluate --json``."""
    return record(evaluation_fields())


def _rates() -> dict[str, Schema]:
    return {
        "name": text(),
        "passed": count("texts that were passed"),
        "total": count("texts", least=1),
        "rate": share("passed / total"),
        "interval": interval(f"{_WILSON} of the rate"),
    }


def behaviour() -> Schema:
    """``evaluate --behaviour --json``."""
    rate = record(_rates())
    parts: dict[str, Schema] = {
        "by_label": many(rate, "positive and negative texts apart; empty for neutral ones"),
        "by_kind": many(rate, "each kind of text"),
    }
    failure = record(
        {
            "text": text(),
            "label": text("the right label"),
            "predicted": text("the label that was given"),
            "probability": share("of the label that was given"),
            "capability": text(),
            "kind": text(),
        }
    )
    return record(
        {
            "labels": mapping(text(), "positive, negative → the model's label"),
            "overall": record(_rates(), "on all positive and negative texts"),
            "capabilities": many(record({**_rates(), **parts}), "in the order of the suite"),
            "neutral": or_null(
                record({"rule": text("when a neutral text is passed"), **_rates(), **parts}),
                "on the neutral texts",
            ),
            "failures": many(failure, "the texts that were not passed"),
        }
    )
