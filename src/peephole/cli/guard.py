"""The end of a command: its exit status, for the command-line library."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

from peephole.cli.status import FAILED as FAILED
from peephole.cli.status import INTERRUPTED as INTERRUPTED
from peephole.cli.status import USAGE as USAGE
from peephole.cli.status import debugging as debugging
from peephole.cli.status import say as say
from peephole.cli.status import status_of

P = ParamSpec("P")
R = TypeVar("R")


def guard(command: Callable[P, R]) -> Callable[P, R]:
    """Show what a command raises as a message; see `status_of`."""

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        results: list[R] = []
        status = status_of(lambda: results.append(command(*args, **kwargs)))
        if not results or status:
            raise typer.Exit(status)
        return results[0]

    return guarded
