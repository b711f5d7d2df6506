"""``peephole tune``: the recipe that suits your texts best, found by trials."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from peephole.cli import completion, output
from peephole.cli.options import RUNNING, Cpu, Json, TimeBudget, output_option, seconds, texts_argument
from peephole.cli.reading_options import Reading, with_reading
from peephole.cli.recipe_options import with_recipe
from peephole.cli.study import Progress, listed, show_study, typed
from peephole.cli.voice import check_alone
from peephole.errors import require
from peephole.training import Recipe

_SEARCH = "Search"


@with_recipe(Recipe)
@with_reading()
def tune(
    data: Annotated[list[str], texts_argument("Labelled texts")],
    recipe: Recipe,
    out: Annotated[
        Path, output_option("FOLDER", "the report, the best recipe and its model", show_default=True)
    ] = Path("tuning"),
    trials: Annotated[
        int, typer.Option(min=1, help="Trials in all, earlier sessions included", rich_help_panel=_SEARCH)
    ] = 20,
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=LOW..HIGH]",
            help="A setting to search; may be repeated, or with commas [default: learning_rate, hidden_size, embedding, "
            "word_dropout, embedding_dropout, pool_dropout, label_smoothing, adversarial, weight_decay]",
            autocompletion=completion.searched,
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    search_seed: Annotated[
        int, typer.Option(min=0, help="Seed of what is tried", rich_help_panel=_SEARCH)
    ] = 1,
    engine: Annotated[
        str,
        typer.Option(
            help="Where trials run: local, one after the other, or ray, side by side on a cluster",
            rich_help_panel=RUNNING,
        ),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="The Ray cluster's address, such as auto or ray://host:10001 [default: one of this machine, for this search]",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Most trials side by side, with Ray [default: one for each processor, or GPU]",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    *,
    reading: Reading,
    time_budget: TimeBudget = None,
    cpu: Cpu = False,
    as_json: Json = False,
) -> None:
    """Search the recipe: trials on the same texts, judged by their development part; the first is the recipe as given.

    The same command goes on where it was stopped. best.json is a recipe for peephole train.

    Examples:
        # Thirty trials of three passes, then the best recipe in full
        peephole tune reviews.csv --trials 30 --epochs 3 --output tuning
        peephole train reviews.csv --recipe tuning/best.json --output my-model

        # Two settings only, within limits
        peephole tune reviews.csv --search learning_rate=0.0005..0.01,hidden_size
    """
    check_alone("peephole tune", "for trials side by side on one machine or many: --engine ray")
    require("torch", extra="train", purpose="peephole tune")
    require("optuna", extra="tune", purpose="peephole tune")
    require("matplotlib", extra="figures", purpose="the report of peephole tune")
    from peephole.studies.tune.page import notes, table
    from peephole.studies.tune.plan import BEST, PAGE, Plan, check_output
    from peephole.studies.tune.space import space_of
    from peephole.studies.tune.tuning import tune as run
    from peephole.training import TrainRequest

    check_output(out)  # before the texts are read
    command = typed("--output", "-o")
    plan = Plan(
        space=space_of(listed(search), recipe),
        trials=trials,
        seed=search_seed,
        output=out,
        time_budget=seconds(time_budget),
        command=command,
        engine=engine,
        address=address,
        workers=workers,
        cpu=cpu,
    )
    request = TrainRequest(
        sources=tuple(data),
        output=out,
        recipe=recipe,
        cpu=cpu,
        command=command,
        **reading.labelled(),
    )
    document = run(request, plan, Progress())
    if as_json:
        output.print_json(document)
        return
    show_study(table(document), notes(document), out / PAGE)
    if document["best"] is not None:
        texts = shlex.join(data)
        typer.echo(f"next:   peephole train {texts} --recipe {shlex.quote(str(out / BEST))} --output MODEL")
