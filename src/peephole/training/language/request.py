"""What a pretraining run is asked for, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from peephole.errors import OptionError
from peephole.training.language.recipe import LanguageRecipe
from peephole.training.language.state import Judged


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainRequest:
    """What to learn a language from, where to write it, and how.

    Args:
        sources: files, folders, ``"-"`` or ``"hf:NAME"`` with the texts, as `peephole.reading.read` takes them; labels are not
            looked at.
        output: folder of the language model; new or empty, unless `resume` is set.
        recipe: every setting of the run.
        text_column: column of the text; None finds it by its usual names.
        group_column: column whose groups are never divided between training and held-out texts. With the column and the share
            that the classifier is later trained with, its development texts are held out here too.
        where: column and value; other rows are left out.
        format: format of the sources; None tells it from their names.
        skip_bad: leave out records that cannot be used, and count them, instead of refusing the sources.
        resume: go on from the checkpoint beside `output`; from the beginning when there is none yet.
        time_budget: stop in good order after so many seconds, above 0, counted from the call; None never stops.
        checkpoint_steps: steps between two checkpoints, at least 1; does not change the result.
        judge_steps: steps between two judgements on the held-out texts, at least 1; None: four in a run.
        cpu: do not use a GPU.
        command: the command line, for the model card.

    Raises:
        OptionError: options that are out of range; all of them are listed.
    """

    sources: tuple[str | Path, ...]
    output: Path
    recipe: LanguageRecipe = field(default_factory=LanguageRecipe)
    text_column: str | None = None
    group_column: str | None = None
    where: Mapping[str, str] = field(default_factory=dict[str, str])
    format: str | None = None
    skip_bad: bool = False
    resume: bool = False
    time_budget: float | None = None
    checkpoint_steps: int = 500
    judge_steps: int | None = None
    cpu: bool = False
    command: str = ""

    def __post_init__(self) -> None:
        problems: list[str] = []
        if not self.sources:
            problems.append("sources must name at least one source; got none")
        if self.time_budget is not None and not self.time_budget > 0:
            problems.append(f"time_budget must be above 0 seconds; got {self.time_budget!r}")
        for name in ("checkpoint_steps", "judge_steps"):
            value: int | None = getattr(self, name)
            if value is not None and value < 1:
                problems.append(f"{name} must be at least 1; got {value!r}")
        if problems:
            raise OptionError("\n  ".join(["pretrain: this request cannot be met", *problems]))


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainResult:
    """What a run that ended in good order gives back.

    Args:
        output: folder of the language model that was written.
        ending: ``"complete"``: all passes were made; ``"time"``: the time budget was over and the checkpoint is kept;
            ``"already"``: the model was complete before.
        metrics: the headline on the held-out texts, as JSON: nats a token and perplexity.
        history: the learning curve.
        data: what was read, held out and dropped, as JSON.
        seconds: time spent training, over all sessions.
        notes: what a reader should know, one sentence each.
        process: number of the process that returns this, of several that trained together; 0 is the one that wrote it.
    """

    output: Path
    ending: Literal["complete", "time", "already"]
    metrics: Mapping[str, Any]
    history: tuple[Judged, ...]
    data: Mapping[str, Any]
    seconds: float
    notes: tuple[str, ...] = ()
    process: int = 0
