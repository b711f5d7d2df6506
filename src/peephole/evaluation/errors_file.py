"""The misjudged texts: which they are, and a CSV or JSONL file of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from peephole.errors import OptionError, ShapeError, nearest
from peephole.evaluation.checks import check_file_path, check_names, check_scores
from peephole.files import replacing

COLUMNS = ("text", "label", "predicted", "probability")
FORMATS = (".csv", ".jsonl")

FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
"""A spreadsheet may run a cell that begins with one of these (the wide forms in East Asian editions)."""

# JSON allows them inside a string, but many programs take them for the end of the line.
_LINE_ENDS = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\u0085\u2028\u2029"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One misjudged text.

    Args:
        text: the text as it was given.
        label: the class it has.
        predicted: the class it was given.
        probability: of the class it was given, in [0, 1].
    """

    text: str
    label: str
    predicted: str
    probability: float


def find_mistakes(
    texts: Sequence[str], probabilities: npt.ArrayLike, labels: npt.ArrayLike, names: Sequence[str]
) -> list[Mistake]:
    """Return the misjudged texts, the most confident mistake first; equals keep their order.

    Args:
        texts: N texts.
        probabilities: `[N, C]`, as for `evaluate`.
        labels: true classes `[N]`, in [0, C).
        names: the C class names.

    Raises:
        ShapeError, DataError, OptionError: as `evaluate`; `ShapeError` also when there are not N texts.

    >>> find_mistakes(["fine", "dull"], [[0.3, 0.7], [0.1, 0.9]], [1, 0], ["negative", "positive"])
    [Mistake(text='dull', label='negative', predicted='positive', probability=0.9)]
    """
    where = "find_mistakes"
    classes = check_names(where, names)
    values, truth = check_scores(where, "probabilities", probabilities, labels, classes=len(classes))
    if len(texts) != len(truth):
        raise ShapeError(
            f"{where}: texts must be [N] = [{len(truth)}], one per row of probabilities; got [{len(texts)}]"
        )
    predicted = values.argmax(axis=1)
    confidence = values.max(axis=1)
    wrong = np.flatnonzero(predicted != truth)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")]
    return [
        Mistake(texts[int(i)], classes[truth[i]], classes[predicted[i]], float(confidence[i])) for i in wrong
    ]


def write_errors(
    path: str | os.PathLike[str], mistakes: Iterable[Mistake], *, columns: Sequence[str] = COLUMNS
) -> int:
    r"""Write misjudged texts to a file with the columns text, label, predicted, probability.

    ``.jsonl`` is for programs: every text exactly as it was, one object per line. ``.csv`` is for people,
    and people open it in a spreadsheet, which would *run* a review that begins with ``=``, ``+``, ``-``,
    ``@`` (or their wide forms), a tab or a line end. Such cells get an apostrophe in front, which
    spreadsheets take as "this is text"; all other cells are exact. Text is UTF-8; the file appears whole
    or not at all.

    Args:
        path: ends in ``.csv`` or ``.jsonl`` (any case). An existing file is replaced.
        mistakes: written in the order they come in, one at a time.
        columns: the attributes to write, each a text or a number; mistakes of a richer kind have more.

    Returns:
        How many were written. None at all gives a CSV file of the header only, or an empty JSONL file.

    Raises:
        OptionError: as `check_errors_path`.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "errors.csv")
    ...     written = write_errors(file, [Mistake("=1+1, fun", "negative", "positive", 0.875)])
    ...     lines = file.read_text("utf-8").split("\n")
    >>> lines[1]
    '"\'=1+1, fun","negative","positive",0.875'
    """
    check_errors_path(path)
    written = 0
    with replacing(os.fspath(path), path) as file:
        if _ending(path) == ".jsonl":
            for mistake in mistakes:
                values = {column: getattr(mistake, column) for column in columns}
                line = json.dumps(values, ensure_ascii=False, allow_nan=False)
                file.write(line.translate(_LINE_ENDS) + "\n")
                written += 1
        else:
            file.write(_csv_line(columns))
            for mistake in mistakes:
                cells = (getattr(mistake, column) for column in columns)
                file.write(
                    _csv_line(
                        defused(cell) if isinstance(cell, str) else round(float(cell), 6) for cell in cells
                    )
                )
                written += 1
    return written


def _csv_line(cells: Iterable[str | float]) -> str:
    r"""Return cells as a line, texts always in quotes.

    The csv module forgets those around a lone carriage return, and writes no NUL before Python 3.11.

    >>> _csv_line(['a "b",', "", 0.5])
    '"a ""b"",","",0.5\n'
    """
    quoted = (
        f'"{cell.replace(chr(34), chr(34) * 2)}"' if isinstance(cell, str) else repr(cell) for cell in cells
    )
    return ",".join(quoted) + "\n"


def check_errors_path(path: str | os.PathLike[str]) -> None:
    """Refuse a path that `write_errors` cannot write to: to be called before the work whose mistakes it is for.

    Raises:
        OptionError: the ending is neither ``.csv`` nor ``.jsonl``, the folder does not exist, or `path` is a folder.

    >>> check_errors_path("wrong.txt")
    Traceback (most recent call last):
    peephole.errors.OptionError: wrong.txt: the file's ending must be .csv or .jsonl; got '.txt'
    """
    ending = _ending(path)
    if ending not in FORMATS:
        offer = nearest(ending, FORMATS)
        raise OptionError(
            f"{os.fspath(path)}: the file's ending must be {' or '.join(FORMATS)}; got {ending!r}{offer}"
        )
    check_file_path(path)


def _ending(path: str | os.PathLike[str]) -> str:
    return Path(path).suffix.lower()


def defused(cell: str) -> str:
    """Return `cell` with an apostrophe in front if a spreadsheet might run it, else as it is."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
