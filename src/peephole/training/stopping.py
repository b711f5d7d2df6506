"""When to stop before the end: a signal, or a time budget."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any


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

    Example:
        >>> with Interrupts() as interrupts:
        ...     interrupts.received
        False
    """

    def __init__(self) -> None:
        self.received = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            # A handler that was not set from Python reads as None and cannot be set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before.clear()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt
        self.received = True
