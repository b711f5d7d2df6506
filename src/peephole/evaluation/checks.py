"""What the numbers given to this room must be, checked in one place: shapes first, then values, all at once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from peephole.errors import DataError, OptionError, PeepholeError, ShapeError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

SUM_TOLERANCE = 1e-3
"""How far a row of probabilities may be from summing to 1: float16 rounding passes, logits do not."""

LOGIT_LIMIT = 1e100
"""Logits this large or larger are refused: their differences may overflow. Every finite float32 passes."""


def raise_problems(where: str, kind: type[PeepholeError], problems: Sequence[str]) -> None:
    """Raise `kind` with every problem of the list; do nothing when the list is empty."""
    if len(problems) == 1:
        raise kind(f"{where}: {problems[0]}")
    if problems:
        raise kind("\n".join([f"{where}: {len(problems)} problems", *(f"  {line}" for line in problems)]))


def rows_of(mask: Mask | np.bool_) -> str:
    """Name the first rows of a mask: ``"row 3"``, ``"rows 3, 5 and 9"``, ``"rows 0, 1, 2 … (40 in all)"``."""
    rows = [str(row) for row in np.flatnonzero(mask)]
    if len(rows) == 1:
        return f"row {rows[0]}"
    if len(rows) <= 5:
        return f"rows {', '.join(rows[:-1])} and {rows[-1]}"
    return f"rows {', '.join(rows[:5])} … ({len(rows)} in all)"


def as_floats(where: str, name: str, axes: str, value: npt.ArrayLike) -> Floats:
    """Convert to float64, or raise `ShapeError` for what is not a rectangular array of numbers."""
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"{where}: {name} must be {axes} of numbers; got {error}") from error


def as_integers(where: str, name: str, value: npt.ArrayLike) -> Ints:
    """Convert to int64, or raise: `ShapeError` for a ragged list, `OptionError` for fractions and words."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"{where}: {name} must be [N] of integers; got {error}") from error
    if array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise OptionError(f"{where}: {name} must be integers; got an array of {array.dtype}")
    return array.astype(np.int64)


def check_names(where: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the class names, or raise `OptionError`: text, at least two, no name twice."""
    if isinstance(names, str):
        raise OptionError(f"{where}: names must be a sequence of class names; got the one text {names!r}")
    given: list[object] = list(names)
    problems = [
        f"names must be text; got {name!r} as class {i}"
        for i, name in enumerate(given)
        if type(name) is not str
    ]
    counts = Counter(name for name in given if isinstance(name, str))
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        problems.append(f"names must differ; got {', '.join(map(repr, twice))} more than once")
    if len(given) < 2:
        problems.append(f"names must hold at least two classes; got {len(given)}")
    raise_problems(where, OptionError, problems)
    return tuple(names)


def check_file_path(path: str | os.PathLike[str]) -> None:
    """Raise `OptionError` unless a file could be written at `path`: it is no folder, and its folder exists."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise OptionError(f"{os.fspath(path)}: must be the path of a file; got a folder")
    if not target.parent.is_dir():
        raise OptionError(
            f"{os.fspath(path)}: the file's folder must exist; got no folder {str(target.parent)!r}",
            hint="create it first",
        )


def check_scores(
    where: str,
    kind: Literal["probabilities", "logits"],
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    classes: int | None = None,
) -> tuple[Floats, Ints]:
    """Return `scores` `[N, C]` as float64 and `labels` `[N]` as int64, or raise with every problem.

    Args:
        where: the caller's name, first in the message.
        kind: what `scores` are: probabilities must be in [0, 1] and sum to 1 by row (within 0.001),
            logits must be finite and below 1e100 in size.
        scores: one row per text, one column per class, C >= 2.
        labels: the true class of each text, in [0, C).
        classes: the C that is expected; None takes it from `scores`.

    Raises:
        ShapeError: the axes of `scores` and `labels` disagree with each other or with `classes`.
        DataError: there is no text (N = 0).
        OptionError: a value is out of range; every rule that is broken is listed, with the rows.
    """
    values = as_floats(where, kind, "[N, C]", scores)
    truth = as_integers(where, "labels", labels)
    shapes: list[str] = []
    if values.ndim != 2:
        shapes.append(f"{kind} must be [N, C]; got {list(values.shape)}")
    elif classes is not None and values.shape[1] != classes:
        shapes.append(f"{kind} must be [N, C] with C = {classes} class names; got {list(values.shape)}")
    elif values.shape[1] < 2:
        shapes.append(f"{kind} must be [N, C] with C of at least 2; got {list(values.shape)}")
    if truth.ndim != 1 or (values.ndim == 2 and len(truth) != len(values)):
        expected = f"[N] = [{len(values)}], one per row of {kind}" if values.ndim == 2 else "[N]"
        shapes.append(f"labels must be {expected}; got {list(truth.shape)}")
    raise_problems(where, ShapeError, shapes)
    if len(values) == 0:
        raise DataError(
            f"{where}: there must be at least one labelled text; got none",
            hint="check that the file is not empty and that its label column is filled",
        )
    problems = _probability_problems(values) if kind == "probabilities" else _logit_problems(values)
    stray = (truth < 0) | (truth >= values.shape[1])
    if stray.any():
        problems.append(
            f"labels must be in [0, {values.shape[1]}); got {truth[stray][0]} and the like in {rows_of(stray)}"
            if stray.sum() > 1
            else f"labels must be in [0, {values.shape[1]}); got {truth[stray][0]} in {rows_of(stray)}"
        )
    raise_problems(where, OptionError, problems)
    return values, truth


def _probability_problems(values: Floats) -> list[str]:
    problems: list[str] = []
    strange = ~np.isfinite(values).all(axis=1)
    if strange.any():
        problems.append(f"probabilities must be finite; got {_bad(values[strange][0])} in {rows_of(strange)}")
    negative = ~strange & (values < 0).any(axis=1)
    if negative.any():
        lowest = float(values[negative][0].min())
        problems.append(f"probabilities must be in [0, 1]; got {lowest:.6g} in {rows_of(negative)}")
    sums = values.sum(axis=1)
    off = ~strange & ~negative & (np.abs(sums - 1) > SUM_TOLERANCE)
    if off.any():
        total = float(sums[off][0])
        problems.append(f"probabilities must sum to 1 in every row; got {total:.6g} in {rows_of(off)}")
    return problems


def _logit_problems(values: Floats) -> list[str]:
    strange = ~(np.abs(values) < LOGIT_LIMIT).all(axis=1)
    if not strange.any():
        return []
    return [
        f"logits must be finite and below 1e100 in size; got {_bad(values[strange][0])} in {rows_of(strange)}"
    ]


def _bad(row: Floats) -> str:
    """Return the first value of a row that is not an ordinary number, as text."""
    return str(float(row[~(np.abs(row) < LOGIT_LIMIT)][0]))
