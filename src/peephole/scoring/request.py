"""What is asked of a job, checked before anything is opened."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from peephole.errors import OptionError, check_choice

ENGINES = ("local", "ray")
PART_ROWS = 20_000
FORMATS = {".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}


@dataclasses.dataclass(frozen=True)
class ScoreRequest:
    """Texts to score, and where the answers go.

    Args:
        sources: files, folders of tables, patterns, ``hf:NAME``, ``-``, and addresses such as ``s3://bucket/texts/*.csv``.
        output: ``OUT.parquet``, which becomes a folder of Parquet files; ``OUT.jsonl`` or ``OUT.csv``, one file. An address
            likewise.
        model: as `peephole.load` takes it.
        engine: ``"local"``: processes of this machine. ``"ray"``: actors of a Ray cluster.
        address: of the Ray cluster, as `ray.init` takes it; None: a cluster of this machine alone, for this job.
        workers: processes that score, at least 1; None: as many as there are processors for.
        threads: of each, at least 1.
        probabilities: whether each label's probability gets a column.
        neutral: as `Classifier.predict` takes it.
        text_column: None: found by its usual name.
        where: column → the value that a row must have there.
        format: of all sources, one of `reading.FORMATS`; None: as their names tell.
        part_rows: the most rows of a part, at least 1: what a worker takes at a time, and what is lost of its work when it dies.
            None: as the job that goes on has it, or `PART_ROWS`. Where there are 64 files or more, each is a part.
        max_rejected: how many rows, and files that break off, may be left out before the job stops; None: any number.
        restart: whether to begin again where the output holds another job's answers.

    Raises:
        OptionError: an option is out of range, or two of them do not go together.
    """

    sources: tuple[str, ...]
    output: str
    model: str | None = None
    engine: str = "local"
    address: str | None = None
    workers: int | None = None
    threads: int = 1
    probabilities: bool = False
    neutral: float = 0.0
    text_column: str | None = None
    where: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])
    format: str | None = None
    part_rows: int | None = None
    max_rejected: int | None = None
    restart: bool = False

    def __post_init__(self) -> None:
        check_choice("predict", "engine", self.engine, ENGINES)
        if not self.sources:
            raise OptionError("predict: sources must name at least one file or folder; got none")
        for name, least in (("workers", 1), ("threads", 1), ("part_rows", 1), ("max_rejected", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise OptionError(f"predict: {name} must be at least {least}; got {value}")
        if self.address is not None and self.engine != "ray":
            raise OptionError(
                f"predict: address is for engine='ray'; got {self.address!r} with {self.engine!r}"
            )
        if self.kind is None:
            raise OptionError(
                f"predict: the output's name must end in {', '.join(FORMATS)}; got {self.output!r}",
                hint="OUT.parquet becomes a folder of Parquet files, OUT.jsonl or OUT.csv one file",
            )

    @property
    def kind(self) -> str | None:
        """The output's format: ``"parquet"``, ``"jsonl"`` or ``"csv"``; None: its name tells none."""
        name = self.output.rstrip("/").lower()
        return next((kind for ending, kind in FORMATS.items() if name.endswith(ending)), None)
