"""The program as the command-line library knows it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Collection, Mapping
from typing import Annotated

import typer

import peephole
from peephole.cli.guard import guard


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
        help="Recurrent networks you can see into, and a sentiment analyser built on them.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    made.callback()(options)
    for name, summary in summaries.items():
        if name in loaded:
            module = importlib.import_module(f"peephole.cli.{name}")
            made.command(name)(guard(getattr(module, name)))
        else:
            made.command(name, help=summary)(_not_called)
    return made


def _not_called() -> None:
    """Stand in the list of commands for one that the command line does not call."""
