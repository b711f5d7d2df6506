"""`score`: a job from the request to the summary."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from peephole.classifier import Classifier, load
from peephole.classifier.prediction import check_neutral
from peephole.classifier.shipped import find_model
from peephole.errors import DataError, OptionError
from peephole.reading.source import STDIN
from peephole.scoring.chunks import Reading
from peephole.scoring.columns import Answers, look_at
from peephole.scoring.identity import fingerprint, identity_of
from peephole.scoring.inputs import InputFile, find_inputs
from peephole.scoring.ledger import REJECTED, Ledger, folder_of, part_rows_before
from peephole.scoring.local import score_here, score_in_processes
from peephole.scoring.plan import tasks
from peephole.scoring.progress import Listener, Report
from peephole.scoring.request import PART_ROWS, ScoreRequest
from peephole.scoring.storage import is_address, join
from peephole.scoring.summary import Summary, rates, totals
from peephole.scoring.task import Receipt, Setup, Task


def score(request: ScoreRequest, listener: Listener | None = None) -> Summary:
    r"""Score all rows of the sources and write them with their answers, in order.

    Memory does not grow with the input. A job that was stopped, however, goes on when it is asked for again; one that is done
    does nothing. What cannot be scored is listed with file, row and reason, and the rest is scored.

    Args:
        request: what is asked.
        listener: hears how far the job is.

    Returns:
        What the job came to.

    Raises:
        DataError: a source is not there, none can be scored, or more rows were refused than are allowed.
        OptionError: the options do not go together, or the output holds something else.
        ModelError: the model cannot be used.
        MissingExtra: what an address, Parquet or Ray needs is not installed.
        WorkerLost: workers end again and again.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     texts = pathlib.Path(folder, "texts.csv")
        ...     _ = texts.write_text("id,text\n1,Great.\n2,Not good at all.\n")
        ...     done = score(ScoreRequest((str(texts),), f"{folder}/out.csv", workers=1))
        ...     print(done.rows, pathlib.Path(folder, "out.csv").read_text().split()[0])
        2 id,text,label,probability
    """
    listener = listener or Listener()
    begun = time.monotonic()
    request = _settled(request)
    files = find_inputs(request.sources, request.format)
    folder = find_model(request.model)
    classifier = load(folder)
    check_neutral(request.neutral, classifier.labels)
    reading = Reading(request.text_column, tuple(request.where.items()))
    columns, notes = look_at(files, reading)
    setup = _setup(request, folder, classifier, reading, columns)
    identity = identity_of(request, setup, files, fingerprint(folder))
    ledger = Ledger(request.output, setup, identity, restart=request.restart)
    try:
        if ledger.finished is not None:
            listener.note("all of it was scored before")
            return Summary.of_the_past(ledger.finished)
        earlier = list(ledger.receipts.values())
        if earlier and any(file.path == STDIN for file in files):
            raise OptionError(
                "predict: a job that reads standard input cannot go on", hint="--restart begins again"
            )
        for note in notes:
            listener.note(note)
        if earlier:
            rows = sum(receipt.rows for receipt in earlier)
            listener.note(f"going on: {rows:,} rows in {len(earlier):,} parts were scored before")
        with _engine(request, setup, files, classifier, set(ledger.receipts)) as (receipts, workers):
            new = _listen(request, files, ledger, receipts, listener)
        listener.stop()
        sums = totals(ledger.receipts.values())
        seconds = time.monotonic() - begun
        rows_a_second, tokens_a_second = rates(new, seconds)
        summary = Summary(
            output=request.output,
            **sums,
            rejects=join(setup.folder, REJECTED) if sums["rejected"] else None,
            earlier_parts=sum(1 for receipt in earlier if receipt.octets),
            earlier_rows=sum(receipt.rows for receipt in earlier),
            columns=[*setup.columns, *setup.answers.names],
            notes=notes,
            engine=request.engine,
            workers=workers,
            threads=request.threads,
            seconds=round(seconds, 3),
            rows_per_second=rows_a_second,
            tokens_per_second=tokens_a_second,
        )
        ledger.finish(summary.to_json())
        return summary
    finally:
        listener.stop()
        ledger.close()


def _listen(
    request: ScoreRequest,
    files: Sequence[InputFile],
    ledger: Ledger,
    receipts: Iterator[Receipt],
    listener: Listener,
) -> list[Receipt]:
    """Take receipts until there are no more; return those of this session."""
    new: list[Receipt] = []
    begun = time.monotonic()
    size = sum(file.size for file in files)
    known = all(file.size for file in files)
    rejected = sum(sum(receipt.rejected.values()) for receipt in ledger.receipts.values())
    done = float(sum(receipt.weight for receipt in ledger.receipts.values()))
    rows, before = sum(receipt.rows for receipt in ledger.receipts.values()), done
    _check_rejected(request, rejected)
    for receipt in receipts:
        ledger.add(receipt)
        new.append(receipt)
        rejected += sum(receipt.rejected.values())
        rows += receipt.rows
        done += receipt.weight
        seconds = time.monotonic() - begun
        share = min(done / size, 1.0) if known and size else None
        left = None
        if share is not None and done > before:
            left = seconds * (size - done) / (done - before)
        listener.report(Report(rows, share, *rates(new, seconds), left, rejected))
        _check_rejected(request, rejected)
    return new


def _check_rejected(request: ScoreRequest, rejected: int) -> None:
    if request.max_rejected is not None and rejected > request.max_rejected:
        raise DataError(
            f"predict: at most {request.max_rejected:,} rows may be refused (--max-rejected); got {rejected:,} so far",
            hint=f"they are listed below {join(folder_of(request.output, str(request.kind)), '_job')}; the same "
            "command with another limit goes on",
        )


@contextlib.contextmanager
def _engine(
    request: ScoreRequest,
    setup: Setup,
    files: Sequence[InputFile],
    classifier: Classifier,
    done: set[int],
) -> Generator[tuple[Iterator[Receipt], int], None, None]:
    """Yield the receipts of all tasks, as they are made, and the number of workers."""
    made: Iterator[Task] = tasks(files, setup.reading, request.part_rows or PART_ROWS, done)
    if request.engine == "ray":
        from peephole.scoring.distributed import room_on_ray, score_on_ray

        with (
            room_on_ray(request.address, request.workers, request.threads) as workers,
            contextlib.closing(score_on_ray(made, setup, workers, classifier)) as receipts,
        ):
            yield receipts, workers
        return
    workers = request.workers or max(_processors() // request.threads, 1)
    several = (
        score_here(made, setup, classifier) if workers == 1 else score_in_processes(made, setup, workers)
    )
    with contextlib.closing(several) as receipts:
        yield receipts, workers


def _setup(
    request: ScoreRequest, folder: Path, classifier: Classifier, reading: Reading, columns: dict[str, Any]
) -> Setup:
    kind = str(request.kind)
    return Setup(
        folder=folder_of(request.output, kind),
        kind=kind,
        columns=columns,
        answers=Answers.beside(columns, classifier.labels if request.probabilities else ()),
        model=str(folder.absolute()),
        reading=reading,
        neutral=request.neutral,
        threads=request.threads,
    )


def _settled(request: ScoreRequest) -> ScoreRequest:
    """Return the request with the size of a part, and with paths that mean the same to every process."""
    rows = request.part_rows or part_rows_before(folder_of(request.output, str(request.kind))) or PART_ROWS
    request = dataclasses.replace(request, part_rows=rows)
    if request.engine != "ray":
        return request

    def whole(path: str) -> str:
        return path if is_address(path) or path == STDIN or path.startswith("hf:") else os.path.abspath(path)  # noqa: PTH100

    return dataclasses.replace(
        request, sources=tuple(map(whole, request.sources)), output=whole(request.output)
    )


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
