"""The sentiment model without torch: its config, its tokenizer, its folder, the NumPy forward, prediction.

`load` a folder, `predict` texts; `ModelConfig` describes a model as stages, which the torch layers read too.
Public names are loaded when they are first used, so that the recipe can be read without what runs a model.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peephole.classifier.card import model_card as model_card
    from peephole.classifier.config import ModelConfig as ModelConfig
    from peephole.classifier.folder import save_model_folder as save_model_folder
    from peephole.classifier.gradients import Gradient as Gradient
    from peephole.classifier.gradients import TextGradient as TextGradient
    from peephole.classifier.loading import converted as converted
    from peephole.classifier.loading import load as load
    from peephole.classifier.model import Classifier as Classifier
    from peephole.classifier.pieces import Piece as Piece
    from peephole.classifier.pieces import Word as Word
    from peephole.classifier.prediction import Prediction as Prediction
    from peephole.classifier.preprocessing import Preprocessing as Preprocessing
    from peephole.classifier.shipped import ShippedModel as ShippedModel
    from peephole.classifier.shipped import shipped_models as shipped_models
    from peephole.classifier.stages import Dropout as Dropout
    from peephole.classifier.stages import Embedding as Embedding
    from peephole.classifier.stages import Linear as Linear
    from peephole.classifier.stages import Pooling as Pooling
    from peephole.classifier.stages import Recurrent as Recurrent
    from peephole.classifier.stages import Stage as Stage
    from peephole.classifier.storage import Int8Rows as Int8Rows
    from peephole.classifier.stream import StreamState as StreamState
    from peephole.classifier.texts import TextTypeError as TextTypeError
    from peephole.classifier.tokenizer import Tokenizer as Tokenizer

_HOMES = {
    "Classifier": "model",
    "Dropout": "stages",
    "Embedding": "stages",
    "Gradient": "gradients",
    "Int8Rows": "storage",
    "Linear": "stages",
    "ModelConfig": "config",
    "Piece": "pieces",
    "Pooling": "stages",
    "Prediction": "prediction",
    "Preprocessing": "preprocessing",
    "Recurrent": "stages",
    "ShippedModel": "shipped",
    "Stage": "stages",
    "StreamState": "stream",
    "TextGradient": "gradients",
    "TextTypeError": "texts",
    "Tokenizer": "tokenizer",
    "Word": "pieces",
    "converted": "loading",
    "load": "loading",
    "model_card": "card",
    "save_model_folder": "folder",
    "shipped_models": "shipped",
}

__all__ = [
    "Classifier",
    "Dropout",
    "Embedding",
    "Gradient",
    "Int8Rows",
    "Linear",
    "ModelConfig",
    "Piece",
    "Pooling",
    "Prediction",
    "Preprocessing",
    "Recurrent",
    "ShippedModel",
    "Stage",
    "StreamState",
    "TextGradient",
    "TextTypeError",
    "Tokenizer",
    "Word",
    "converted",
    "load",
    "model_card",
    "save_model_folder",
    "shipped_models",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"peephole.classifier.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'peephole.classifier' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
