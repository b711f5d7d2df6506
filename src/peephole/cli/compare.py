"""``peephole compare``: the cells on the same data, or on a task with a known answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peephole.cli import completion, output
from peephole.cli.compare_options import flag, rates, refuse, seed_numbers, shared_recipe
from peephole.cli.options import DATA, Cpu, Json, TimeBudget, output_option, seconds, texts_argument
from peephole.cli.reading_options import Reading, with_reading
from peephole.cli.study import Progress, listed, show_study, typed
from peephole.cli.voice import check_alone
from peephole.errors import OptionError, check_choice, require

_TASK, _WHO = "Tasks", "Who is compared"


@with_reading()
def compare(
    data: Annotated[list[str] | None, texts_argument("Labelled texts", "; or --task")] = None,
    out: Annotated[
        Path, output_option("FOLDER", "the report, the JSON and the finished runs", show_default=True)
    ] = Path("comparison"),
    contenders: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="rnn, irnn, lstm, peephole-lstm, peephole-lstm-previous, peephole-lstm-full, gru, gru-before or coupled-lstm; "
            "may be repeated, or with commas [default: rnn, irnn, lstm, peephole-lstm, peephole-lstm-full, gru]",
            autocompletion=completion.among(completion.CONTENDERS, several=True),
            rich_help_panel=_WHO,
        ),
    ] = None,
    seeds: Annotated[
        str,
        typer.Option(metavar="N|A,B,…", help="How many seeds, or which", rich_help_panel=_WHO),
    ] = "3",
    hidden_size: Annotated[
        int | None,
        typer.Option(
            min=1, help="Units of the LSTM [default: the task's, or the recipe's]", rich_help_panel=_WHO
        ),
    ] = None,
    match: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="What the others have as many of as the LSTM: parameters or units",
            autocompletion=completion.among(completion.MATCHES),
            rich_help_panel=_WHO,
        ),
    ] = "parameters",
    rate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=RATE",
            help="Learning rate of one contender; may be repeated",
            autocompletion=completion.among(completion.CONTENDERS, ending="="),
            rich_help_panel=_WHO,
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="TASK",
            help="adding, order, copy, count or timing, in place of data",
            autocompletion=completion.among(completion.TASKS),
            rich_help_panel=_TASK,
        ),
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(
            help="adding: early, halves; order: two, three; copy: ten, five; count: anbn, anbncn; "
            "timing: gts, msd, cosine, triangle, rectangle [default: the first]",
            autocompletion=completion.variants,
            rich_help_panel=_TASK,
        ),
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(help="Steps of the dependency [default: the task's]", rich_help_panel=_TASK),
    ] = None,
    sequences: Annotated[
        int | None,
        typer.Option(min=1, help="Training sequences at most [default: the task's]", rich_help_panel=_TASK),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Sequences of a batch [default: the task's]", rich_help_panel=_TASK),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Of all contenders [default: the task's]", rich_help_panel=_TASK),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            help="First weights of cells with gates: orthogonal or chrono [default: the task's]",
            autocompletion=completion.among(completion.INITS),
            rich_help_panel=_TASK,
        ),
    ] = None,
    recipe_file: Annotated[
        Path | None,
        typer.Option(
            "--recipe",
            metavar="FILE",
            help="JSON file of settings of peephole train, for all contenders",
            rich_help_panel=DATA,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of peephole train, such as epochs=2; may be repeated",
            autocompletion=completion.settings,
            rich_help_panel=DATA,
        ),
    ] = None,
    *,
    reading: Reading,
    cpu: Cpu = False,
    time_budget: TimeBudget = None,
    as_json: Json = False,
) -> None:
    """Compare RNN, LSTM, peephole LSTM and GRU under one budget, from several seeds: one HTML report, and JSON.

    The same command goes on where it was stopped.

    Examples:
        # On your texts, two passes each
        peephole compare reviews.csv --set epochs=2 --output cells

        # On a task with a known answer, from five seeds
        peephole compare --task order --seeds 5 --output order

        # Two cells, with as many units
        peephole compare reviews.csv --contenders lstm,gru --match units
    """
    check_alone(
        "peephole compare",
        "compare one contender a process: --contenders gru in one, --contenders lstm in another, each with an output of its own",
    )
    require("torch", extra="train", purpose="peephole compare")
    require("matplotlib", extra="figures", purpose="the report of peephole compare")
    from peephole.studies.compare.comparison import Plan
    from peephole.studies.compare.comparison import compare as run
    from peephole.studies.compare.contenders import MATCHES, USUAL, choose
    from peephole.studies.compare.ledger import MODELS, PAGE, Ledger
    from peephole.studies.compare.page import notes
    from peephole.studies.compare.task_study import TaskStudy
    from peephole.studies.compare.text_study import TextStudy
    from peephole.studies.compare.wording import table
    from peephole.training import TrainRequest

    check_choice("compare", "match", match, MATCHES)
    command = typed("--output", "-o")
    chosen = choose(listed(contenders) or list(USUAL))
    names = [contender.name for contender in chosen]
    budget = {"sequences": sequences, "batch": batch, "learning_rate": learning_rate, "init": init}
    if task is not None:
        given = {"DATA": data, "--recipe": recipe_file, "--set": settings, **reading.given(), "--cpu": cpu}
        refuse(given, "cannot be used with --task, which brings its own data")
        study = TaskStudy.of(task, length, variant, budget, rates(rate, names))
    else:
        given = {
            "--variant": variant,
            "--length": length,
            **{flag(name): value for name, value in budget.items()},
        }
        refuse(given, "is for --task")
        if not data:
            raise OptionError("compare: needs labelled texts, or --task with one of its tasks; got neither")
        Ledger.check(out)  # before the texts are read
        request = TrainRequest(
            sources=tuple(data),
            output=out / MODELS,
            recipe=shared_recipe(recipe_file, settings),
            cpu=cpu,
            command=command,
            **reading.labelled(),
        )
        study = TextStudy(request, rates(rate, names))
    plan = Plan(
        contenders=chosen,
        seeds=seed_numbers(seeds),
        hidden_size=study.usual_size if hidden_size is None else hidden_size,
        match=match,
        output=out,
        time_budget=seconds(time_budget),
        command=command,
    )
    document = run(study, plan, Progress())
    if as_json:
        output.print_json(document)
        return
    show_study(table(document), notes(document), out / PAGE)
