"""``peephole tune``: the recipe that suits your texts best, found by trials."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peephole.cli import completion, output
from peephole.cli.compare_options import command, listed
from peephole.cli.guard import say
from peephole.cli.options import (
    Cpu,
    Dev,
    Format,
    GroupColumn,
    Json,
    LabelColumn,
    SkipBad,
    TextColumn,
    TimeBudget,
    Where,
    conditions,
    output_option,
    seconds,
    texts_argument,
)
from peephole.cli.recipe_options import with_recipe
from peephole.errors import require
from peephole.training import Recipe

if TYPE_CHECKING:
    from peephole.studies.tune.plan import Listener

_SEARCH = "Search"
_EVERY = 10.0  # seconds between two lines of progress, at least


@with_recipe(Recipe)
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
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    group_column: GroupColumn = None,
    dev: Dev = None,
    where: Where = None,
    format: Format = None,
    skip_bad: SkipBad = False,
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
    require("torch", extra="train", purpose="peephole tune")
    require("optuna", extra="tune", purpose="peephole tune")
    require("matplotlib", extra="figures", purpose="the report of peephole tune")
    from peephole.studies.tune.page import notes, table
    from peephole.studies.tune.plan import BEST, PAGE, Plan, check_output
    from peephole.studies.tune.space import space_of
    from peephole.studies.tune.tuning import tune as run
    from peephole.training import TrainRequest

    check_output(out)  # before the texts are read
    plan = Plan(
        space=space_of(listed(search), recipe),
        trials=trials,
        seed=search_seed,
        output=out,
        time_budget=None if time_budget is None else seconds(time_budget),
        command=command(),
    )
    request = TrainRequest(
        sources=tuple(data),
        output=out,
        recipe=recipe,
        dev_sources=tuple(dev or ()),
        text_column=text_column,
        label_column=label_column,
        group_column=group_column,
        where=conditions(where),
        format=format,
        skip_bad=skip_bad,
        cpu=cpu,
        command=command(),
    )
    document = run(request, plan, _listener())
    if as_json:
        output.print_json(document)
        return
    found = table(document)
    if output.is_terminal():
        from rich.console import Console

        found.show(Console(highlight=False))
    else:
        typer.echo(found.plain())
    for note in notes(document):
        say(note)
    typer.echo(f"report: {out / PAGE}")
    if document["best"] is not None:
        texts = shlex.join(data)
        typer.echo(f"next:   peephole train {texts} --recipe {shlex.quote(str(out / BEST))} --output MODEL")


def _listener() -> Listener:
    from peephole.studies.tune.plan import Listener

    class Printer(Listener):
        """A line for each trial, and one now and then within it, to stderr."""

        def __init__(self) -> None:
            self._begun = self._last = time.monotonic()

        def begin(self, done: int, total: int, words: str) -> None:
            self._last = time.monotonic()
            say(f"[{done + 1}/{total}, {self._last - self._begun:.0f} s] {words}")

        def hear(self, words: str) -> None:
            if time.monotonic() - self._last >= _EVERY:
                self._last = time.monotonic()
                say(f"  {words}")

        def finish(self, words: str) -> None:
            say(f"  {words}")

    return Printer()
