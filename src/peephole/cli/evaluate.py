"""``peephole evaluate``: how a model fares on labelled texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peephole.cli import output
from peephole.cli.guard import FAILED, say
from peephole.cli.options import Format, Json, LabelColumn, SkipBad, TextColumn, Where, conditions


def evaluate(
    model: Annotated[str, typer.Argument(help="Model folder", show_default=False)],
    data: Annotated[
        list[str], typer.Argument(help="Labelled texts: files, folders, - or hf:NAME", show_default=False)
    ],
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    where: Where = None,
    format: Format = None,
    skip_bad: SkipBad = False,
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
) -> None:
    """Score a model: accuracy with its interval, F1 by class, confusion, calibration.

    peephole evaluate my-model reviews.csv --html report.html --errors wrong.csv
    """
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
        text_column=text_column,
        label_column=label_column,
        where=conditions(where),
        format=format,
        skip_bad=skip_bad,
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
    if min_accuracy is not None and evaluation.accuracy < min_accuracy:
        say(f"accuracy {evaluation.accuracy:.4f} is below --min-accuracy {min_accuracy:g}")
        raise typer.Exit(FAILED)
