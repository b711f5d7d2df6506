"""``peephole pretrain``: from texts without labels to a language model's folder."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peephole.cli import output
from peephole.cli.guard import say
from peephole.cli.options import (
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
from peephole.training import LanguageRecipe

if TYPE_CHECKING:
    from peephole.training import PretrainResult


@with_recipe(LanguageRecipe)
@with_reading("label_column", "dev")
def pretrain(
    data: Annotated[list[str], texts_argument("Texts, with or without labels")],
    out: Annotated[Path, output_option("LM", "the language model")],
    recipe: LanguageRecipe,
    reading: Reading,
    resume: Resume = False,
    time_budget: TimeBudget = None,
    checkpoint_steps: CheckpointSteps = 500,
    judge_steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Steps between judgements on held-out texts; four in a run if left out",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    cpu: Cpu = False,
    as_json: Json = False,
) -> None:
    """Learn a language from texts without labels, as a start for classifiers: `peephole train --from LM`.

    Examples:
        # A text on each line
        peephole pretrain reviews.txt --output my-language

        # Two hours at most; then a classifier from it
        peephole pretrain reviews.txt --time-budget 2h --output my-language
        peephole train labelled.csv --from my-language --output my-model
    """
    from peephole.training import PretrainRequest
    from peephole.training import pretrain as run

    request = PretrainRequest(
        sources=tuple(data),
        output=out,
        recipe=recipe,
        group_column=reading.group_column,
        resume=resume,
        time_budget=seconds(time_budget),
        checkpoint_steps=checkpoint_steps,
        judge_steps=judge_steps,
        cpu=cpu,
        command=shlex.join(["peephole", *sys.argv[1:]]),
        **reading.texts(),
    )
    result = run(request)
    if result.process:  # the first of several processes speaks for all
        return
    if as_json:
        output.print_json(summary(result))
    else:
        print_result(result)


def summary(result: PretrainResult) -> dict[str, object]:
    """Return what a run brought, for ``--json``."""
    return {
        "output": str(result.output),
        "ending": result.ending,
        "seconds": round(result.seconds, 1),
        "metrics": dict(result.metrics),
        "data": dict(result.data),
        "notes": list(result.notes),
    }


def print_result(result: PretrainResult) -> None:
    """Print what a run brought, and what to type next."""
    if result.metrics:
        typer.echo(
            f"held-out loss {result.metrics['nats_per_token']:.3f} nats a token, perplexity "
            f"{result.metrics['perplexity']:.1f}; {result.seconds / 60:.1f} minutes of training"
        )
    for note in result.notes:
        say(note)
    typer.echo(f"language model: {result.output}")
    typer.echo(f"next:  peephole train TEXTS --from {shlex.quote(str(result.output))} --output MODEL")
