"""The shipped model, read: its gates on a sentence and over texts, and what is on its conveyor."""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole.classifier import Classifier
from peephole.classifier.loading import load
from peephole.classifier.shipped import find_model
from peephole.insight import Trace, belts, clamp, trace
from peephole.reading.sample import sample_reviews

Floats = npt.NDArray[np.floating[Any]]
SENTENCE = "The plot was not good, but I loved every minute of it."
TRACKS = ("layer0.forward", "layer0.reverse")


@functools.cache
def model() -> Classifier:
    """Return the shipped model."""
    return load()


def digest() -> str:
    """Return the beginning of the SHA-256 of the shipped model's weights: with another model, numbers are others."""
    return hashlib.sha256((find_model(None) / "model.safetensors").read_bytes()).hexdigest()[:12]


def groups(count: int, size: int) -> list[tuple[list[str], list[str]]]:
    """Return groups of texts and their labels, from the test part of the built-in sample, each of another seed.

    >>> [len(texts) for texts, _ in groups(2, 3)]
    [3, 3]
    """
    drawn = [sample_reviews("test", size, seed=seed) for seed in range(1, count + 1)]
    return [([record.text for record in part], [str(record.label) for record in part]) for part in drawn]


def mean_gates(size: int) -> dict[str, Floats]:
    """Return what each value of each unit is on average `[H]`, over texts of the sample's training part."""
    seen = trace(model(), [record.text for record in sample_reviews("train", size, seed=1)])
    return {name: seen.rows(name).mean(axis=0) for name in seen.names}


def accuracy(texts: list[str], labels: list[str], held: dict[str, Any]) -> float:
    """Return the share of texts that the model tells right while some values are held."""
    seen = clamp(model(), texts, held) if held else trace(model(), texts)
    return float(np.mean([found.label == label for found, label in zip(seen.texts, labels, strict=True)]))


def remains(seen: Trace, track: str) -> Floats:
    """Return what is left of each step's write after each step, summed without sign over the units: `[T, T]`.

    Row j is what step j put on the conveyor, column t the time after step t; 0 before it was written. A forward track alone.
    """
    belt = belts(seen)[track]
    now = np.zeros_like(belt.keep)  # of each step's write
    left = np.zeros((len(now), len(now)))
    for t, keep in enumerate(belt.keep):
        now *= keep
        now[t] = np.abs(belt.write[t])
        left[:, t] = now.sum(axis=1)
    return left
