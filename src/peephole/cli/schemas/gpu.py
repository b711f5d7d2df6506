"""The answer of `bench` on a GPU."""

from __future__ import annotations

from peephole.cli.schemas.machine import header
from peephole.cli.schemas.words import (
    Schema,
    count,
    many,
    mapping,
    number,
    or_null,
    record,
    text,
    word,
    yes_or_no,
)

_PASS = ("forward", "training")


def _gpu() -> Schema:
    return record(
        {
            "name": text(),
            "capability": or_null(
                text(), "compute capability; this and what follows it null where there is no GPU"
            ),
            "memory_bytes": or_null(count()),
            "multiprocessors": or_null(count()),
            "l2_bytes": or_null(count(), "second-level cache"),
            "cuda": or_null(text(), "that torch is built for"),
            "cudnn": or_null(count(), "as cuDNN counts its versions"),
            "triton": text("version"),
            "tf32": yes_or_no("whether float32 may be multiplied with ten bits"),
            "clock": text("what times are taken with"),
        }
    )


def _entrant() -> Schema:
    errors = record(
        {
            "outputs": or_null(number(), "‖found − right‖ / ‖right‖; null is without end"),
            "gradients": or_null(mapping(or_null(number()), "of each"), "null in inference"),
            "bound": number("what is allowed"),
        }
    )
    seconds = ("median", "lower_quartile", "upper_quartile", "shortest")
    return record(
        {
            "label": text("in the race"),
            "who": word("triton", "triton-run", "triton-values", "cudnn", "compile", "graph", "loop"),
            "cell": text(),
            "case": text(),
            "dtype": word("bfloat16", "float32"),
            "multiply_adds": count("of one call"),
            "status": word("timed", "wrong", "refused", "failed"),
            "driver?": word("on_chip", "tiled", "steps", meaning="which of our kernels ran"),
            "first_call?": number("seconds of the first call, with all compiling and recording", minimum=0),
            "errors?": errors,
            "seconds?": record(
                {**{name: number(minimum=0) for name in seconds}, "calls": count("timed")}, "of one call"
            ),
            "reason?": text("of a refusal or a failure"),
            "note?": text("what is otherwise than asked"),
        }
    )


def benched() -> Schema:
    """The file of ``bench --device cuda --json FILE``."""
    race = record(
        {
            "title": text(),
            "pass": word(*_PASS),
            "seconds": number("that the race took in all", minimum=0),
            "entrants": many(_entrant()),
        }
    )
    target = record(
        {
            "name": text(),
            "rule": word("at least", "at most"),
            "bound": number("of the ratio"),
            "worst": or_null(number(), "ratio of all that were measured"),
            "at": or_null(text(), "race of the worst"),
            "measured": count("races, of results for the target about errors"),
            "of": count("likewise"),
            "status": word("reached", "not reached", "not measured"),
        }
    )
    sizes: dict[str, Schema] = {letter: count(f"size {letter}") for letter in "TNDHLKR"}
    lengths: Schema = {"anyOf": [{"const": "equal"}, many(count())], "description": "of the sequences"}
    limits = ("limit", "race_limit", "entrant_limit", "seconds")
    return record(
        {
            **header({"gpu": _gpu()}),
            "complete": yes_or_no("whether all races were run"),
            "settings": record({**{name: number(minimum=0) for name in limits}, "rounds": count()}),
            "cases": mapping(record({**sizes, "lengths": lengths}), "case → its sizes"),
            "races": many(race),
            "left_out": many(
                record({"title": text(), "pass": word(*_PASS), "reason": text()}),
                "races for which no time was left",
            ),
            "targets": many(target),
        }
    )
