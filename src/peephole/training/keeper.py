"""Keeps the checkpoints of one run: what it is made of, when to write, and what to say when it is cut short."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from peephole.errors import OptionError
from peephole.training.checkpoint import Checkpoint, RunState, remove_checkpoints, save_checkpoint
from peephole.training.recipe_base import Settings
from peephole.training.request import TrainingInterrupted


class Kept(Protocol):
    """What is kept: a network while it learns."""

    @property
    def state(self) -> RunState:
        """Where the run is."""
        ...

    def tensors(self) -> Mapping[str, Tensor]:
        """Return every tensor that a resumed run needs."""
        ...


class Keeper:
    """Writes and removes the checkpoints of a run.

    Args:
        folder: where they stand, beside the output.
        run: what the run is made of, as `run_facts` returns it.
        tokenizer: the tokenizer as JSON text.
        every: steps between two checkpoints.
        writes: whether this process is the one that writes.
    """

    def __init__(
        self, folder: Path, run: Mapping[str, Any], tokenizer: str, every: int, *, writes: bool
    ) -> None:
        self.folder = folder
        self.every = every
        self._run = run
        self._tokenizer = tokenizer
        self._writes = writes

    def save(self, learner: Kept) -> None:
        """Write a checkpoint; the one before it is removed when this one is in place."""
        tensors = learner.tensors()
        if self._writes:
            save_checkpoint(self.folder, learner.state, self._run, self._tokenizer, tensors)

    def remove(self) -> None:
        """Remove the checkpoints: the run is over."""
        if self._writes:
            remove_checkpoints(self.folder)

    def interrupted(self, step: int) -> TrainingInterrupted:
        """Return the exception that ends a session whose checkpoint was just written."""
        return TrainingInterrupted(
            f"training was stopped after {step:,} steps; everything is kept in {self.folder}\n"
            "hint: run the same command with --resume (resume=True in Python) to go on where it stopped",
            checkpoint=self.folder,
        )


def run_facts(
    recipe: Settings,
    digest: str,
    labels: tuple[str, ...],
    machine: Mapping[str, Any],
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what a run is made of, as plain JSON.

    Args:
        recipe: as it was asked for.
        digest: of the texts, labels and parts.
        labels: names of the classes.
        machine: processes, threads, device and versions.
        options: what else decides the result, such as the file of word vectors.
    """
    return {
        "recipe": recipe.to_json(),
        "data": digest,
        "labels": list(labels),
        "options": dict(options),
        "machine": dict(machine),
    }


def check_same_run(checkpoint: Checkpoint[Any], run: Mapping[str, Any]) -> list[str]:
    """Compare a checkpoint with the run that would go on from it.

    Returns:
        What differs without being wrong: then the result may not have the same bits as without the interruption.

    Raises:
        OptionError: recipe, data, labels or options differ; everything is named.
    """
    then: Mapping[str, Any] = checkpoint.run
    problems: list[str] = []
    if then.get("recipe") != run["recipe"]:
        old, new = _mapping(then.get("recipe")), _mapping(run["recipe"])
        problems += [
            f"{name} was {old.get(name)!r}; got {new.get(name)!r}"
            for name in {**old, **new}
            if old.get(name) != new.get(name)
        ]
    if then.get("data") != run["data"]:
        problems.append("the texts, their labels or the way they are divided are not the same as then")
    for name in ("labels", "options"):
        if then.get(name) != run[name]:
            problems.append(f"{name} were {then.get(name)!r}; got {run[name]!r}")
    before, now = _mapping(then.get("machine")), _mapping(run["machine"])
    if problems:
        raise OptionError(
            "\n  ".join([f"resume: {checkpoint.path.parent} belongs to another run", *problems]),
            hint="repeat the command as it was, or give another output to begin a new run",
        )
    return [
        f"{name} was {before.get(name)!r} and is {value!r} now"
        for name, value in now.items()
        if before.get(name) != value
    ]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
