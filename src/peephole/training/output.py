"""Where a run writes: what may be there before it, and a model that is complete already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peephole.classifier import load
from peephole.errors import OptionError
from peephole.training.checkpoint import checkpoint_folder, has_checkpoint
from peephole.training.recipe import Recipe
from peephole.training.request import TrainRequest, TrainResult
from peephole.training.state import Pass


def check_output(output: Path, *, resume: bool, what: str = "train") -> None:
    """Refuse an output that holds something, unless the run goes on from its own checkpoint.

    Args:
        output: the folder that is to be written.
        resume: whether the run goes on from a checkpoint.
        what: the command, for messages.

    Raises:
        OptionError: the output is a file, or something is in it or left beside it by an earlier run.
    """
    checkpoints = checkpoint_folder(output)
    if output.exists() and not output.is_dir():
        raise OptionError(f"{what}: the output must be a folder; got the file {output}")
    if resume:
        return
    if has_checkpoint(checkpoints):
        raise OptionError(
            f"{what}: {checkpoints} holds the checkpoint of a run that did not end",
            hint="go on with it (--resume, resume=True in Python), remove it, or give another output",
        )
    if output.is_dir() and any(output.iterdir()):
        raise OptionError(
            f"{what}: the output must be a new or empty folder; got {output}, which is not empty",
            hint="give another output, or remove what is there",
        )


def finished_before(request: TrainRequest) -> TrainResult | None:
    """Return the result of a run that is asked to go on but was complete already; None if there is more to do.

    Raises:
        OptionError: the model was made by another recipe, or its run was cut short and its checkpoint is gone.
        ModelError: the output is no model folder.
    """
    output = request.output
    if not request.resume or has_checkpoint(checkpoint_folder(output)):
        return None
    if not output.is_dir() or not any(output.iterdir()):
        return None
    config = load(output).config
    data: dict[str, Any] = dict(config.data)
    if data.get("ending") == "time":
        raise OptionError(
            f"resume: {output} was stopped by its time budget, and its checkpoint is no longer beside it",
            hint="give another output to train anew",
        )
    recipe = Recipe.from_json(data.get("recipe", {}), where=f"{output}/config.json: data.recipe")
    filled = recipe.to_json()
    asked = {name: value for name, value in request.recipe.to_json().items() if value is not None}
    if different := [
        f"{name} was {filled[name]!r}; got {value!r}"
        for name, value in asked.items()
        if filled[name] != value
    ]:
        raise OptionError(
            "\n  ".join([f"resume: {output} holds a finished model of another recipe", *different]),
            hint="give another output to train anew",
        )
    metrics: Any = config.metrics.get("development", {})
    return TrainResult(
        output=output,
        ending="already",
        metrics=metrics,
        history=passes(config.metrics.get("learning_curve", {})),
        recipe=recipe,
        data=data,
        seconds=float(data.get("training_seconds", 0.0)),
        notes=("the model was complete already: there was nothing to go on with",),
    )


def learning_curve(history: tuple[Pass, ...]) -> dict[str, Any]:
    """Return the learning curve for the model's config: a list for each column."""
    return {
        "epoch": [line.epoch for line in history],
        "step": [line.step for line in history],
        "loss": [line.train_loss for line in history],
        "development_log_loss": [line.log_loss for line in history],
        "development_accuracy": [line.accuracy for line in history],
        "development_macro_f1": [line.macro_f1 for line in history],
        "seconds": [round(line.seconds, 1) for line in history],
    }


def passes(curve: Any) -> tuple[Pass, ...]:
    """Return the learning curve that `learning_curve` wrote.

    Example:
        >>> line = Pass(1, 20, 0.7, 0.6, 0.75, 0.7, 1.5)
        >>> passes(learning_curve((line,))) == (line,)
        True
    """
    names = (
        "epoch",
        "step",
        "loss",
        "development_log_loss",
        "development_accuracy",
        "development_macro_f1",
        "seconds",
    )
    return tuple(Pass(*values) for values in zip(*(curve.get(name, []) for name in names), strict=True))
