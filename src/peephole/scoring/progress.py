"""What a job tells while it runs: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, NamedTuple, TextIO

from peephole.scoring.summary import duration


class Report(NamedTuple):
    """How far a job is.

    Args:
        rows: written, earlier sessions included.
        share: of the input's bytes that are done, in [0, 1]; None: its size is not known.
        rows_per_second: of this session.
        tokens_per_second: likewise.
        seconds_left: an estimate; None: there is none.
        rejected: rows and rests of files that could not be scored.
    """

    rows: int
    share: float | None
    rows_per_second: float
    tokens_per_second: float
    seconds_left: float | None
    rejected: int

    def facts(self) -> str:
        """Return it as words.

        >>> Report(20_000, 0.5, 8000.0, 90_000.0, 2.5, 1).facts()
        '20,000 rows, 8,000 rows/s, 90,000 tokens/s, 2.5 s left, 1 not scored'
        """
        words = [
            f"{self.rows:,} rows",
            f"{self.rows_per_second:,.0f} rows/s",
            f"{self.tokens_per_second:,.0f} tokens/s",
        ]
        if self.seconds_left is not None:
            words.append(f"{duration(self.seconds_left)} left")
        if self.rejected:
            words.append(f"{self.rejected:,} not scored")
        return ", ".join(words)


class Listener:
    """Hears what a job tells, and says nothing; a base for those that do."""

    def note(self, text: str) -> None:
        """Hear a line about the job."""

    def report(self, report: Report) -> None:
        """Hear how far it is."""

    def stop(self) -> None:
        """Hear that nothing follows; may be called more than once."""


class Lines(Listener):
    """Plain lines, at most one in ten seconds: for files and pipes."""

    every = 10.0  # seconds

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last = time.monotonic()

    def note(self, text: str) -> None:  # noqa: D102
        print(text, file=self._stream, flush=True)

    def report(self, report: Report) -> None:  # noqa: D102
        if time.monotonic() - self._last >= self.every:
            self._last = time.monotonic()
            share = "" if report.share is None else f"{100 * report.share:3.0f} %  "
            self.note(share + report.facts())


class Bar(Listener):
    """A bar in the terminal."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._console = Console(file=stream, highlight=False)
        columns = (
            BarColumn(bar_width=None),
            TextColumn("{task.fields[share]}"),
            TextColumn("{task.fields[facts]}"),
        )
        self._bar = Progress(*columns, console=self._console, transient=True)
        self._task: Any = None

    def note(self, text: str) -> None:  # noqa: D102
        self._console.print(text, markup=False, soft_wrap=True)

    def report(self, report: Report) -> None:  # noqa: D102
        share = "" if report.share is None else f"{100 * report.share:.0f} %"
        if self._task is None:
            self._task = self._bar.add_task("", total=None, share=share, facts=report.facts())
            self._bar.start()
        total = None if report.share is None else 1.0
        self._bar.update(self._task, total=total, completed=report.share, share=share, facts=report.facts())

    def stop(self) -> None:  # noqa: D102
        self._bar.stop()


def listener_for(stream: TextIO | None = None) -> Listener:
    """Return a bar where `stream` (standard error by default) is a terminal that can move its cursor, else lines."""
    chosen = sys.stderr if stream is None else stream
    return Bar(chosen) if chosen.isatty() and os.environ.get("TERM") != "dumb" else Lines(chosen)
