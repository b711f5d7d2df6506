"""The program as the command-line library knows it."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import peephole
from peephole.cli.examples import Example, examples_text, split_help
from peephole.cli.guard import guard
from peephole.cli.status import DONE, USAGE
from peephole.cli.voice import may_speak


class _Command(TyperCommand):
    """A command whose examples stand under its help."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        formatter.write(examples_text(split_help(self.callback.__doc__ or "")[1]))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        # Some versions of the library write an argument that must be given as {DATA}.
        return [re.sub(r"^\{(.+)\}", r"\1", piece) for piece in super().collect_usage_pieces(ctx)]


class _Program(TyperGroup):
    """The program, with examples of its use under its help."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        formatter.write(examples_text(_FIRST))


_FIRST = [
    Example(
        "Label a text, and see why", 'peephole predict "Not bad at all."\npeephole explain "Not bad at all."'
    ),
    Example(
        "Train on your own texts, and score the model",
        "peephole train reviews.csv --output my-model\npeephole evaluate my-model reviews.csv --development",
    ),
    Example("Every option of a command, with examples", "peephole train --help"),
    Example("Complete commands and options with the tab key", "peephole --install-completion"),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"peephole {peephole.__version__}")
        raise typer.Exit


def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit"),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors")] = False,
) -> None:
    """Recurrent networks you can see into, and a sentiment analyser built on them."""
    if debug:
        os.environ["PEEPHOLE_DEBUG"] = "1"


def program(summaries: Mapping[str, str], loaded: Collection[str]) -> typer.Typer:
    """Return the program.

    Args:
        summaries: command → the first sentence of its help.
        loaded: the commands that can be called; of the others, the program knows the name and the summary.
    """
    made = typer.Typer(
        name="peephole",
        cls=_Program,
        help="Recurrent networks you can see into, and a sentiment analyser built on them.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    made.callback()(options)
    for name, summary in summaries.items():
        if name in loaded:
            command = getattr(importlib.import_module(f"peephole.cli.{name}"), name)
            made.command(name, cls=_Command, help=split_help(command.__doc__)[0])(guard(command))
        else:
            made.command(name, help=summary)(_not_called)
    return made


def _not_called() -> None:
    """Stand in the list of commands for one that the command line does not call."""


def run_with_others(program: typer.Typer) -> int:
    """Run the program in one of several processes, of which one says for all what is wrong with the command line."""
    # The class above has no public name in the command-line library.
    usage_error: Any = typer.BadParameter.__mro__[1]
    try:
        status: object = program(standalone_mode=False)
    except usage_error as error:
        if may_speak():
            error.show()
        return USAGE
    return status if isinstance(status, int) else DONE
