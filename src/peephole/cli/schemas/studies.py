"""Answers of `compare` and `bench`."""

from __future__ import annotations

from peephole.cli.schemas.machine import header
from peephole.cli.schemas.training import recipe_schema, split_rule
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
    word,
    yes_or_no,
)


def _subject_task() -> Schema:
    budget = record(
        {
            "sequences": count("training sequences at most"),
            "batch": count("sequences of a batch"),
            "hidden_size": count("units of the LSTM"),
            "learning_rate": number(),
            "rates": mapping(number(), "contender → its own learning rate"),
            "init": text("first weights of cells with gates"),
            "judge_steps": count("steps between two judgements"),
        }
    )
    return record(
        {
            "kind": {"const": "task"},
            "task": text(),
            "variant": text(),
            "variants": many(text()),
            "length": count("steps of the dependency"),
            "title": text(),
            "source": text("paper"),
            "definition": text(),
            "criterion": text("when a step is right"),
            "needed": share("of right sequences, to count as solved"),
            "loss": text("unit of the loss"),
            "chance": number("loss of guessing"),
            "budget": budget,
            "clip": number("largest norm of a gradient"),
        }
    )


def _subject_texts() -> Schema:
    return record(
        {
            "kind": {"const": "texts"},
            "title": text(),
            "training": count("texts"),
            "development": count("texts"),
            "labels": many(text()),
            "split": split_rule(),
            "sha256": text("of the texts and parts"),
            "chance": share("accuracy of always answering the largest class"),
            "recipe": recipe_schema(),
            "rates": mapping(number(), "contender → its own learning rate"),
        }
    )


def _further() -> Schema:
    return record(
        {
            "symbols_right?": share("of copying"),
            "counts_to?": number("of counting: the n up to which every string is right"),
            "counts_to_tried?": number("the largest n that was tried"),
        },
        "what the task alone can tell",
    )


def _task_score() -> Schema:
    return record(
        {
            "solved": count("seeds that solved it"),
            "solved_interval": interval("Wilson's 95 % interval of their share"),
            "right": share("median share of right sequences"),
            "right_range": interval("the least and the largest"),
            "loss": or_null(number(), "median; null where all diverged"),
            "sequences": or_null(number(), "median of the seeds that solved it"),
            "diverged": count("seeds"),
            "further": _further(),
        }
    )


def _mean(more: dict[str, Schema]) -> Schema:
    return record(
        {
            "value": number(),
            "error": or_null(number(), "standard error; null where it cannot be told"),
            "interval": many(or_null(number()), "95 %, the lower first", minItems=2, maxItems=2),
            **more,
        }
    )


def _text_score() -> Schema:
    less = record(
        {
            "seeds": many(count(), "that both have"),
            "accuracy": _mean({"p": or_null(share(), "null from one seed")}),
            "log_loss": _mean({"p": or_null(share(), "null from one seed")}),
        }
    )
    return record(
        {
            "diverged": count("seeds"),
            "accuracy?": _mean({}),
            "log_loss?": _mean({}),
            "accuracies?": many(share(), "of the seeds"),
            "minutes?": number("of training, on average"),
            "less_reference?": or_null(less, "the same less those of the LSTM, on the same texts and seeds"),
        }
    )


def _task_run() -> dict[str, Schema]:
    return {
        "ending": word("solved", "budget", "diverged"),
        "sequences": count("seen"),
        "right": share("of the tested sequences"),
        "tested": count("sequences"),
        "loss": or_null(number()),
        "further": _further(),
        "seconds": number(),
        "curve": record(
            {"sequences": many(count()), "loss": many(or_null(number())), "right": many(share())}
        ),
        "parameters": count(),
        "backend": text(),
        "threads": count(least=1),
    }


def _text_run() -> dict[str, Schema]:
    return {
        "ending": word("complete", "patience", "diverged"),
        "parameters": count(),
        "message?": text("why it diverged"),
        "backend?": text(),
        "threads?": count(least=1),
        "seconds?": number(),
        "epochs?": count(),
        "curve?": record({"epoch": many(count()), "accuracy": many(share()), "loss": many(number())}),
        "accuracy?": share(),
        "macro_f1?": share(),
        "log_loss?": number(),
    }


def _contender(score: Schema, run: dict[str, Schema]) -> Schema:
    life = "steps in which survival halves; null where it does not"
    memory: dict[str, Schema] = {}
    for end, when in (("", ""), ("_at_start", ", before training")):
        for state, of in (("survival", "of the state that a step adds to"), ("survival_in_h", "of h")):
            memory[state + end] = many(
                or_null(number()), f"gradient {of}, k steps back, relative to the last{when}"
            )
            half = state.replace("survival", "gradient_half_life")
            memory[half + end] = or_null(number(), life + when)
    return record(
        {
            "name": text(),
            "title": text(),
            "cell": text(),
            "options": mapping(text(), "of the cell"),
            "init": or_null(text(), "first weights; null as the budget or recipe has them"),
            "hidden_size": count("units"),
            "parameters": count("numbers that are learnt"),
            "score": or_null(score, "null before a run is done"),
            "milliseconds": or_null(
                record({"training": number(), "inference": number()}),
                "for 1,000 steps; null before all runs are done",
            ),
            **memory,
            "memory_half_lives": many(
                or_null(number()), "of the units, every twentieth; null is without end"
            ),
            "runs": many(record({"seed": count(), **run}), "one for each seed"),
        }
    )


def compared() -> Schema:
    """``compare --json``, which is also ``compare.json``."""
    shared: dict[str, Schema] = {
        **header(),
        "complete": yes_or_no("whether every contender has run from every seed"),
        "seeds": many(count()),
        "match": word("parameters", "units", meaning="what is equal"),
        "reference_size": count("units of the LSTM"),
    }
    kinds = (
        (_subject_task(), _contender(_task_score(), _task_run())),
        (_subject_texts(), _contender(_text_score(), _text_run())),
    )
    return {
        "anyOf": [
            record({**shared, "subject": subject, "contenders": many(contender)})
            for subject, contender in kinds
        ]
    }


def benched() -> Schema:
    """The file of ``bench --json FILE``."""
    who: dict[str, Schema] = {
        "who": text("library"),
        "cell": text(),
        "threads": count(least=1),
        "case": text(),
    }
    refusal: dict[str, Schema] = {
        "reason?": text("of a refusal"),
        "hint?": or_null(text(), "what to do about it"),
    }
    seconds = ("median", "lower_quartile", "upper_quartile", "shortest")
    entrant = record(
        {
            "label": text("in the race"),
            **who,
            "dtype": word("float32", "bfloat16", "float64"),
            "multiply_adds": count("of one call"),
            "status": word("timed", "wrong", "refused"),
            "errors?": record(
                {
                    "outputs": or_null(number(), "largest error, relative"),
                    "gradients": or_null(number(), "likewise; null in inference"),
                    "bound": number("what is allowed"),
                }
            ),
            "seconds?": record(
                {**{name: number(minimum=0) for name in seconds}, "calls": count("timed")}, "of one call"
            ),
            "share_of_peak?": number("multiply-adds a second by what the machine can do"),
            **refusal,
        }
    )
    memory = record(
        {
            **who,
            "status": word("measured", "refused"),
            "bytes?": record({name: or_null(count()) for name in ("inputs", "outputs", "saved", "peak")}),
            **refusal,
        }
    )
    race = record(
        {
            "title": text(),
            "pass": word("forward", "training"),
            "per_row": yes_or_no("whether times are to be read by the row"),
            "entrants": many(entrant),
        }
    )
    sizes: dict[str, Schema] = {letter: count(f"size {letter}") for letter in "TNDHLKR"}
    lengths: Schema = {"anyOf": [{"const": "equal"}, many(count())], "description": "of the sequences"}
    peak = record({"dtype": text(), "threads": count(), "multiply_adds_per_second": number()})
    return record(
        {
            **header(),
            "complete": yes_or_no("whether all races were run"),
            "settings": record({"seconds": number(), "rounds": count(), "threads": count()}),
            "peak": many(peak, "what the machine can do"),
            "cases": mapping(record({**sizes, "lengths": lengths}), "case → its sizes"),
            "races": many(race),
            "memory": many(memory),
        }
    )
