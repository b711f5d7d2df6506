"""``peephole evaluate``: how a model fares on labelled texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from peephole.cli import completion, output
from peephole.cli.guard import FAILED, say
from peephole.cli.options import Json, model_argument, texts_argument
from peephole.cli.reading_options import Reading, with_reading
from peephole.errors import OptionError

BEHAVIOUR = "Behaviour"


@with_reading("group_column", "dev")
def evaluate(
    model: Annotated[str | None, model_argument()] = None,
    data: Annotated[list[str] | None, texts_argument("Labelled texts")] = None,
    named_model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="Model folder; all arguments are then data",
            autocompletion=completion.models,
        ),
    ] = None,
    *,
    reading: Reading,
    development: Annotated[
        bool,
        typer.Option(
            "--development", help="Only the texts that were held out when the model was trained on this data"
        ),
    ] = False,
    errors: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the misjudged texts to a .csv or .jsonl file")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a self-contained report with figures")
    ] = None,
    min_accuracy: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, metavar="SHARE", help="Exit with status 1 below this accuracy"),
    ] = None,
    as_json: Json = False,
    behaviour: Annotated[
        bool,
        typer.Option(
            "--behaviour",
            help="On the behaviour suite in place of data: negation, contrast and their like, by capability",
            rich_help_panel=BEHAVIOUR,
        ),
    ] = False,
    positive: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            help="The label that means praise [default: by name]",
            autocompletion=completion.labels,
            rich_help_panel=BEHAVIOUR,
        ),
    ] = None,
    negative: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            help="The label that means blame [default: by name]",
            autocompletion=completion.labels,
            rich_help_panel=BEHAVIOUR,
        ),
    ] = None,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", help="List the texts that were not passed, too", rich_help_panel=BEHAVIOUR),
    ] = False,
) -> None:
    """Score a model: accuracy with its interval, F1 by class, confusion, calibration.

    Examples:
        # A report with figures, and the texts that were misjudged
        peephole evaluate my-model reviews.csv --html report.html --errors wrong.csv

        # What was held out when the model was trained on these texts
        peephole evaluate my-model reviews.csv --development

        # In a test: fail below an accuracy
        peephole evaluate my-model test.csv --min-accuracy 0.9 --json > scores.json

        # Negation, contrast and their like
        peephole evaluate my-model --behaviour --verbose
    """
    if named_model is not None:  # then all arguments are data
        model, data = named_model, ([] if model is None else [model]) + (data or [])
    if behaviour:
        for_data = {"DATA": data, **reading.given(), "--development": development, "--html": html}
        _refuse(for_data, "cannot be used with --behaviour, which brings its own texts")
        _evaluate_behaviour(model, positive, negative, errors, min_accuracy, verbose=verbose, as_json=as_json)
        return
    _refuse({"--positive": positive, "--negative": negative, "--verbose": verbose}, "is for --behaviour")
    if model is None:
        raise OptionError(
            "evaluate: a model folder must be given; got none",
            hint="peephole demo makes one in three minutes; peephole train DATA --output MODEL makes one of your own texts",
        )
    if not data:
        raise OptionError(
            "evaluate: labelled texts must be given; got none",
            hint="peephole evaluate MODEL reviews.csv, or peephole evaluate MODEL --behaviour",
        )
    from peephole.classifier import load
    from peephole.evaluation import (
        check_errors_path,
        check_report_path,
        judge,
        learning_history,
        read_labelled,
        summary_text,
        write_errors,
        write_report,
    )

    if errors is not None:  # an hour of scoring should not end in a mistyped name
        check_errors_path(errors)
    if html is not None:
        check_report_path(html)
    classifier = load(model)
    records = read_labelled(
        classifier,
        data,
        development=development,
        label_column=reading.label_column,
        **reading.texts(),
    )
    judgement = judge(classifier, records)
    evaluation = judgement.evaluation
    if as_json:
        output.print_json(evaluation.to_json())
    else:
        typer.echo(summary_text(evaluation, width=min(100, output.columns())))
    if records.skipped.total:
        say(f"skipped {records.skipped.total:,} records: {records.skipped}")
    if errors is not None:
        count = write_errors(errors, judgement.mistakes)
        say(f"{count:,} misjudged texts: {errors}")
    if html is not None:
        facts = {"Model": str(model), "Data": ", ".join(data)}
        write_report(
            html, evaluation, facts=facts, history=learning_history(classifier), mistakes=judgement.mistakes
        )
        say(f"report: {html}")
    _gate("accuracy", evaluation.accuracy, min_accuracy)


def _evaluate_behaviour(
    model: str | None,
    positive: str | None,
    negative: str | None,
    errors: Path | None,
    min_accuracy: float | None,
    *,
    verbose: bool,
    as_json: bool,
) -> None:
    from peephole.classifier import load
    from peephole.evaluation import behaviour_text, check_errors_path, judge_behaviour, write_errors
    from peephole.evaluation.behaviour import FAILURE_COLUMNS, find_polarity

    if errors is not None:
        check_errors_path(errors)
    classifier = load(model)
    polarity = find_polarity(classifier.labels, positive=positive, negative=negative)
    judged = judge_behaviour(classifier, polarity=polarity)
    if as_json:
        output.print_json(judged.to_json())
    else:
        typer.echo(behaviour_text(judged, verbose=verbose, width=max(72, min(100, output.columns()))))
    if errors is not None:
        count = write_errors(errors, judged.failures, columns=FAILURE_COLUMNS)
        say(f"{count:,} texts not passed: {errors}")
    _gate("pass rate", judged.overall.rate, min_accuracy)


def _refuse(given: Mapping[str, object], rule: str) -> None:
    named = ", ".join(name for name, value in given.items() if value)
    if named:
        raise OptionError(f"evaluate: {named} {rule}")


def _gate(name: str, share: float, least: float | None) -> None:
    if least is not None and share < least:
        say(f"{name} {share:.4f} is below --min-accuracy {least:g}")
        raise typer.Exit(FAILED)
