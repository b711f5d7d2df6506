"""From exceptions to messages and exit statuses: 0 done, 1 failed, 2 usage, 130 interrupted."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

from peephole.errors import OptionError, PeepholeError

P = ParamSpec("P")
R = TypeVar("R")

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def guard(command: Callable[P, R]) -> Callable[P, R]:
    """Show what a command raises as a message on stderr; a traceback only with ``peephole --debug`` or ``PEEPHOLE_DEBUG``."""

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            result = command(*args, **kwargs)
            sys.stdout.flush()  # a full disk is found out here, and not while the interpreter ends
            return result
        except KeyboardInterrupt as interrupt:
            say(str(interrupt) or "interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader of our output has gone, as in `peephole predict … | head`: that is its right.
            _forget_output()
            raise typer.Exit(0) from None
        except PeepholeError as error:
            if debugging():
                raise
            say(f"error: {error}")
            raise typer.Exit(USAGE if isinstance(error, OptionError) else FAILED) from None
        except OSError as error:
            try:
                sys.stdout.flush()
            except OSError:  # it was our output that could not be written
                _forget_output()
            if debugging():
                raise
            say(
                f"error: {error.filename}: {error.strerror}"
                if error.filename
                else f"error: {error.strerror or error}"
            )
            raise typer.Exit(FAILED) from None

    return guarded


def _forget_output() -> None:
    """Let what could not be written go nowhere: the interpreter would try again as it ends, and fail with a status of its own."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def debugging() -> bool:
    """Whether tracebacks are wanted."""
    return bool(os.environ.get("PEEPHOLE_DEBUG"))


def say(message: str) -> None:
    """Print a message for a person on stderr."""
    typer.echo(message, err=True)
