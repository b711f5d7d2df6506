"""The models of a server: by name, loaded and tried before anybody asks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from peephole.classifier import Classifier, load
from peephole.classifier.hub.names import hub_model, short_name
from peephole.classifier.prediction import softmax
from peephole.classifier.shipped import DEFAULT, find_model
from peephole.errors import OptionError
from peephole.insight.network import network_of
from peephole.serve.batcher import Ids, Row

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


class ClassifierScorer:
    """A classifier as `Batcher` takes it."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    def encode(self, texts: list[str]) -> list[Ids]:
        """Return the ids `[T_n]` of N texts."""
        return self._classifier.tokenizer.encode_batch(texts)

    def score(self, ids: list[Ids]) -> Sequence[Row]:
        """Return the probabilities `[C]` of N texts given as ids."""
        return list(softmax(self._classifier.logits(ids), self._classifier.config.temperature))


def sources(models: Sequence[str]) -> dict[str, str | None]:
    """Return what to load by the name that clients use, the default model first.

    Args:
        models: what `peephole.load` takes, or NAME= before it; none: the model inside the package.

    Raises:
        OptionError: a name is not one that an address can hold, or two models have the same.

    Example:
        >>> sources(["reviews", "runs/tweets", "old=runs/7", "ada/films@v2"])
        {'reviews': 'reviews', 'tweets': 'runs/tweets', 'old': 'runs/7', 'films': 'ada/films@v2'}
    """
    found: dict[str, str | None] = {}
    for given in models:
        name, equals, folder = given.partition("=")
        source = folder if equals else given
        name = name if equals else short_name(given)
        if not source:
            raise OptionError(
                f"serve: a model must be a name, a folder or NAME=FOLDER; got {given[:80]!r}",
                hint="name the folder after the =",
            )
        if not _NAME.fullmatch(name):
            raise OptionError(
                f"serve: a model's name must be 1 to 64 of the letters A-Z a-z 0-9 . _ -; got {name[:80]!r}",
                hint="give it one: NAME=FOLDER",
            )
        if name in found:
            raise OptionError(
                f"serve: each model must have a name of its own; got {name!r} for {found[name]} and {source}",
                hint="give one of them another: NAME=FOLDER",
            )
        found[name] = source
    return found or {DEFAULT: None}


def pinned(models: Sequence[str]) -> tuple[str, ...]:
    """Return the same models, those of the Hugging Face Hub fetched and named by their folders.

    Every process of the server, and each that takes the place of one that died, then loads the same commit, without a network.

    Raises:
        OptionError: as `sources`.
        ModelError: the Hub has no such model, or was not reached.
    """
    named = zip(models, sources(models).items() if models else (), strict=True)
    return tuple(
        given if source is None or hub_model(source) is None else f"{name}={find_model(source)}"
        for given, (name, source) in named
    )


def load_models(models: Sequence[str]) -> dict[str, Classifier]:
    """Load models as `sources` names them, and try each on a text.

    Raises:
        OptionError: as `sources`, and as `peephole.load`.
        ModelError: a folder is missing, damaged or hostile, or the model cannot answer.
    """
    loaded = {name: load(source) for name, source in sources(models).items()}
    for classifier in loaded.values():
        next(classifier.predict(["not bad at all"]))
    return loaded


def values_of(classifier: Classifier) -> dict[str, int]:
    """Return the values of a model that can be held, and of how many units each is; none without a recurrent layer.

    Example:
        >>> values_of(load())["layer0.forward.f"]
        192
    """
    if not any(stage.kind == "recurrent" for stage in classifier.config.stages):
        return {}
    tracks = network_of(classifier, "serve").tracks.values()
    return {f"{track.name}.{value}": track.hidden_size for track in tracks for value in track.cell.values}


def described(models: Mapping[str, Classifier]) -> dict[str, Any]:
    """Return what ``GET /models`` says: nothing of where the models lie."""
    listed = [
        {
            "name": name,
            "labels": list(model.labels),
            "layers": [
                {
                    "cell": stage.cell,
                    "units": stage.hidden_size,
                    "layers": stage.num_layers,
                    "directions": stage.directions,
                }
                for stage in model.config.stages
                if stage.kind == "recurrent"
            ],
            "vocabulary": model.config.vocabulary,
            "values": list(values_of(model)),
        }
        for name, model in models.items()
    ]
    return {"default": next(iter(models)), "models": listed}
