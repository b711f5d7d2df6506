"""What a search is asked for, and where it writes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from peephole.errors import OptionError, nearest
from peephole.studies.tune.space import Dimension
from peephole.studies.tune.study import JOURNAL

DOCUMENT, PAGE, BEST, MODEL, PRESENT = "tune.json", "report.html", "best.json", "model", ".trial"
_OURS = (DOCUMENT, PAGE, BEST, MODEL, JOURNAL)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What is searched, and for how long.

    Attributes:
        space: the settings, at least one.
        trials: how many, those of earlier sessions included; at least 1.
        seed: of what is tried, at least 0; the recipe's own seed stays.
        output: folder of the document, the page, the best recipe and its model.
        time_budget: stop after so many seconds, above 0; None: when all trials have ended.
        command: what was typed.
        engine: ``"local"``: one trial after the other, here; ``"ray"``: side by side on the workers of a Ray cluster.
        address: of the cluster, as `ray.init` takes it; None: one of this machine, for this search.
        workers: most trials side by side, at least 1; None: as many as the cluster has processors, or GPUs.
        cpu: do not use GPUs.

    Raises:
        OptionError: something is out of range; all problems at once.
    """

    space: tuple[Dimension, ...]
    trials: int
    seed: int
    output: Path
    time_budget: float | None = None
    command: str = ""
    engine: str = "local"
    address: str | None = None
    workers: int | None = None
    cpu: bool = False

    def __post_init__(self) -> None:
        problems: list[str] = []
        if not self.space:
            problems.append("space must name at least one setting; got none")
        if self.trials < 1:
            problems.append(f"trials must be at least 1; got {self.trials}")
        if self.seed < 0:
            problems.append(f"seed must be at least 0; got {self.seed}")
        if self.time_budget is not None and not self.time_budget > 0:
            problems.append(f"time_budget must be above 0 seconds; got {self.time_budget!r}")
        if self.engine not in ("local", "ray"):
            problems.append(
                f"engine must be 'local' or 'ray'; got {self.engine!r}{nearest(self.engine, ('local', 'ray'))}"
            )
        if self.workers is not None and self.workers < 1:
            problems.append(f"workers must be at least 1; got {self.workers}")
        if self.engine == "local":
            given = [name for name in ("address", "workers") if getattr(self, name) is not None]
            problems += [f"{name} needs engine 'ray'; got 'local'" for name in given]
        if problems:
            raise OptionError("tune: " + "; ".join(problems))


def check_output(folder: Path) -> None:
    """Refuse a folder that cannot be an output, and change nothing.

    Raises:
        OptionError: it is a file, or holds something else than a search.
    """
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"tune: the output must be a folder; got the file {folder}")
    found = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    strange = [name for name in found if name not in _OURS and not name.startswith(".")]
    if strange:
        raise OptionError(
            "tune: the output must be a new or empty folder, or that of an earlier search; "
            f"got {folder} with {', '.join(strange[:3])}",
            hint="give another --output",
        )
