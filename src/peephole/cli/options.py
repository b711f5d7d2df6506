"""Options that several commands share, each declared once."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from peephole.cli import completion
from peephole.errors import OptionError

DATA = "Reading"
RUNNING = "Running"


def model_argument() -> Any:
    """Return the argument that is a model."""
    return typer.Argument(
        metavar="MODEL",
        help="Model folder, name of a model of this installation, or OWNER/NAME on the Hugging Face Hub",
        autocompletion=completion.models,
        show_default=False,
    )


def texts_argument(what: str, more: str = "") -> Any:
    """Return an argument that says where texts are.

    Args:
        what: the texts.
        more: said after where they can be.
    """
    return typer.Argument(
        metavar="DATA", help=f"{what}: files, folders, - or hf:NAME{more}", show_default=False
    )


def output_option(metavar: str, what: str, *, show_default: bool = False) -> Any:
    """Return the option ``--output`` of a command that writes a folder.

    Args:
        metavar: what stands for it in the help.
        what: whose folder it is.
        show_default: whether it has a default, for the help.
    """
    return typer.Option(
        "--output", "-o", metavar=metavar, help=f"Folder of {what}", show_default=show_default
    )


Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Model folder, name of a model of this installation, or OWNER/NAME on the Hugging Face Hub "
        "[default: reviews]",
        autocompletion=completion.models,
    ),
]
AsText = Annotated[
    bool, typer.Option("--text", help="Take what is given for text, even if a file has that name")
]
Dev = Annotated[
    list[str] | None,
    typer.Option(metavar="DATA", help="Development texts of their own", rich_help_panel=DATA),
]
TextColumn = Annotated[
    str | None,
    typer.Option(
        help="Column of the texts [default: text, review, sentence or content]",
        autocompletion=completion.columns,
        rich_help_panel=DATA,
    ),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        help="Column of the labels [default: label, sentiment, class or target]",
        autocompletion=completion.columns,
        rich_help_panel=DATA,
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN=VALUE",
        help="Only rows with this value; may be repeated",
        autocompletion=completion.conditions,
        rich_help_panel=DATA,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="csv, tsv, tsv-raw, jsonl, lines, parquet or folder [default: by the name]",
        autocompletion=completion.among(completion.FORMATS),
        rich_help_panel=DATA,
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option("--skip-bad", help="Skip records that cannot be read, and count them", rich_help_panel=DATA),
]
GroupColumn = Annotated[
    str | None,
    typer.Option(
        help="Column whose groups are held out whole, such as the film of a review",
        autocompletion=completion.columns,
        rich_help_panel=DATA,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on where an earlier run of this output stopped", rich_help_panel=RUNNING
    ),
]
TimeBudget = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Stop in good order after 90s, 10m or 2h", rich_help_panel=RUNNING),
]
CheckpointSteps = Annotated[
    int,
    typer.Option(
        min=1, help="Steps between checkpoints; does not change the result", rich_help_panel=RUNNING
    ),
]
Cpu = Annotated[bool, typer.Option("--cpu", help="Do not use a GPU", rich_help_panel=RUNNING)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document")]


def conditions(where: list[str] | None) -> dict[str, str]:
    """Parse ``COLUMN=VALUE`` options.

    >>> conditions(["split=dev"])
    {'split': 'dev'}
    """
    parsed: dict[str, str] = {}
    for item in where or []:
        column, equals, value = item.partition("=")
        if not equals or not column:
            raise OptionError(f"--where: must be COLUMN=VALUE; got {item!r}")
        if column in parsed:
            raise OptionError(
                f"--where: a column can have one value; got {column}={parsed[column]} and {item}"
            )
        parsed[column] = value
    return parsed


def seconds(text: str | None) -> float | None:
    """Parse a span of time: ``90s``, ``10m``, ``2h``, ``1.5h``, or plain seconds; None stays None.

    >>> seconds("10m"), seconds("45")
    (600.0, 45.0)
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not match:
        raise OptionError(
            f"--time-budget: must be a number with s, m or h, such as 90s, 10m or 2h; got {text!r}"
        )
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]
