"""A table, and the three forms in which it is shown: for a terminal, for a pipe and for a document."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """Rows of text.

    Attributes:
        title: what stands above it.
        columns: headings; one that begins with ``<`` heads a column of words, the others numbers.
        rows: as many texts each as there are columns.
        notes: lines that stand below.

    Example:
        >>> print(Table("Speed", ("<who", "ms"), (("we", "1.5"), ("they", "12"))).plain())
        Speed
          who    ms
          we    1.5
          they   12
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def _headings(self) -> list[str]:
        return [column.removeprefix("<") for column in self.columns]

    @property
    def _are_words(self) -> list[bool]:
        return [column.startswith("<") for column in self.columns]

    @property
    def _widths(self) -> list[int]:
        return [max(len(line[k]) for line in (self._headings, *self.rows)) for k in range(len(self.columns))]

    def plain(self) -> str:
        """Return aligned text without colour, one line for each row."""
        lines, widths = [self._headings, *self.rows], self._widths
        shown = [
            "  ".join(
                text.ljust(width) if words else text.rjust(width)
                for text, width, words in zip(line, widths, self._are_words, strict=True)
            )
            for line in lines
        ]
        return "\n".join(
            [self.title, *(f"  {line}".rstrip() for line in shown), *(f"  {n}" for n in self.notes)]
        )

    def markdown(self) -> str:
        """Return a table of a document; the title and the notes are left out."""
        rule = [":--" if words else "--:" for words in self._are_words]
        lines = [self._headings, rule, *self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def show(self, console: Console) -> None:
        """Print it to a terminal; one that is too narrow gets plain text."""
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text

        if sum(self._widths) + 3 * len(self.columns) > console.width:
            console.print(Text(self.plain()), soft_wrap=True)
            return
        drawn = RichTable(
            title=Text(self.title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
        )
        for heading, words in zip(self._headings, self._are_words, strict=True):
            drawn.add_column(heading, justify="left" if words else "right", no_wrap=True)
        for row in self.rows:
            drawn.add_row(*(Text(text) for text in row))
        console.print(drawn)
        for note in self.notes:
            console.print(Text(note, style="dim"))


def number(value: float) -> str:
    """Return a number of at least zero with three digits that count.

    Example:
        >>> [number(value) for value in (0.01234, 1.5, 9.999, 27.04, 856.3, 12345.6)]
        ['0.0123', '1.50', '10.0', '27.0', '856', '12,346']
    """
    if value >= 99.95:
        return f"{value:,.0f}"
    decimals = 2
    while decimals < 6 and 0 < value < 10 ** (2 - decimals):
        decimals += 1
    return f"{value:.{decimals - (value >= 9.995)}f}"


def times(value: float) -> str:
    """Return a ratio.

    Example:
        >>> [times(value) for value in (0.567, 1.25, 14.04, 856.3)]
        ['0.57 ×', '1.25 ×', '14.0 ×', '856 ×']
    """
    return f"{value:.2f} ×" if value < 1 else f"{number(value)} ×"


def percent(value: float) -> str:
    """Return a share as percent."""
    return f"{100 * value:.0f} %"
