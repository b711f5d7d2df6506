"""What a job came to."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from peephole.scoring.task import Receipt


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a job came to, earlier sessions included; rates are those of this session.

    Attributes:
        output: as it was given.
        rows: scored and written, in number.
        tokens: read by the model.
        labels: answer → how many rows have it.
        rejected: reason → how many rows, or rests of files, could not be scored.
        rejects: the file that lists them; None: there are none.
        broken: files that could not be read to their end.
        left_out: rows that a condition left out.
        parts: made, in number.
        earlier_parts: of these, made by earlier sessions.
        earlier_rows: rows in them.
        columns: of the output.
        unkept: columns that appear late in a file and are not in the output.
        notes: what else is to be known.
        engine: ``"local"`` or ``"ray"``.
        workers: processes that scored.
        threads: of each.
        seconds: of this session.
        rows_per_second: of this session.
        tokens_per_second: likewise.
    """

    output: str
    rows: int
    tokens: int
    labels: dict[str, int]
    rejected: dict[str, int]
    rejects: str | None
    broken: list[str]
    left_out: int
    parts: int
    earlier_parts: int
    earlier_rows: int
    columns: list[str]
    unkept: list[str]
    notes: list[str]
    engine: str
    workers: int
    threads: int
    seconds: float
    rows_per_second: float
    tokens_per_second: float

    @staticmethod
    def of_the_past(document: dict[str, Any]) -> Summary:
        """Return that of a job that was done by another session, from its plain values."""
        return dataclasses.replace(
            Summary(**document), seconds=0.0, rows_per_second=0.0, tokens_per_second=0.0
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return dataclasses.asdict(self)

    def text(self) -> str:
        """Return it for a person, a few lines."""
        lines = [f"{self.output}: {self.rows:,} rows in {self.parts:,} part{'s' if self.parts != 1 else ''}"]
        if self.earlier_parts:
            lines[0] += f", {self.earlier_rows:,} of them from an earlier session"
        width = max((len(label) for label in self.labels), default=0)
        for label, count in sorted(self.labels.items(), key=lambda item: -item[1]):
            lines.append(f"  {label:<{width}}  {count:>13,}  {100 * count / self.rows:5.1f} %")
        if self.left_out:
            lines.append(f"left out by conditions: {self.left_out:,} rows")
        if self.rejected:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.rejected.items())
            lines.append(f"not scored: {reasons}; each with its place in {self.rejects}")
        if self.unkept:
            lines.append(
                f"columns not kept, since no row at the head of a file has them: {', '.join(self.unkept)}"
            )
        if self.seconds:
            who = f"{self.workers} worker{'s' if self.workers != 1 else ''}"
            rate = f"{self.rows_per_second:,.0f} rows, {self.tokens_per_second:,.0f} tokens a second"
            lines.append(f"{duration(self.seconds)}: {rate}, {who}")
        return "\n".join(lines)


def totals(receipts: Iterable[Receipt]) -> dict[str, Any]:
    """Return the fields of `Summary` that receipts add up to."""
    listed = sorted(receipts, key=lambda receipt: receipt.part)
    labels: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    for receipt in listed:
        labels.update(receipt.labels)
        rejected.update(receipt.rejected)
    return {
        "rows": sum(receipt.rows for receipt in listed),
        "tokens": sum(receipt.tokens for receipt in listed),
        "labels": dict(labels),
        "rejected": dict(rejected),
        "broken": list(dict.fromkeys(receipt.file for receipt in listed if receipt.broken)),
        "left_out": sum(receipt.left_out for receipt in listed),
        "parts": sum(1 for receipt in listed if receipt.octets),
        "unkept": list(dict.fromkeys(name for receipt in listed for name in receipt.unkept)),
    }


def rates(new: Sequence[Receipt], seconds: float) -> tuple[float, float]:
    """Return rows and tokens a second of a session."""
    span = max(seconds, 1e-9)
    rows, tokens = sum(receipt.rows for receipt in new), sum(receipt.tokens for receipt in new)
    return round(rows / span, 1), round(tokens / span, 1)


def duration(seconds: float) -> str:
    """Return a span of time for a reader.

    >>> [duration(seconds) for seconds in (0.42, 7.2, 200, 7300)]
    ['0.4 s', '7 s', '3 min 20 s', '2 h 1 min']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 5 else f"{whole} s"
    return (
        f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
    )
