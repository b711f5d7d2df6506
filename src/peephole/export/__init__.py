"""ONNX and the weights of other systems, out and in. Foreign gate orders live here and only here.

Names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peephole.export.keras import from_keras as from_keras
    from peephole.export.keras import to_keras as to_keras
    from peephole.export.keras_masks import real_first as real_first
    from peephole.export.onnx_export import onnx as onnx
    from peephole.export.onnx_folder import save_onnx as save_onnx
    from peephole.export.onnx_import import from_onnx as from_onnx
    from peephole.export.torch_weights import from_torch as from_torch
    from peephole.export.torch_weights import to_torch as to_torch

_NAMES = {
    "from_keras": "keras",
    "from_onnx": "onnx_import",
    "from_torch": "torch_weights",
    "onnx": "onnx_export",
    "real_first": "keras_masks",
    "save_onnx": "onnx_folder",
    "to_keras": "keras",
    "to_torch": "torch_weights",
}

__all__ = [
    "from_keras",
    "from_onnx",
    "from_torch",
    "onnx",
    "real_first",
    "save_onnx",
    "to_keras",
    "to_torch",
]


def __getattr__(name: str) -> object:
    if name in _NAMES:
        return getattr(importlib.import_module(f"peephole.export.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'peephole.export' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
