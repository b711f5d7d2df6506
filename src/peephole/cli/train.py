"""``peephole train``: from labelled texts to a model folder."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peephole.cli import completion, output
from peephole.cli.guard import say
from peephole.cli.options import (
    DATA,
    RUNNING,
    CheckpointSteps,
    Cpu,
    Json,
    Resume,
    TimeBudget,
    output_option,
    seconds,
    texts_argument,
)
from peephole.cli.reading_options import Reading, with_reading
from peephole.cli.recipe_options import with_recipe
from peephole.training import Recipe

if TYPE_CHECKING:
    from peephole.training import TrainResult


@with_recipe(Recipe)
@with_reading()
def train(
    data: Annotated[list[str], texts_argument("Labelled texts")],
    out: Annotated[Path, output_option("MODEL", "the model")],
    recipe: Recipe,
    reading: Reading,
    split_column: Annotated[
        str | None,
        typer.Option(
            help="Column that says train, dev or test of each row",
            autocompletion=completion.columns,
            rich_help_panel=DATA,
        ),
    ] = None,
    weight_column: Annotated[
        str | None,
        typer.Option(
            help="Column that says how much each text counts: 2 as if it stood there twice",
            autocompletion=completion.columns,
            rich_help_panel=DATA,
        ),
    ] = None,
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="Learn from this model's answers too; may be repeated",
            autocompletion=completion.models,
            rich_help_panel=DATA,
        ),
    ] = None,
    unlabelled: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATA", help="Texts without labels to train on; may be repeated", rich_help_panel=DATA
        ),
    ] = None,
    language_model: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="LM",
            help="Start from a language model of `peephole pretrain`",
            rich_help_panel=DATA,
        ),
    ] = None,
    word_vectors: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Word vectors to start from: GloVe or word2vec text", rich_help_panel=DATA
        ),
    ] = None,
    resume: Resume = False,
    time_budget: TimeBudget = None,
    checkpoint_steps: CheckpointSteps = 200,
    tensorboard: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write TensorBoard's files here", rich_help_panel=RUNNING),
    ] = None,
    cpu: Cpu = False,
    as_json: Json = False,
) -> None:
    r"""Train a classifier on your own texts. The defaults suit reviews, tweets and questions alike.

    Examples:
        # Texts and labels in a table
        peephole train reviews.csv --output my-model

        # Columns of other names; all reviews of a film on one side of the split
        peephole train imdb.csv --text-column body --label-column stars \
            --group-column film --output my-model

        # Another cell, for an hour; again with --resume to go on
        peephole train reviews.csv --cell peephole-lstm --time-budget 1h \
            --output my-model

        # From a language model of your texts
        peephole train reviews.csv --from my-language --output my-model
    """
    from peephole.training import TrainRequest
    from peephole.training import train as run
    from peephole.training.progress import make_progress

    request = TrainRequest(
        sources=tuple(data),
        output=out,
        recipe=recipe,
        teachers=tuple(teacher or ()),
        unlabelled=tuple(unlabelled or ()),
        split_column=split_column,
        weight_column=weight_column,
        resume=resume,
        time_budget=seconds(time_budget),
        checkpoint_steps=checkpoint_steps,
        tensorboard=tensorboard,
        language_model=language_model,
        word_vectors=word_vectors,
        cpu=cpu,
        command=shlex.join(["peephole", *sys.argv[1:]]),
        **reading.labelled(),
    )
    result = run(request, progress=make_progress())
    if result.process:  # the first of several processes speaks for all
        return
    if as_json:
        output.print_json(summary(result))
    else:
        print_result(result)


def summary(result: TrainResult) -> dict[str, object]:
    """Return what a run brought, for ``--json``."""
    return {
        "output": str(result.output),
        "ending": result.ending,
        "seconds": round(result.seconds, 1),
        "metrics": dict(result.metrics),
        "data": dict(result.data),
        "recipe": result.recipe.to_json(),
        "notes": list(result.notes),
    }


def print_result(result: TrainResult) -> None:
    """Print what a run brought, and what to type next."""
    low, high = result.metrics["interval"]
    typer.echo(
        f"development accuracy {result.metrics['accuracy']:.1%} ({low:.1%} to {high:.1%} with 95 % confidence, "
        f"{result.metrics['n']:,} texts), {result.seconds / 60:.1f} minutes of training"
    )
    for note in result.notes:
        say(note)
    typer.echo(f"model: {result.output}")
    typer.echo(f'next:  peephole predict "…" --model {shlex.quote(str(result.output))}')
