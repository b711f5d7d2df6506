"""An evaluation as a page of text: for a terminal of 80 columns, a log file, an e-mail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peephole.evaluation.evaluation import Evaluation
from peephole.evaluation.wording import (
    confusions,
    headline,
    interval_words,
    percent,
    printable,
    short_names,
    tokens_words,
    width_of,
    wrapped,
)

if TYPE_CHECKING:
    from rich.console import Group

_GAP = 2  # columns between two columns
_SCORES_WIDTH = 40  # of the four columns of scores with their gaps, in columns
_NAME_WIDTH = 28  # of a class in the tables, in columns
_MATRIX = "Confusion (row: true class, column: answer)"
_LIST_LENGTH = 10  # confusions listed where the matrix is too wide


@dataclass(frozen=True, slots=True)
class _Block:
    """One table with its title, before it is laid out.

    Args:
        title: a line above; empty for none.
        header: the columns' names; empty for none.
        rows: the cells.
        align: per column ``<`` or ``>``.
        strong: (row, column) of cells that are set in bold where there is bold.
        notes: lines below.
    """

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    align: str
    strong: frozenset[tuple[int, int]] = frozenset()
    notes: list[str] = field(default_factory=list[str])


def summary_text(evaluation: Evaluation, *, width: int = 80) -> str:
    r"""Return the evaluation as plain text: headline, classes, confusion matrix, accuracy by length.

    A confusion matrix that is wider than `width` becomes the list of the most frequent confusions.

    Args:
        evaluation: what `evaluate` returned.
        width: columns that may be used, at least 60.

    Returns:
        Lines joined by newlines, the last one without.

    >>> from peephole.evaluation import evaluate
    >>> result = evaluate([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], [0, 1, 0], ["negative", "positive"])
    >>> print(summary_text(result).split("\n\n")[1])
    By class
    Class     Precision   Recall      F1  Texts
    negative    100.0 %   50.0 %  66.7 %      2
    positive     50.0 %  100.0 %  66.7 %      1
    """
    return "\n\n".join("\n".join(_lines(block, width)) for block in _blocks(evaluation, width))


def summary_rich(evaluation: Evaluation, *, width: int = 80) -> Group:
    """Return the same page for `rich`: bold where it helps the eye, no meaning carried by colour.

    Args:
        evaluation: what `evaluate` returned.
        width: columns that may be used, at least 60.
    """
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    parts: list[Table | Text] = []
    for block in _blocks(evaluation, width):
        if parts:
            parts.append(Text())
        if block.title:
            parts.append(Text(block.title, style="bold"))
        table = Table(
            box=box.SIMPLE_HEAD if block.header else None,
            show_header=bool(block.header),
            show_edge=False,
            padding=(0, 1, 0, 0) if block.header else (0, _GAP, 0, 0),
            pad_edge=False,
        )
        for index, side in enumerate(block.align):
            table.add_column(
                Text(block.header[index]) if block.header else "",
                justify="right" if side == ">" else "left",
                no_wrap=bool(block.header) or index < len(block.align) - 1,
            )
        for i, row in enumerate(block.rows):
            # Text, not str: a class called "[red]" is a name and not an order to rich.
            table.add_row(
                *(Text(cell, "bold" if (i, j) in block.strong else "") for j, cell in enumerate(row))
            )
        parts.append(table)
        parts.extend(Text(note, style="italic") for note in block.notes)
    return Group(*parts)


def _lines(block: _Block, width: int) -> list[str]:
    table = [block.header, *block.rows] if block.header else block.rows
    widths = [max(width_of(row[column]) for row in table) for column in range(len(block.align))]
    lines = [block.title] if block.title else []
    for row in table:
        cells = [
            " " * (size - width_of(cell)) + cell if side == ">" else cell + " " * (size - width_of(cell))
            for cell, size, side in zip(row, widths, block.align, strict=True)
        ]
        if block.header:
            lines.append((" " * _GAP).join(cells).rstrip())
        else:  # the headline: its last column is a sentence
            start = (" " * _GAP).join(cells[:-1]) + " " * _GAP
            first, *more = wrapped(row[-1], max(20, width - len(start)))
            lines += [start + first, *(" " * len(start) + rest for rest in more)]
    return lines + [line for note in block.notes for line in wrapped(note, width)]


def _blocks(evaluation: Evaluation, width: int) -> list[_Block]:
    figures: list[tuple[str, ...]] = list(headline(evaluation, name_width=22))
    blocks = [
        _Block("", (), figures, "<><", strong=frozenset({(0, 0), (0, 1)})),
        _classes(evaluation, width),
        _confusion(evaluation, width),
    ]
    if evaluation.by_length:
        rows = [
            (tokens_words(bin), f"{bin.n:,}", percent(bin.accuracy), interval_words(bin.interval))
            for bin in evaluation.by_length
        ]
        blocks.append(_Block("By length", ("Tokens", "Texts", "Accuracy", "95 % interval"), rows, ">>>>"))
    return blocks


def _classes(evaluation: Evaluation, width: int) -> _Block:
    names = short_names(evaluation.names, min(_NAME_WIDTH, width - _SCORES_WIDTH))
    rows = [
        (name, percent(scores.precision), percent(scores.recall), percent(scores.f1), f"{scores.support:,}")
        for name, scores in zip(names, evaluation.per_class, strict=True)
    ]
    notes = [printable(note) for note in evaluation.notes]
    return _Block("By class", ("Class", "Precision", "Recall", "F1", "Texts"), rows, "<>>>>", notes=notes)


def _confusion(evaluation: Evaluation, width: int) -> _Block:
    """Lay the matrix out with names above the columns; failing that with numbers; failing that as a list."""
    counts = [[f"{count:,}" for count in row] for row in evaluation.confusion]
    size = len(counts)
    widest_count = max(len(count) for row in counts for count in row)
    diagonal = frozenset((index, index + 1) for index in range(size))
    align = "<" + ">" * size
    # The longest name that leaves room for all columns: stub and header are cut alike.
    for name_width in range(_NAME_WIDTH, 7, -1):
        cut = short_names(evaluation.names, name_width)
        columns = [max(widest_count, width_of(name)) for name in cut]
        stub = max(map(width_of, cut))
        if stub + sum(columns) + _GAP * size <= width:
            rows = [(name, *row) for name, row in zip(cut, counts, strict=True)]
            return _Block(_MATRIX, ("", *cut), rows, align, diagonal)
    number_width = max(widest_count, len(str(size)))
    for name_width in range(_NAME_WIDTH, 7, -1):
        cut = short_names(evaluation.names, name_width)
        stubs = [f"{index + 1:>{len(str(size))}} {name}" for index, name in enumerate(cut)]
        if max(map(width_of, stubs)) + (number_width + _GAP) * size <= width:
            rows = [(stub, *row) for stub, row in zip(stubs, counts, strict=True)]
            return _Block(_MATRIX, ("", *(str(i + 1) for i in range(size))), rows, align, diagonal)
    names = short_names(
        evaluation.names, min(_NAME_WIDTH, (width - max(len("Texts"), widest_count)) // 2 - _GAP)
    )
    short_of = dict(zip(evaluation.names, names, strict=True))
    rows = [
        (short_of[true], short_of[said], f"{count:,}")
        for true, said, count in confusions(evaluation, _LIST_LENGTH)
    ]
    notes = [f"The most frequent confusions; the matrix of {size} classes is wider than {width} columns."]
    return _Block("Confusions", ("True class", "Answer", "Texts"), rows, "<<>", notes=notes)
