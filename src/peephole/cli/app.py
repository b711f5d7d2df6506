"""The program `peephole`: its commands, one file each, imported when they are asked for."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from peephole import __version__
from peephole.cli.guard import guard

COMMANDS = ("predict", "evaluate", "train", "pretrain", "convert", "demo", "bench", "info")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"peephole {__version__}")
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


def program(names: Iterable[str]) -> typer.Typer:
    """Return the program with some of its commands."""
    made = typer.Typer(
        name="peephole",
        help="Recurrent networks you can see into, and a sentiment analyser built on them.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    made.callback()(options)
    for name in names:
        module = importlib.import_module(f"peephole.cli.{name}")
        made.command(name)(guard(getattr(module, name)))
    return made


def asked(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the command that a command line calls, alone; all where it calls none, for the help and for mistakes.

    >>> asked(["--debug", "predict", "info"])
    ('predict',)
    """
    first = next((argument for argument in arguments if not argument.startswith("-")), "")
    return (first,) if first in COMMANDS else COMMANDS


def main() -> None:
    """Run the program."""
    program(asked(sys.argv[1:]))()


def __getattr__(name: str) -> object:
    if name == "app":
        return program(COMMANDS)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
