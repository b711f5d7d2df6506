"""What a training run is asked for, what it gives back, and the two ways in which it ends otherwise."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from peephole.errors import OptionError, ProcessLost
from peephole.errors import TrainingDiverged as TrainingDiverged
from peephole.reading import Record
from peephole.training.recipe import Recipe
from peephole.training.state import Pass


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """What to train on, where to write it, and how.

    Args:
        sources: files, folders, ``"-"`` or ``"hf:NAME"`` with the texts, as `peephole.reading.read` takes them.
        records: labelled texts that are in memory, in place of `sources`; the columns named here are in their fields.
        output: folder of the model; new or empty, unless `resume` is set.
        recipe: every setting of the run.
        dev_sources: sources of the development texts; without them a part of `sources` is held out.
        text_column, label_column: columns of the text and of the label; None finds them by their usual names.
        group_column: column whose groups are never divided between training and development.
        split_column: column that says which rows are for training and which for development.
        weight_column: column of `sources` that says how much each text counts in the loss: 2 as if it stood there twice, 0 as
            if it were not there; None counts all alike. Development texts count alike too.
        where: column and value; other rows are left out. Unlabelled sources are not asked for it.
        teachers: trained models, as `peephole.load` takes them, whose averaged probabilities are targets, beside the labels.
        unlabelled: sources of texts without labels, for teachers, virtual adversarial training or entropy.
        format: format of the sources; None tells it from their names.
        skip_bad: leave out records that cannot be used, and count them, instead of refusing the sources.
        resume: go on from the checkpoint beside `output`; from the beginning when there is none yet.
        time_budget: stop in good order after so many seconds, above 0, counted from the call; None never stops.
        checkpoint_steps: steps between two checkpoints, at least 1; does not change the result.
        tensorboard: folder for TensorBoard's files, or None.
        language_model: folder of `pretrain`, or its name on the Hugging Face Hub, whose tokens, vectors and recurrent layers the
            run starts from, or None.
        word_vectors: file of word vectors (GloVe's or word2vec's text format, ``.gz`` too), or None.
        cpu: do not use a GPU.
        command: the command line, for the model card.

    Raises:
        OptionError: options that contradict each other or are out of range; all of them are listed.
    """

    sources: tuple[str | Path, ...] = ()
    records: tuple[Record, ...] = ()
    output: Path
    recipe: Recipe = field(default_factory=Recipe)
    dev_sources: tuple[str | Path, ...] = ()
    teachers: tuple[str | Path, ...] = ()
    unlabelled: tuple[str | Path, ...] = ()
    text_column: str | None = None
    label_column: str | None = None
    group_column: str | None = None
    split_column: str | None = None
    weight_column: str | None = None
    where: Mapping[str, str] = field(default_factory=dict[str, str])
    format: str | None = None
    skip_bad: bool = False
    resume: bool = False
    time_budget: float | None = None
    checkpoint_steps: int = 200
    tensorboard: Path | None = None
    language_model: str | Path | None = None
    word_vectors: Path | None = None
    cpu: bool = False
    command: str = ""

    def __post_init__(self) -> None:
        problems: list[str] = []
        ways = {
            "dev_sources": bool(self.dev_sources),
            "split_column": self.split_column is not None,
            "group_column": self.group_column is not None,
        }
        if sum(ways.values()) > 1:
            given = ", ".join(name for name, used in ways.items() if used)
            problems.append(f"one way to hold out development texts may be given; got {given}")
        if not self.sources and not self.records:
            problems.append("sources must name at least one source; got none")
        if self.sources and self.records:
            problems.append("sources or records must be given; got both")
        if self.teachers and not self.recipe.distillation:
            problems.append("teachers need the recipe's distillation to be above 0; got 0")
        recipe = self.recipe
        if self.unlabelled and not (self.teachers or recipe.virtual_adversarial or recipe.entropy):
            problems.append(
                "unlabelled sources need a use: teachers, or a recipe with virtual_adversarial or entropy above 0; got none"
            )
        if self.time_budget is not None and not self.time_budget > 0:
            problems.append(f"time_budget must be above 0 seconds; got {self.time_budget!r}")
        if self.checkpoint_steps < 1:
            problems.append(f"checkpoint_steps must be at least 1; got {self.checkpoint_steps!r}")
        if self.language_model is not None and self.word_vectors is not None:
            problems.append(
                "language_model and word_vectors both give the tokens' vectors: one of them may be given"
            )
        problems += self._without_effect()
        if problems:
            raise OptionError("\n  ".join(["train: this request cannot be met", *problems]))

    def _without_effect(self) -> list[str]:
        """Name the settings that mean something only beside an option that is not there."""
        problems: list[str] = []
        default = Recipe()
        if self.language_model is None:
            names = ("pretrained_rate", "layer_rate", "unfreeze", "language_loss")
            given = [name for name in names if getattr(self.recipe, name) != getattr(default, name)]
            problems += [f"{name} needs a language model to start from (--from); got none" for name in given]
        if self.recipe.init != default.init and self.language_model is not None:
            problems.append(
                f"init={self.recipe.init!r} and a language model both give the first weights; one of them may be given"
            )
        if self.recipe.embeddings == "teacher" and not self.teachers:
            problems.append("embeddings='teacher' needs a teacher; got none")
        if self.recipe.embeddings == "teacher" and self.language_model is not None:
            problems.append(
                "embeddings='teacher' and a language model both give the tokens; one of them may be given"
            )
        if self.recipe.taught == "unlabelled" and not (self.teachers and self.unlabelled):
            problems.append("taught='unlabelled' needs teachers and unlabelled texts; got none of one")
        return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """What a run that ended in good order gives back.

    Args:
        output: folder of the model that was written.
        ending: ``"complete"``: every pass was made; ``"patience"``: the score had stopped rising; ``"time"``: the
            time budget was over and the checkpoint is kept; ``"already"``: the model was complete before.
        metrics: the evaluation on the development texts, as JSON; of a run that was complete before, its headline.
        history: the learning curve, one line for each finished pass.
        recipe: the recipe with every number filled in.
        data: what was read, held out, dropped and cut, as JSON.
        seconds: time spent training, over all sessions.
        notes: what a reader should know, one sentence each.
        process: number of the process that returns this, of several that trained together; 0 is the one that wrote it.
    """

    output: Path
    ending: Literal["complete", "patience", "time", "already"]
    metrics: Mapping[str, Any]
    history: tuple[Pass, ...]
    recipe: Recipe
    data: Mapping[str, Any]
    seconds: float
    notes: tuple[str, ...] = ()
    process: int = 0


@contextmanager
def resumable(what: str) -> Generator[None, None, None]:
    """Let a Ctrl-C that comes when no step is being taken, and the end of another process, say how to go on.

    Args:
        what: the run, for the message: "training".

    Raises:
        TrainingInterrupted: in place of a plain `KeyboardInterrupt`.
        ProcessLost: with the hint.
    """
    try:
        yield
    except TrainingInterrupted:
        raise
    except ProcessLost as error:
        raise ProcessLost(
            error.message,
            hint="run the same command with --resume (resume=True in Python), with any number of processes; it goes on from "
            "the last checkpoint, or from the beginning if there is none yet",
        ) from error
    except KeyboardInterrupt:
        raise TrainingInterrupted(
            f"{what} was stopped\nhint: run the same command with --resume (resume=True in Python); it goes on from the "
            "last checkpoint, or from the beginning if there is none yet",
            checkpoint=None,
        ) from None


class TrainingInterrupted(KeyboardInterrupt):
    """Training was stopped by Ctrl-C or SIGTERM; the message says how to go on.

    It derives from `KeyboardInterrupt`, so that nothing that catches errors takes it for one. A program should
    end with status 130.

    Args:
        message: what was kept, and how to go on.
        checkpoint: the checkpoint that was written, or None when there was nothing to keep yet.
    """

    def __init__(self, message: str, *, checkpoint: Path | None) -> None:
        super().__init__(message)
        self.checkpoint = checkpoint
