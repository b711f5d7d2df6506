"""A small corpus without labels, and a recipe that learns it in seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peephole.training import LanguageRecipe, PretrainRequest

WORDS = (
    "the",
    "old",
    "cat",
    "sat",
    "on",
    "a",
    "warm",
    "mat",
    "and",
    "saw",
    "two",
    "small",
    "dogs",
    "run",
    "by",
)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Sentences in which each word but the first follows from the one before."""
    chance = np.random.default_rng(0)
    lines = []
    for _ in range(400):
        first = int(chance.integers(0, len(WORDS)))
        lines.append(
            " ".join(WORDS[(first + step) % len(WORDS)] for step in range(int(chance.integers(4, 12))))
        )
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(sorted(set(lines))))
    return path


@pytest.fixture
def recipe() -> Callable[..., LanguageRecipe]:
    """A tiny language model's recipe, with changes."""

    def make(**changes: Any) -> LanguageRecipe:
        settings: dict[str, Any] = {
            "tokenizer": "word", "vocabulary": 300, "embedding": 12, "hidden_size": 16, "streams": 8, "window": 10, "epochs": 3.0,
            "candidates": 0, "warmup_steps": 3, "learning_rate": 0.02, "development_share": 0.1,
        }  # fmt: skip
        return LanguageRecipe(**(settings | changes))

    return make


@pytest.fixture
def pretrain_request(texts: Path, recipe, tmp_path: Path) -> Callable[..., PretrainRequest]:
    """A request for a tiny run."""

    def make(name: str = "lm", changes: dict[str, Any] | None = None, **options: Any) -> PretrainRequest:
        settings = {"recipe": recipe(**(changes or {})), "checkpoint_steps": 2} | options
        return PretrainRequest(sources=(texts,), output=tmp_path / name, **settings)

    return make
