"""What the commands that run a study have in common: what was typed, lines of progress, and how the answer is shown."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from peephole.cli import output
from peephole.cli.guard import say
from peephole.studies.listening import Listener

if TYPE_CHECKING:
    from peephole.studies.bench.table import Table

_EVERY = 10.0  # seconds between two lines of progress, at least


def typed(*without: str) -> str:
    """Return what was typed, without options that say where the results go: that is nothing of theirs.

    Args:
        without: those options; each takes a value.
    """
    words, kept = iter(sys.argv[1:]), ["peephole"]
    for word in words:
        if word in without:
            next(words, None)
        elif not word.startswith(tuple(f"{option}=" for option in without)):
            kept.append(word)
    return shlex.join(kept)


def listed(given: list[str] | None) -> list[str]:
    """Flatten options with commas.

    >>> listed(["lstm,gru", "rnn"])
    ['lstm', 'gru', 'rnn']
    """
    return [part.strip() for text in given or [] for part in text.split(",") if part.strip()]


class Progress(Listener):
    """A line for each run, and one now and then within it, to stderr."""

    def __init__(self) -> None:
        self._begun = self._last = time.monotonic()

    def begin(self, done: int, total: int, words: str) -> None:
        """Say which run begins."""
        self._last = time.monotonic()
        say(f"[{min(done + 1, total)}/{total}, {self._last - self._begun:.0f} s] {words}")

    def hear(self, words: str) -> None:
        """Say how far it is, if the last line is long ago."""
        if time.monotonic() - self._last >= _EVERY:
            self._last = time.monotonic()
            say(f"  {words}")

    def finish(self, words: str) -> None:
        """Say how it ended."""
        say(f"  {words}")


def show_table(table: Table, end: str = "") -> None:
    """Print a table: drawn on a terminal, else in plain lines with `end` behind."""
    if output.is_terminal():
        from rich.console import Console

        table.show(Console(highlight=False))
    else:
        typer.echo(table.plain() + end)


def show_study(table: Table, notes: Iterable[str], page: Path) -> None:
    """Print what a study found: its table, its notes to stderr, and where its report is."""
    show_table(table)
    for note in notes:
        say(note)
    typer.echo(f"report: {page}")
