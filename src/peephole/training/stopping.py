"""When to stop before the end: a signal, or a time budget."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

_ECHO = 5.0  # seconds in which a launcher repeats a signal


class Clock:
    """How long a call has taken, and whether its time is over.

    Args:
        budget: seconds, above 0; None has no end.
    """

    def __init__(self, budget: float | None = None) -> None:
        self._began = time.monotonic()
        self._budget = budget

    @property
    def seconds(self) -> float:
        """Seconds since the clock was made."""
        return time.monotonic() - self._began

    @property
    def over(self) -> bool:
        """Whether the budget is used up."""
        return self._budget is not None and self.seconds >= self._budget


class Interrupts:
    """Turns Ctrl-C (SIGINT) and SIGTERM into a flag while it is entered, so that a step is never cut in two.

    A second signal is not waited for: it raises `KeyboardInterrupt` at once. Outside the main thread, where
    Python lets nobody handle signals, it does nothing.

    Args:
        several: whether a launcher started this process with others. It hands on the signal that the terminal sent already,
            so what comes within five seconds of the first is no second one; and it sends SIGTERM to those that are still
            there once one has ended, so after an error signals stay heard: this process has something to say yet.

    Example:
        >>> with Interrupts() as interrupts:
        ...     interrupts.received
        False
    """

    def __init__(self, *, several: bool = False) -> None:
        self.received = False
        self._before: dict[int, Any] = {}
        self._several, self._first = several, 0.0

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._several and error is not None:
            return
        for number, handler in self._before.items():
            # A handler that was not set from Python reads as None and cannot be set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before.clear()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if not self.received:
            self.received, self._first = True, time.monotonic()
        elif not self._several or time.monotonic() - self._first > _ECHO:
            raise KeyboardInterrupt
