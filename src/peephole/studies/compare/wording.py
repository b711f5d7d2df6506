"""How the numbers of a comparison are written, in the terminal and on the page alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from peephole.evaluation.wording import MISSING, percent
from peephole.studies.bench.table import Table, number

Contender = Mapping[str, Any]
Document = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A column of the table.

    Attributes:
        heading: of it.
        value: contender → the value in words, and a smaller line below it, or ``""``.
    """

    heading: str
    value: Callable[[Contender], tuple[str, str]]


def columns(document: Document) -> list[Column]:
    """Return the columns that a document has something for."""
    subject = document["subject"]
    if subject["kind"] == "task":
        found = [
            Column("solved", _solved),
            Column("right, median", _right),
            Column("sequences until solved", _sequences),
        ]
        further = {name for c in document["contenders"] for name in (c["score"] or {}).get("further", ())}
        if "counts_to" in further:
            found.append(Column("counts to", _counts))
        if "symbols_right" in further:
            found.append(Column("symbols right", _symbols))
        found.append(Column(f"loss; chance {subject['chance']:.3g}", _loss))
    else:
        found = [
            Column("accuracy", _accuracy),
            Column("less the LSTM", _less),
            Column("log-loss", _log_loss),
            Column("minutes", _minutes),
        ]
    return [
        *found,
        Column("parameters", lambda c: (f"{c['parameters']:,}", f"{c['hidden_size']:,} units")),
        Column("ms for 1,000 steps", _cost),
        Column("gradient half-life", _gradient),
        Column("memory half-life", _memory),
    ]


def table(document: Document) -> Table:
    """Return the table for a terminal: the smaller lines stand in brackets."""
    chosen = columns(document)
    rows: list[tuple[str, ...]] = []
    for contender in document["contenders"]:
        values = [column.value(contender) for column in chosen]
        rows.append((contender["title"], *(f"{big} ({small})" if small else big for big, small in values)))
    return Table(title(document), ("<", *(column.heading for column in chosen)), tuple(rows))


def title(document: Document) -> str:
    """Return the heading of a comparison."""
    subject = document["subject"]
    if subject["kind"] == "task":
        variant = f" ({subject['variant']})" if len(subject["variants"]) > 1 else ""
        return f"{subject['title']}{variant}, length {subject['length']:,}"
    return f"Cells compared on {subject['title']}"


def steps(value: float | None, *, known: bool = True) -> str:
    """Write a number of steps; None of a known quantity is one without end.

    >>> steps(12.34), steps(None), steps(None, known=False)
    ('12.3', '∞', '–')
    """
    if value is None:
        return "∞" if known else MISSING
    return number(value)


def _score(contender: Contender) -> Mapping[str, Any]:
    return contender["score"] or {}


def _solved(contender: Contender) -> tuple[str, str]:
    score = _score(contender)
    if not score:
        return MISSING, ""
    low, high = score["solved_interval"]
    return f"{score['solved']} of {len(contender['runs'])}", f"{100 * low:.0f} to {percent(high)}"


def _right(contender: Contender) -> tuple[str, str]:
    score = _score(contender)
    if not score:
        return MISSING, ""
    low, high = score["right_range"]
    return percent(score["right"]), f"{percent(low).removesuffix(' %')} to {percent(high)}"


def _sequences(contender: Contender) -> tuple[str, str]:
    sequences = _score(contender).get("sequences")
    return (MISSING if sequences is None else f"{sequences:,.0f}"), ""


def _counts(contender: Contender) -> tuple[str, str]:
    further = _score(contender).get("further") or {}
    if "counts_to" not in further:
        return MISSING, ""
    reach, tried = further["counts_to"], further["counts_to_tried"]
    return (f"{reach:,.0f}" if reach < tried else f"at least {tried:,.0f}"), ""


def _symbols(contender: Contender) -> tuple[str, str]:
    return percent((_score(contender).get("further") or {}).get("symbols_right")), ""


def _loss(contender: Contender) -> tuple[str, str]:
    loss = _score(contender).get("loss")
    return (MISSING if loss is None else f"{loss:.2g}"), ""


def _accuracy(contender: Contender) -> tuple[str, str]:
    score = _score(contender)
    if "accuracy" not in score:
        return (MISSING if not score else "diverged"), ""
    low, high = score["accuracy"]["interval"]
    return percent(score["accuracy"]["value"]), f"{100 * low:.1f} to {percent(high)}"


def _less(contender: Contender) -> tuple[str, str]:
    less = _score(contender).get("less_reference")
    if not less:
        return MISSING, ""
    found = less["accuracy"]
    low, high = found["interval"]
    chance = "" if found["p"] is None else f", p {found['p']:.2g}"
    return f"{100 * found['value']:+.1f}", f"{100 * low:+.1f} to {100 * high:+.1f}{chance}"


def _log_loss(contender: Contender) -> tuple[str, str]:
    score = _score(contender)
    return (f"{score['log_loss']['value']:.3f}" if "log_loss" in score else MISSING), ""


def _minutes(contender: Contender) -> tuple[str, str]:
    minutes = _score(contender).get("minutes")
    return (MISSING if minutes is None else number(minutes)), ""


def _cost(contender: Contender) -> tuple[str, str]:
    cost = contender["milliseconds"]
    if not cost:
        return MISSING, ""
    return number(cost["training"]), f"{number(cost['inference'])} inference"


def _gradient(contender: Contender) -> tuple[str, str]:
    after = steps(contender["gradient_half_life"], known=len(contender["survival"]) > 1)
    if len(contender["survival_at_start"]) < 2:
        return after, ""
    return after, f"{steps(contender['gradient_half_life_at_start'])} untrained"


def _memory(contender: Contender) -> tuple[str, str]:
    lives = contender["memory_half_lives"]
    if not contender["runs"]:
        return MISSING, ""
    if not lives:
        return "no gate", ""
    return steps(lives[len(lives) // 2]), f"{steps(lives[-2])} in the longest 5 %"
