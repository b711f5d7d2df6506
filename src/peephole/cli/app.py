"""The program `peephole`: its commands, one file each."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from peephole import __version__
from peephole.cli.bench import bench
from peephole.cli.demo import demo
from peephole.cli.evaluate import evaluate
from peephole.cli.guard import guard
from peephole.cli.info import info
from peephole.cli.predict import predict
from peephole.cli.pretrain import pretrain
from peephole.cli.train import train

app = typer.Typer(
    name="peephole",
    help="Recurrent networks you can see into, and a sentiment analyser built on them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"peephole {__version__}")
        raise typer.Exit


@app.callback()
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


app.command()(guard(predict))
app.command()(guard(evaluate))
app.command()(guard(train))
app.command()(guard(pretrain))
app.command()(guard(demo))
app.command()(guard(bench))
app.command()(guard(info))


def main() -> None:
    """Run the program."""
    app()
