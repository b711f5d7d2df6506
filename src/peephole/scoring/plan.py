"""From files to tasks: the same tasks whenever the files and the size of a part are the same.

Where there are many files, each is a task, and the workers read them. Few files, and very large ones, are read here, once and in
order, and cut: only whoever has read a CSV up to a row knows where the row begins.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from peephole.scoring.chunks import Reading, read_chunks
from peephole.scoring.inputs import FOLDER, HUB, InputFile
from peephole.scoring.task import Task

_MANY = 64  # files, from which on each is a task by itself, up to
_LARGE = 1 << 28  # so many bytes


def tasks(
    files: Sequence[InputFile], reading: Reading, part_rows: int, done: Container[int]
) -> Iterator[Task]:
    """Yield the tasks that are not done, in the order of the input, reading as they are asked for.

    Args:
        files: the input.
        reading: how it is read.
        part_rows: the most rows of a part that is cut here.
        done: numbers of parts.
    """
    part = 0
    whole = _LARGE if len(files) >= _MANY else -1
    for file in files:
        if file.again and file.format not in (HUB, FOLDER) and file.size <= whole:
            if part not in done:
                yield Task(part, file, None, file.size)
            part += 1
            continue
        reached = counted = 0

        def tell(at: int) -> None:
            nonlocal reached
            reached = max(reached, at)

        for chunk in read_chunks(file, reading, part_rows, tell):
            if part not in done:
                yield Task(part, file, chunk, reached - counted)
            counted = reached
            part += 1
