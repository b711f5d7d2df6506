"""From parameters and texts in memory to a trained classifier: the trainer of `peephole train`, in a temporary folder."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from peephole.classifier import Classifier, load
from peephole.classifier.held import in_memory
from peephole.errors import DataError, OptionError, require
from peephole.reading import Record
from peephole.training.progress import Progress, Several, make_progress
from peephole.training.recipe import Recipe, settings
from peephole.training.request import TrainingInterrupted, TrainRequest

_WEIGHT = "weight"
_INSTEAD = {
    "seed": "random_state",
    "class_weights": "class_weight",
}  # settings that are other parameters here
_ONE = threading.Lock()  # chance in torch belongs to the whole process: one fit at a time


class LabelledTexts(NamedTuple):
    """Texts with the name of the class of each and how much it counts, above 0."""

    texts: Sequence[str]
    labels: Sequence[str]
    weights: Sequence[float]


class Fitted(NamedTuple):
    """A trained classifier, and what training warned of."""

    classifier: Classifier
    warnings: tuple[str, ...]


def seed_of(random_state: Any) -> int:
    """Return the seed that a `random_state` stands for; a generator and None give another one at each call.

    Raises:
        ValueError: it is no whole number, generator or None.
    """
    if isinstance(random_state, (int, np.integer)) and 0 <= int(random_state) < 2**31:
        return int(random_state)
    return int(check_random_state(random_state).randint(0, 2**31 - 1))


def recipe_of(parameters: Mapping[str, Any], seed: int, where: str) -> Recipe:
    """Return the recipe that an estimator's parameters ask for.

    Args:
        parameters: by name; those that are settings of the recipe are used, and the mapping `recipe`.
        seed: of every random number.
        where: what a message calls the estimator.

    Raises:
        OptionError: a setting is unknown, cannot be used, or has a parameter of its own.

    Example:
        >>> recipe_of({"hidden_size": np.int64(8), "recipe": {"clip": 0.5}, "verbose": True}, 3, "fit").clip
        0.5
    """
    own = {name: _plain(parameters[name]) for name in settings() if name in parameters}
    others = parameters.get("recipe") or {}
    if not isinstance(others, Mapping):
        raise OptionError(f"{where}: recipe must be a dict of settings by name; got {type(others).__name__}")
    instead = {**{name: name for name in own}, **_INSTEAD}
    twice = [f"{name} (here: {instead[name]}=…)" for name in others if name in instead]
    if twice:
        raise OptionError(
            f"{where}: recipe holds settings without a parameter of their own; got {', '.join(twice)}"
        )
    values = own | {str(name): _plain(value) for name, value in others.items()}
    return Recipe.from_json(values | {"seed": seed}, where=where)


def fit_classifier(
    data: LabelledTexts,
    recipe: Recipe,
    where: str,
    *,
    language_model: str | os.PathLike[str] | None = None,
    word_vectors: str | os.PathLike[str] | None = None,
    cpu: bool = False,
    verbose: bool = False,
) -> Fitted:
    """Train a classifier and return it, its numbers in memory.

    Args:
        data: texts, labels and weights; blank texts are left out.
        recipe: every setting.
        where: what a message calls the caller.
        language_model: what to start from, as `TrainRequest` takes it.
        word_vectors: likewise.
        cpu: do not use a GPU.
        verbose: show the progress on standard error.

    Raises:
        DataError: the texts are too few, or have a single class.
        TrainingDiverged: the loss or a gradient became infinite or undefined.
        MissingExtra: torch is not installed.
    """
    require("torch", extra="sklearn", purpose=where)
    from peephole.training import train  # it imports torch

    mean = sum(data.weights) / max(1, len(data.weights))
    records = tuple(
        Record(text, label, None, f"X[{n}]", {_WEIGHT: repr(weight / mean)})
        for n, (text, label, weight) in enumerate(zip(*data, strict=True))
        if text and not text.isspace()
    )
    _check_enough(records, where)
    heard = _Heard(make_progress() if verbose else Progress())
    with tempfile.TemporaryDirectory(prefix="peephole-") as folder, _ONE:
        request = TrainRequest(
            records=records,
            output=Path(folder, "model"),
            recipe=recipe,
            weight_column=_WEIGHT,
            checkpoint_steps=2**31,
            language_model=language_model
            if language_model is None or isinstance(language_model, str)
            else Path(language_model),
            word_vectors=None if word_vectors is None else Path(word_vectors),
            cpu=cpu,
        )
        try:
            train(request, progress=heard)
        except TrainingInterrupted:  # its checkpoint goes with the folder
            raise KeyboardInterrupt(f"{where}: training was stopped; nothing is kept") from None
        classifier = in_memory(load(request.output))
    return Fitted(classifier, tuple(heard.warnings))


def _check_enough(records: Sequence[Record], where: str) -> None:
    counts = Counter(record.label for record in records)
    if len(counts) < 2:
        only = f"one class, {next(iter(counts))!r}" if counts else "no text that is not blank"
        raise DataError(f"{where}: a classifier needs texts of two classes or more; got {only}")
    if max(counts.values()) < 2:
        raise DataError(
            f"{where}: a class must have two texts or more, one of which is held out; got {len(records)} texts "
            f"of {len(counts)} classes"
        )


def _plain(value: Any) -> Any:
    """Return a number of NumPy, as searches draw them, as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


class _Heard(Several):
    """Keeps what training warns of, and hands everything on."""

    def __init__(self, shown: Progress) -> None:
        super().__init__([shown])
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        super().warn(text)
