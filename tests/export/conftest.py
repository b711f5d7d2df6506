"""Keras, on torch, away from the user's own settings; tests of it skip where it is not installed."""

from __future__ import annotations

import os
import warnings
from types import ModuleType

import pytest
import torch


@pytest.fixture(scope="session")
def keras(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """Keras 3 with torch underneath, so that its own gradients can be had."""
    os.environ["KERAS_BACKEND"] = "torch"
    os.environ["KERAS_HOME"] = str(tmp_path_factory.mktemp("keras"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("keras")


@pytest.fixture
def exact_products(keras: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras multiplies float64 in float32 (its rules of promotion, seen on torch): let torch multiply, for an oracle to 1e-10."""
    monkeypatch.setattr(keras.src.backend.numpy, "matmul", torch.matmul)
