"""The program `peephole`: its commands, one file each, imported when they are asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from peephole.cli.quick import quick_arguments

COMMANDS = (
    "predict",
    "explain",
    "evaluate",
    "train",
    "pretrain",
    "convert",
    "export",
    "serve",
    "compare",
    "tune",
    "demo",
    "bench",
    "info",
)


def asked(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the command that a command line calls, alone; all where it calls none, for the help and for mistakes.

    >>> asked(["--debug", "predict", "info"])
    ('predict',)
    """
    first = next((argument for argument in arguments if not argument.startswith("-")), "")
    return (first,) if first in COMMANDS else COMMANDS


def main() -> None:
    """Run the program."""
    arguments = sys.argv[1:]
    quick = quick_arguments(arguments)
    if quick is not None:
        from peephole.cli.answers import answer
        from peephole.cli.status import status_of

        sys.exit(status_of(lambda: answer(**quick)))
    from peephole.cli.program import program

    program(asked(arguments))()


def __getattr__(name: str) -> object:
    if name == "app":
        from peephole.cli.program import program

        return program(COMMANDS)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
