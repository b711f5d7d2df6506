"""A worker: the model, loaded once, and one part after the other, each on the disk whole or not at all.

Both engines run this class. Nothing here is imported with NumPy, so that a process's threads are set before NumPy counts them.
"""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from peephole.files import as_json, json_line

if TYPE_CHECKING:
    from peephole.classifier import Classifier
    from peephole.scoring.chunks import Chunk
    from peephole.scoring.task import Receipt, Setup, Task

_CHARACTERS = 1 << 22  # of a block, at most about
JOB = "_job"


def share_the_machine(threads: int) -> dict[str, str]:
    """Return the variables by which a process's libraries use so many threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
    return {
        **dict.fromkeys(names, str(threads)),
        "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false",
        "OMP_WAIT_POLICY": "passive",
    }


class Worker:
    """Makes parts.

    Args:
        setup: what all tasks share.
        classifier: the model; None: it is loaded.
    """

    def __init__(self, setup: Setup, classifier: Classifier | None = None) -> None:
        from peephole.classifier import load
        from peephole.scoring.storage import store_of

        self.setup = setup
        self.classifier = load(setup.model) if classifier is None else classifier
        self._store = store_of(setup.folder)

    def score(self, task: Task) -> Receipt:
        """Make a part: its file, then the list of what could not be scored, then the receipt."""
        from peephole.ops import limit_threads
        from peephole.scoring.storage import join
        from peephole.scoring.task import part_name

        begun = time.monotonic()
        made = _Part(task, self.setup)
        path = join(self.setup.folder, part_name(task.part, self.setup.kind))
        chunks = made.listen(task.chunks(self.setup.reading))
        first = next(chunks, None)
        with limit_threads(self.setup.threads):
            if first is not None:
                with self._store.writing(path) as file:
                    self._write(made, first, chunks, file)
                    file.flush()
                    made.octets = file.tell()
        notes = join(self.setup.folder, JOB)
        if made.rejects:
            with self._store.writing(join(notes, f"part-{task.part:06d}.rejected.jsonl")) as file:
                file.writelines((json_line(reject._asdict()) + "\n").encode() for reject in made.rejects)
        receipt = made.receipt(time.monotonic() - begun)
        with self._store.writing(join(notes, f"part-{task.part:06d}.json")) as file:
            file.write(as_json(receipt.__dict__).encode())
        return receipt

    def _write(self, made: _Part, first: Chunk, rest: Iterator[Chunk], file: Any) -> None:
        from peephole.scoring.writers import writer_of

        writer = writer_of(self.setup.kind, file, self.setup.columns, self.setup.answers.names)
        for chunk in itertools.chain([first], rest):
            self._answer(made, chunk, writer)
        writer.close()

    def _answer(self, made: _Part, chunk: Chunk, writer: Any) -> None:
        import numpy as np

        from peephole.classifier.prediction import NEUTRAL, softmax

        classifier, answers, neutral = self.classifier, self.setup.answers, self.setup.neutral
        for rows in _blocks(chunk.texts):
            ids = classifier.tokenizer.encode_batch(chunk.texts[rows])
            chances = softmax(classifier.logits(ids), classifier.config.temperature)
            labels = [classifier.labels[index] for index in np.argmax(chances, axis=1)]
            if neutral:
                close = np.abs(chances[:, 0] - chances[:, 1]) < neutral
                labels = [NEUTRAL if near else label for label, near in zip(labels, close, strict=True)]
            columns: dict[str, Any] = {
                answers.label: labels,
                answers.probability: chances.max(axis=1).tolist(),
            }
            for index, name in enumerate(answers.probabilities):
                columns[name] = chances[:, index].tolist()
            writer.write(chunk.kept, rows, columns)
            made.rows += len(labels)
            made.tokens += sum(map(len, ids))
            made.labels.update(labels)


class _Part:
    """What is known of a part while it is made."""

    def __init__(self, task: Task, setup: Setup) -> None:
        self.task = task
        self.rows = self.octets = self.tokens = self.left_out = 0
        self.labels: Counter[str] = Counter()
        self.rejects: list[Any] = []
        self._columns = setup.columns
        self._unkept: dict[str, None] = {}

    def listen(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        """Note what is to be told of chunks, and yield those that hold texts."""
        for chunk in chunks:
            self.rejects += chunk.rejects
            self.left_out += chunk.left_out
            if isinstance(chunk.kept, dict):
                self._unkept.update(
                    dict.fromkeys(cast("dict[str, Any]", chunk.kept).keys() - self._columns.keys())
                )
            if chunk.texts:
                yield chunk

    def receipt(self, seconds: float) -> Receipt:
        """Return what was made."""
        from peephole.scoring.task import Receipt

        return Receipt(
            part=self.task.part,
            file=self.task.file.name,
            rows=self.rows,
            octets=self.octets,
            tokens=self.tokens,
            labels=dict(self.labels),
            left_out=self.left_out,
            rejected=dict(Counter(reject.reason for reject in self.rejects)),
            broken=any(reject.rest for reject in self.rejects),
            unkept=tuple(sorted(self._unkept)[:8]),
            weight=self.task.weight,
            seconds=round(seconds, 3),
        )


def _blocks(texts: list[str]) -> Iterator[slice]:
    from peephole.scoring.task import BLOCK

    start = size = 0
    for stop, text in enumerate(texts, start=1):
        size += len(text)
        if stop - start == BLOCK or size > _CHARACTERS or stop == len(texts):
            yield slice(start, stop)
            start, size = stop, 0


def alone(setup: Setup) -> None:
    """Make this process a worker: called once, in a process of its own."""
    global _worker
    os.environ.update(share_the_machine(setup.threads))
    _worker = Worker(setup)


def score_alone(task: Task) -> Receipt:
    """Make a part in the process that `alone` prepared."""
    assert _worker is not None
    return _worker.score(task)


_worker: Worker | None = None
