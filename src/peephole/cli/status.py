"""From exceptions to messages and exit statuses: 0 done, 1 failed, 2 usage, 130 interrupted."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from peephole.cli.voice import may_speak
from peephole.errors import OptionError, PeepholeError
from peephole.files import nearest_path

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def status_of(action: Callable[[], object]) -> int:
    """Do something, and return the exit status; show what it raises as a message on stderr.

    A traceback is shown, by raising again, only with ``peephole --debug`` or ``PEEPHOLE_DEBUG``. Of several processes that
    train together one says what happened, for all.
    """
    try:
        action()
        sys.stdout.flush()  # a full disk is found out here, and not while the interpreter ends
        return DONE
    except KeyboardInterrupt as interrupt:
        _say_once(str(interrupt) or "interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone, as in `peephole predict … | head`: that is its right.
        _forget_output()
        return DONE
    except PeepholeError as error:
        if debugging():
            raise
        _say_once(f"error: {error}")
        return USAGE if isinstance(error, OptionError) else FAILED
    except OSError as error:
        try:
            sys.stdout.flush()
        except OSError:  # it was our output that could not be written
            _forget_output()
        if debugging():
            raise
        near = nearest_path(str(error.filename)) if isinstance(error, FileNotFoundError) else ""
        _say_once(
            f"error: {error.filename}: {error.strerror}{near}"
            if error.filename
            else f"error: {error.strerror or error}"
        )
        return FAILED


def debugging() -> bool:
    """Whether tracebacks are wanted."""
    return bool(os.environ.get("PEEPHOLE_DEBUG"))


def say(message: str) -> None:
    """Print a message for a person on stderr."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def _say_once(message: str) -> None:
    if may_speak():
        say(message)


def _forget_output() -> None:
    """Let what could not be written go nowhere: the interpreter would try again as it ends, and fail with a status of its own."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
