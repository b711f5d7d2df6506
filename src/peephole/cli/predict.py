"""``peephole predict``: texts in, labels out, in order."""

from __future__ import annotations

from typing import Annotated

import typer

from peephole.cli.answers import answer
from peephole.cli.options import AsText, Format, Json, Model, TextColumn, Where, conditions
from peephole.cli.scoring_options import (
    Address,
    Engine,
    MaxRejected,
    Output,
    PartRows,
    Probabilities,
    Restart,
    Threads,
    Workers,
    refuse_without_output,
    score_files,
)


def predict(
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT",
            help="Texts, files or folders; - or nothing: standard input, a text on each line",
            show_default=False,
        ),
    ] = None,
    model: Model = None,
    text: AsText = False,
    top_k: Annotated[int, typer.Option(min=1, help="How many labels to give, the most probable first")] = 1,
    neutral: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            metavar="WIDTH",
            help="Answer neutral where the probabilities of the two labels lie less than this apart: 0.1 means, where the "
            "larger one is below 0.55; 0 means never",
        ),
    ] = 0.0,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print a JSON object on each line")] = False,
    as_json: Json = False,
    text_column: TextColumn = None,
    where: Where = None,
    format: Format = None,
    output: Output = None,
    probabilities: Probabilities = False,
    workers: Workers = None,
    threads: Threads = None,
    engine: Engine = None,
    address: Address = None,
    part_rows: PartRows = None,
    max_rejected: MaxRejected = None,
    restart: Restart = False,
) -> None:
    r"""Label texts: one record out for each text in, in the same order.

    Prints label and probability, separated by a tab; on a terminal, the start of the text too.

    Examples:
        # A text, by the model inside the package
        peephole predict "Not bad at all."

        # A table, by your own model, an object a line
        peephole predict reviews.csv --model my-model --jsonl > labels.jsonl

        # Standard input, a text on each line
        cut -f 3 reviews.tsv | peephole predict

        # Neutral where the model is torn, from some rows of a table
        peephole predict tweets.csv --where lang=en --neutral 0.2

        # Many texts: a folder of Parquet files, which goes on where it was stopped
        peephole predict reviews.csv --output labels.parquet --workers 4
    """
    many = {
        "probabilities": probabilities,
        "workers": workers,
        "threads": threads,
        "engine": engine,
        "address": address,
        "part_rows": part_rows,
        "max_rejected": max_rejected,
        "restart": restart,
    }
    if output is not None:
        score_files(
            texts or [],
            {"--text": text, "--top-k": top_k > 1, "--jsonl": jsonl},
            as_json=as_json,
            output=output,
            model=model,
            neutral=neutral,
            text_column=text_column,
            where=conditions(where),
            format=format,
            **many,
        )
        return
    refuse_without_output(many)
    answer(
        texts or (),
        model=model,
        text=text,
        top_k=top_k,
        neutral=neutral,
        jsonl=jsonl,
        as_json=as_json,
        text_column=text_column,
        where=conditions(where),
        format=format,
    )
