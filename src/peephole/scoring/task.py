"""What a worker is told, what it is given, and what it gives back. All of it can be pickled."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from peephole.scoring.chunks import AnyChunk, Chunk, Reading, read_chunks
from peephole.scoring.columns import Answers
from peephole.scoring.inputs import InputFile

BLOCK = 4096  # texts that are cut into tokens and run together, those of like length side by side


@dataclasses.dataclass(frozen=True)
class Setup:
    """What all tasks of a job share.

    Attributes:
        folder: where parts and receipts go.
        kind: of the parts: ``"parquet"``, ``"jsonl"`` or ``"csv"``.
        columns: name → type, as `look_at` returns them.
        answers: the columns beside them.
        model: its folder.
        reading: how files are read.
        neutral: as `Classifier.predict` takes it.
        threads: of a worker.
    """

    folder: str
    kind: str
    columns: Mapping[str, Any]
    answers: Answers
    model: str
    reading: Reading
    neutral: float
    threads: int


@dataclasses.dataclass
class Task:
    """A part to make.

    Attributes:
        part: its number, from 0, in the order of the input.
        file: the one that its rows are from.
        chunk: its rows, where they were read already; None: the whole file, which the worker reads by itself.
        weight: bytes of the input, as stored, that are done when it is.
    """

    part: int
    file: InputFile
    chunk: AnyChunk | None
    weight: float

    def chunks(self, reading: Reading) -> Iterator[Chunk]:
        """Yield the rows."""
        for chunk in read_chunks(self.file, reading, BLOCK) if self.chunk is None else [self.chunk]:
            yield chunk.examined(reading)


@dataclasses.dataclass(frozen=True)
class Receipt:
    """What was made.

    Attributes:
        part: as the task's.
        file: name of the input.
        rows: scored, in number: those of the part's file.
        octets: size of the part's file; 0: no row could be scored, and there is none.
        tokens: read by the model.
        labels: answer → how many rows have it.
        left_out: rows that `where` left out.
        rejected: reason → how many rows, or rests of files, were refused for it.
        broken: whether the input file could not be read to its end.
        unkept: columns that no row at the head of their file had, and that are not in the output.
        weight: as the task's.
        seconds: that it took.
    """

    part: int
    file: str
    rows: int
    octets: int
    tokens: int
    labels: Mapping[str, int]
    left_out: int
    rejected: Mapping[str, int]
    broken: bool
    unkept: tuple[str, ...]
    weight: float
    seconds: float


def part_name(part: int, kind: str) -> str:
    """Return the name of a part's file; names stand in the order of the parts, up to a million of them.

    >>> part_name(12, "parquet")
    'part-000012.parquet'
    """
    return f"part-{part:06d}.{kind}"
