"""Stopping what takes long: whoever began it says, from another thread, that nobody waits for it any more."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

_asked: ContextVar[Callable[[], bool] | None] = ContextVar("peephole_stop_asked", default=None)


class StoppedError(Exception):
    """What was begun has been given up."""


@contextmanager
def stoppable(asked: Callable[[], bool]) -> Generator[None]:
    """Let explanations that begin in the block be stopped: soon after `asked` says so, they raise `StoppedError`.

    Args:
        asked: whether to stop; called often, so it must be quick.

    Example:
        >>> with stoppable(lambda: True):
        ...     stop_if_asked()
        Traceback (most recent call last):
        peephole.insight.stopping.StoppedError
        >>> stop_if_asked()
    """
    before = _asked.set(asked)
    try:
        yield
    finally:
        _asked.reset(before)


def stop_if_asked() -> None:
    """Raise `StoppedError` if whoever began this has asked for it; called before each portion of the work."""
    asked = _asked.get()
    if asked is not None and asked():
        raise StoppedError
