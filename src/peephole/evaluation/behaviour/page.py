"""What the behaviour suite says about a classifier, as a page of text."""

from __future__ import annotations

from peephole.evaluation.behaviour.judging import Behaviour, Capability, Failure, PassRate, neutral_rule
from peephole.evaluation.wording import interval_words, percent, printable, width_of, wrapped

_HEADER = ("Capability", "Passed", "Rate", "95 % interval", "Positive", "Negative")
_GAP = "  "


def behaviour_text(behaviour: Behaviour, *, verbose: bool = False, width: int = 80) -> str:
    """Return the pass rates as a table: one line for each capability, all together, and the neutral texts.

    Args:
        behaviour: what `judge_behaviour` returned.
        verbose: list the texts that were not passed, too.
        width: columns that may be used, at least 72.

    Returns:
        Lines joined by newlines, the last one without.
    """
    rows = [_HEADER, *(_row(capability) for capability in behaviour.capabilities)]
    rows.append(("all of these", *_figures(behaviour.overall), "", ""))
    if behaviour.neutral is not None:
        rows.append(_row(behaviour.neutral))
    lines = _table(rows)
    if behaviour.neutral is not None:
        rule = printable(neutral_rule(behaviour.polarity))
        lines += ["", *wrapped(f"A neutral text is passed if {rule}.", width)]
    if verbose:
        for name in dict.fromkeys(failure.capability for failure in behaviour.failures):
            lines += ["", f"Not passed: {name}"]
            for failure in behaviour.failures:
                if failure.capability == name:
                    lines += _failure(failure, width)
    return "\n".join(lines)


def _row(capability: Capability) -> tuple[str, ...]:
    parts = {rate.name: f"{rate.passed}/{rate.total}" for rate in capability.by_label}
    return (
        printable(capability.all.name),
        *_figures(capability.all),
        parts.get("positive", ""),
        parts.get("negative", ""),
    )


def _figures(rate: PassRate) -> tuple[str, str, str]:
    return f"{rate.passed}/{rate.total}", percent(rate.rate), interval_words(rate.interval)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(width_of(row[column]) for row in rows) for column in range(len(_HEADER))]
    lines: list[str] = []
    for row in rows:
        spaces = [" " * (size - width_of(cell)) for cell, size in zip(row, widths, strict=True)]
        first, *others = (
            cell + space if column == 0 else space + cell
            for column, (cell, space) in enumerate(zip(row, spaces, strict=True))
        )
        lines.append(_GAP.join((first, *others)).rstrip())
    return lines


def _failure(failure: Failure, width: int) -> list[str]:
    answer = f"{failure.predicted} {percent(failure.probability)}, should be {failure.label} ({failure.kind})"
    first, *more = (*wrapped(printable(failure.text), width - 4), *wrapped(printable(answer), width - 4))
    return [f"  - {first}", *(f"    {line}" for line in more)]
