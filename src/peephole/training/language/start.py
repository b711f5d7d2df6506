"""A classifier that starts from a language model: its recipe, its weights, and how fast each part of it learns."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import torch

from peephole.errors import OptionError
from peephole.nn.classifier import ClassifierModule
from peephole.training.language.folder import Language
from peephole.training.language.network import EMBEDDING, RECURRENT
from peephole.training.learner import Pace
from peephole.training.recipe import Recipe, clashes

_SAME = ("cell", "cell_options", "embedding", "hidden_size", "layers", "tokenizer", "lowercase")


def adapt_recipe(recipe: Recipe, language: Language) -> Recipe:
    """Return the recipe with the sizes, the cell and the tokens of a language model.

    Raises:
        OptionError: a setting was given that is neither its default nor the language model's; all of them are listed.
    """
    theirs = language.recipe
    wanted: dict[str, Any] = {name: getattr(theirs, name) for name in _SAME}
    wanted |= {
        "vocabulary": theirs.vocabulary,
        "bidirectional": theirs.directions == "both",
    }
    problems = clashes(recipe, wanted, "the language model")
    if problems:
        raise OptionError(
            "\n  ".join([f"train: the recipe does not fit {language.path}", *problems]),
            hint="leave these settings out: they are taken from the language model",
        )
    return dataclasses.replace(recipe, **wanted)


def start_weights(network: ClassifierModule, language: Language) -> None:
    """Set the vectors of tokens and the recurrent layers to the language model's, in place."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.split(".")[0] in (EMBEDDING, RECURRENT):
                parameter.copy_(torch.from_numpy(language.weights[name].copy()))


def paces(network: ClassifierModule, recipe: Recipe, steps: int) -> dict[str, Pace]:
    """Return how fast each pretrained parameter learns, by its name: the higher a layer, the faster and the sooner.

    Args:
        network: the classifier.
        recipe: with `pretrained_rate`, `layer_rate` and `unfreeze`.
        steps: steps of the whole run.

    Source: Howard & Ruder, "Universal language model fine-tuning for text classification" (2018), sections 3.2 and 3.3.

    Example:
        >>> from peephole.classifier import ModelConfig
        >>> config = ModelConfig.default(vocabulary=50, labels=["bad", "good"], embedding=4, hidden_size=3)
        >>> found = paces(ClassifierModule(config), Recipe(pretrained_rate=0.4, layer_rate=0.5, unfreeze=0.1), 100)
        >>> found["recurrent.weight_hh_l0"], found["embedding.weight"]
        (Pace(share=0.4, first_step=5), Pace(share=0.2, first_step=10))
    """
    depth: dict[str, int] = {}
    for name in (name for name, _ in network.named_parameters()):
        room = name.split(".")[0]
        if room == RECURRENT:
            layer = re.search(r"_l(\d+)", name)
            depth[name] = recipe.layers - 1 - int(layer[1]) if layer else 0
        elif room == EMBEDDING:
            depth[name] = recipe.layers
    return {
        name: Pace(
            recipe.pretrained_rate * recipe.layer_rate**down,
            round(recipe.unfreeze * steps * (down + 1) / (recipe.layers + 1)),
        )
        for name, down in depth.items()
    }
