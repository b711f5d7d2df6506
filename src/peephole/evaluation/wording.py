"""How numbers and names are written for people, in the terminal and on the page alike."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

from peephole.evaluation.evaluation import Evaluation, LengthBin
from peephole.evaluation.metrics import Interval

MISSING = "–"
"""Stands for a number that is undefined."""


def percent(share: float | None) -> str:
    """Write a share in [0, 1] in percent, with one decimal: ``0.9194`` as ``"91.9 %"``; None as ``"–"``.

    What is not quite all is never written as all: 0.9999 is ``"99.9 %"``.
    """
    if share is None:
        return MISSING
    tenths = round(share * 1000)
    if tenths == 1000 and share < 1:
        tenths = 999
    return f"{tenths / 10:.1f} %"


def interval_words(interval: Interval) -> str:
    """Write an interval of shares: ``"91.2 to 92.6 %"``."""
    return f"{percent(interval.low).removesuffix(' %')} to {percent(interval.high)}"


def tokens_words(bin: LengthBin) -> str:
    """Write the edges of a length bin: ``"9–16"``."""
    return f"{bin.low:,}–{bin.high:,}"


def headline(evaluation: Evaluation, *, name_width: int) -> list[tuple[str, str, str]]:
    """Return the figures of the whole as ``(name, value, explanation)``, most important first.

    Args:
        evaluation: what `evaluate` returned.
        name_width: columns that a class name may take.
    """
    rows = [
        (
            "Accuracy",
            percent(evaluation.accuracy),
            f"{evaluation.correct:,} of {evaluation.n:,}; "
            f"95 % interval {interval_words(evaluation.interval)}",
        ),
        (
            "Baseline",
            percent(evaluation.baseline),
            f"accuracy of always answering {short(evaluation.largest_class.name, name_width)}",
        ),
        ("Macro-F1", percent(evaluation.macro_f1), "mean of the classes' F1, however rare the class"),
    ]
    if len(evaluation.names) == 2:
        explanation = "how often two texts of different class are in order"
        if evaluation.roc_auc is None:
            rows.append(("ROC-AUC", MISSING, "needs texts of both classes"))
        else:
            rows.append(("ROC-AUC", f"{evaluation.roc_auc:.3f}", explanation))
    rows.append(("Log-loss", f"{evaluation.log_loss:.3f}", "nats per text; smaller is better"))
    rows.append(
        (
            "Calibration error",
            percent(evaluation.calibration_error),
            "how far stated probabilities are off, on average",
        )
    )
    if evaluation.cross_fitted_calibration_error is not None:
        rows.append(
            (
                "Cross-fitted error",
                percent(evaluation.cross_fitted_calibration_error),
                "temperature from one half, measured on the other",
            )
        )
    return rows


def confusions(evaluation: Evaluation, at_most: int) -> list[tuple[str, str, int]]:
    """Return the most frequent confusions as ``(true class, predicted class, texts)``."""
    found = [
        (true, predicted, evaluation.confusion[i][j])
        for i, true in enumerate(evaluation.names)
        for j, predicted in enumerate(evaluation.names)
        if i != j and evaluation.confusion[i][j]
    ]
    return sorted(found, key=lambda confusion: -confusion[2])[:at_most]


def printable(text: str) -> str:
    """Return `text` on one line, without what steers a terminal or turns the reading direction.

    Control and format characters, lone surrogates and line ends become ``�``; a class name from a stranger's
    file could otherwise recolour, move or erase what stands around it.
    """
    return "".join("�" if unicodedata.category(mark) in _STEERING else mark for mark in text)


_STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def width_of(text: str) -> int:
    """Return how many columns of a terminal `text` takes: wide East Asian letters two, combining marks none."""
    return sum(
        0 if unicodedata.combining(mark) else 2 if unicodedata.east_asian_width(mark) in "WF" else 1
        for mark in text
    )


def wrapped(text: str, width: int) -> list[str]:
    """Break `text` into lines of at most `width` columns, at spaces; a word that is longer is cut."""
    lines: list[str] = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if width_of(joined) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for mark in word:
            if width_of(lines[-1] + mark) > width:
                lines.append("")
            lines[-1] += mark
    return lines


def short(name: str, width: int) -> str:
    """Return a printable `name` in at most `width` columns (at least 1), cut with ``…``."""
    name = printable(name)
    if width_of(name) <= width:
        return name
    while name and width_of(name) > width - 1:
        name = name[:-1]
    return name + "…"


def short_names(names: Sequence[str], width: int) -> list[str]:
    """Return printable names of at most `width` columns that still differ: all those that clash get their number."""
    cut = [short(name, width) for name in names]
    counts = Counter(cut)
    for index, name in enumerate(cut):
        if counts[name] > 1:
            tail = f"…{index + 1}"
            cut[index] = short(names[index], max(1, width - len(tail))).rstrip("…") + tail
    return cut
