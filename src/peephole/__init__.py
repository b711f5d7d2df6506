r"""Recurrent networks you can see into, and a sentiment analyser built on them.

Public names are loaded when they are first used: importing `peephole` imports neither torch nor NumPy.

Example:
    >>> import peephole
    >>> print(peephole.cells.describe("CoupledLSTM").split("\n")[3].strip())
    CIFG-2  f = 1 − i                                   forget gate: the rest of the past stays
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peephole import cells as cells
    from peephole import errors as errors
    from peephole import evaluation as evaluation
    from peephole import export as export
    from peephole import insight as insight
    from peephole import nn as nn
    from peephole import ops as ops
    from peephole import reading as reading
    from peephole import sklearn as sklearn
    from peephole import training as training
    from peephole.classifier import Classifier as Classifier
    from peephole.classifier import load as load
    from peephole.errors import PeepholeError as PeepholeError
    from peephole.insight import Hold as Hold
    from peephole.insight import Trace as Trace
    from peephole.insight import clamp as clamp
    from peephole.insight import trace as trace

    __version__: str

_MODULES = (
    "cells", "errors", "evaluation", "export", "insight", "nn", "ops", "reading", "sklearn", "training",
)  # fmt: skip
_NAMES = {
    "Classifier": "classifier",
    "Hold": "insight",
    "PeepholeError": "errors",
    "Trace": "insight",
    "clamp": "insight",
    "load": "classifier",
    "trace": "insight",
}

__all__ = [
    "Classifier",
    "Hold",
    "PeepholeError",
    "Trace",
    "__version__",
    "cells",
    "clamp",
    "errors",
    "evaluation",
    "export",
    "insight",
    "load",
    "nn",
    "ops",
    "reading",
    "sklearn",
    "trace",
    "training",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        return _version()
    if name in _MODULES:
        return importlib.import_module(f"peephole.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"peephole.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'peephole' has no attribute {name!r}")


def _version() -> str:
    """Return the version that was installed; it was made of the tag of the source. Reading it takes longer than importing us."""
    from importlib import metadata

    try:
        found = metadata.version("peephole")
    except metadata.PackageNotFoundError:  # the folder `src` is on the path, and nothing is installed
        found = "0+source"
    globals()["__version__"] = found
    return found


def __dir__() -> list[str]:
    return __all__
