"""Training a classifier: one loop, a recipe for every setting, and checkpoints that survive a kill.

Public names are loaded when they are first used, so that the recipe can be read where torch is not installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from peephole.errors import require

if TYPE_CHECKING:
    from peephole.training.language.recipe import LanguageRecipe as LanguageRecipe
    from peephole.training.language.request import PretrainRequest as PretrainRequest
    from peephole.training.language.request import PretrainResult as PretrainResult
    from peephole.training.language.run import pretrain as pretrain
    from peephole.training.progress import Bars as Bars
    from peephole.training.progress import Lines as Lines
    from peephole.training.progress import Progress as Progress
    from peephole.training.progress import make_progress as make_progress
    from peephole.training.recipe import Recipe as Recipe
    from peephole.training.recipe import settings as settings
    from peephole.training.request import TrainingDiverged as TrainingDiverged
    from peephole.training.request import TrainingInterrupted as TrainingInterrupted
    from peephole.training.request import TrainRequest as TrainRequest
    from peephole.training.request import TrainResult as TrainResult
    from peephole.training.run import train as train
    from peephole.training.setting import Setting as Setting
    from peephole.training.state import Pass as Pass

_HOMES = {
    "Bars": "progress",
    "LanguageRecipe": "language.recipe",
    "Lines": "progress",
    "Pass": "state",
    "PretrainRequest": "language.request",
    "PretrainResult": "language.request",
    "Progress": "progress",
    "Recipe": "recipe",
    "Setting": "setting",
    "TrainRequest": "request",
    "TrainResult": "request",
    "TrainingDiverged": "request",
    "TrainingInterrupted": "request",
    "make_progress": "progress",
    "pretrain": "language.run",
    "settings": "recipe",
    "train": "run",
}

__all__ = [
    "Bars",
    "LanguageRecipe",
    "Lines",
    "Pass",
    "PretrainRequest",
    "PretrainResult",
    "Progress",
    "Recipe",
    "Setting",
    "TrainRequest",
    "TrainResult",
    "TrainingDiverged",
    "TrainingInterrupted",
    "make_progress",
    "pretrain",
    "settings",
    "train",
]


def __getattr__(name: str) -> object:
    if name in ("pretrain", "train"):
        require("torch", extra="train", purpose="training")
    if name in _HOMES:
        return getattr(importlib.import_module(f"peephole.training.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'peephole.training' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
