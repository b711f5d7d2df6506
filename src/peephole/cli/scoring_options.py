"""The options of ``peephole predict --output``, and what it does with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from peephole.cli import output
from peephole.cli.guard import say
from peephole.errors import DataError, OptionError

_PANEL = "Many texts"

Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="Write to OUT.parquet (a folder of parts), OUT.jsonl or OUT.csv, and not to stdout: input columns, label, "
        "probability. The same command goes on where it was stopped",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, help="Processes that score [default: one for each processor]", rich_help_panel=_PANEL
    ),
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads of each worker [default: 1]", rich_help_panel=_PANEL)
]
Engine = Annotated[
    str | None,
    typer.Option(
        metavar="ENGINE",
        help="local: processes of this machine; ray: a Ray cluster [default: local]",
        rich_help_panel=_PANEL,
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        help="Ray cluster, such as auto or ray://HOST:10001 [default: one of this machine, for this job]",
        rich_help_panel=_PANEL,
    ),
]
Probabilities = Annotated[
    bool,
    typer.Option("--probabilities", help="Write every label's probability too", rich_help_panel=_PANEL),
]
MaxRejected = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Stop after more rows than this could not be scored [default: never]",
        rich_help_panel=_PANEL,
    ),
]
PartRows = Annotated[
    int | None,
    typer.Option(min=1, help="Rows that a worker takes at a time [default: 20000]", rich_help_panel=_PANEL),
]
Restart = Annotated[
    bool,
    typer.Option("--restart", help="Begin again, and replace what OUT holds", rich_help_panel=_PANEL),
]


def refuse_without_output(given: Mapping[str, Any]) -> None:
    """Refuse options that mean nothing where answers go to stdout, all at once.

    Args:
        given: parameter → its value, empty where the option was not given.

    Raises:
        OptionError: one was given.
    """
    named = ", ".join(
        "--" + name.replace("_", "-")
        for name, value in given.items()
        if value is not None and value is not False
    )
    if named:
        raise OptionError(
            f"predict: {named} is for --output", hint="give --output OUT.parquet, OUT.jsonl or OUT.csv"
        )


def score_files(sources: list[str], refused: Mapping[str, Any], *, as_json: bool, **options: Any) -> None:
    """Score files, show how far that is, and print what it came to.

    Args:
        sources: what was given.
        refused: option → its value; those that mean nothing for files of answers.
        as_json: whether the summary is printed as JSON.
        options: of `ScoreRequest`; None: its default.

    Raises:
        OptionError: an option that was given means nothing here.
        DataError: files could not be read to their end; all others were scored.
    """
    from peephole.scoring import ScoreRequest, listener_for, score

    named = ", ".join(name for name, value in refused.items() if value)
    if named:
        raise OptionError(
            f"predict: {named} cannot be had with --output",
            hint="--probabilities writes every label's; OUT.jsonl is JSON lines",
        )
    if not sources:
        raise OptionError("predict: --output needs files to read", hint="- is standard input")
    given = {name: value for name, value in options.items() if value is not None}
    done = score(ScoreRequest(sources=tuple(sources), **given), listener_for())
    if as_json:
        output.print_json(done.to_json())
    else:
        say(done.text())
    if done.broken:
        more = f" and {len(done.broken) - 3} more" if len(done.broken) > 3 else ""
        raise DataError(
            f"predict: {', '.join(done.broken[:3])}{more} could not be read to the end; what could be read was scored",
            hint=f"what is missing stands in {done.rejects}",
        )
